#include "transport/rdma/wait.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/thread.h"
#include "transport/rdma/work.h"

#define SPIN_US 50
#define SPIN_MAX_US 1000000
#define SPIN_LONGER 4 /* at most so many times as long if the last waits were that short */
#define ACK_EVENTS 64 /* events acknowledged at once: each call takes a lock */

/* This side's device has acknowledged everything that the peer sent before it closed TCP, so it is here or about to be.
 */
#define LATE_NS UINT64_C(2000000)

uint64_t gw_rdma_spin_ns(void)
{
	const char *text = getenv("GGML_RPC_SPIN_US");
	unsigned long us = SPIN_US;
	if (text && *text && text[strspn(text, "0123456789")] == '\0')
		us = strtoul(text, NULL, 10);
	return (us < SPIN_MAX_US ? us : SPIN_MAX_US) * 1000;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void take_event(struct gw_rdma *r)
{
	struct ibv_cq *cq;
	void *context;
	if (r->v->get_cq_event(r->channel, &cq, &context)) {
		gw_rdma_fail(r, GW_ERR_LOST, "an event of the completion queue cannot be read");
		return;
	}
	if (++r->events == ACK_EVENTS) {
		r->v->ack_cq_events(r->cq, r->events);
		r->events = 0;
	}
}

/* The socket is readable. After the upgrade that can only be its end. */
static void look_at_tcp(struct gw_rdma *r)
{
	char byte;
	ssize_t n = recv(r->tcp_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n > 0) {
		gw_rdma_fail(r, GW_ERR_PROTOCOL, "the peer has sent bytes on TCP after both had changed to RDMA");
		return;
	}
	uint64_t until = gw_clock_ns() + LATE_NS;
	while (!gw_rdma_progress(r) && gw_clock_ns() < until)
		relax();
	if (n < 0 && errno != ECONNRESET && errno != EPIPE)
		gw_rdma_fail(r, GW_ERR_LOST, "the peer no longer answers: %s", strerror(errno));
	r->ended = true;
}

/* Polls device and socket without the lock. */
static enum gw_status sleep_on(struct gw_rdma *r, uint64_t deadline)
{
	struct pollfd fds[] = {{.fd = r->channel->fd, .events = POLLIN},
		{.fd = r->ended ? -1 : r->tcp_fd, .events = POLLIN | POLLRDHUP}};
	int timeout = gw_clock_ms_left(deadline);
	pthread_mutex_unlock(&r->lock);
	int n = poll(fds, 2, timeout);
	pthread_mutex_lock(&r->lock);
	if (n > 0 && fds[0].revents)
		take_event(r);
	if (n > 0 && fds[1].revents)
		look_at_tcp(r);
	if (!gw_rdma_progress(r) && n == 0)
		return GW_ERR_TIMEOUT;
	return GW_OK;
}

/* Sleeping and waking up costs about as much as the default spin. Spinning longer pays if the answer is likely to come
 * within a few times that. */
static uint64_t worth_spinning(const struct gw_rdma *r)
{
	uint64_t likely = 2 * r->typical;
	if (likely > SPIN_LONGER * r->spin_ns)
		return r->spin_ns;
	return likely > r->spin_ns ? likely : r->spin_ns;
}

static bool spin(struct gw_rdma *r)
{
	uint64_t until = gw_clock_ns() + worth_spinning(r), completed = r->completed;
	do {
		if (gw_rdma_progress(r) || atomic_load(&r->down))
			return true;
		/* Another thread may want to send, and a software device needs a processor to work on. */
		pthread_mutex_unlock(&r->lock);
		sched_yield();
		pthread_mutex_lock(&r->lock);
		/* The other thread may have handled what this one waits for, which raises no further event. */
		if (r->completed != completed)
			return true;
	} while (gw_clock_ns() < until);
	return false;
}

static enum gw_status lead(struct gw_rdma *r, uint64_t deadline)
{
	if (deadline > 0) {
		if (spin(r))
			return GW_OK;
		if (ibv_req_notify_cq(r->cq, 0))
			gw_rdma_fail(r, GW_ERR_LOST, "the completion queue cannot be armed");
	}
	/* Completions from before the queue was armed raise no event. */
	if (gw_rdma_progress(r) || r->failed)
		return GW_OK;
	return sleep_on(r, deadline);
}

static enum gw_status follow(struct gw_rdma *r, uint64_t deadline)
{
	return gw_cond_wait_until(&r->changed, &r->lock, deadline) ? GW_OK : GW_ERR_TIMEOUT;
}

enum gw_status gw_rdma_wait(struct gw_rdma *r, uint64_t deadline)
{
	if (r->waiting)
		return follow(r, deadline);
	r->waiting = true;
	uint64_t start = gw_clock_ns();
	enum gw_status status = lead(r, deadline);
	uint64_t took = gw_clock_ns() - start;
	r->typical = (3 * r->typical + (took < GW_NS_PER_MS ? took : GW_NS_PER_MS)) / 4;
	r->waiting = false;
	pthread_cond_broadcast(&r->changed);
	return status;
}

enum gw_status gw_rdma_wait_for_peer(struct gw_rdma *r, struct gw_error *err)
{
	int ms = r->base.silence_ms;
	uint64_t deadline = gw_clock_deadline(ms > 0 ? ms : -1);
	if (gw_rdma_wait(r, deadline) != GW_ERR_TIMEOUT)
		return GW_OK;
	return gw_error_set(err, GW_ERR_TIMEOUT, "the peer no longer answers");
}

enum gw_status gw_rdma_await_first(struct gw_rdma *r, int tcp_fd, bool *over_rdma, struct gw_error *err)
{
	struct pollfd fds[] = {{.fd = r->channel->fd, .events = POLLIN}, {.fd = tcp_fd, .events = POLLIN}};
	for (;;) {
		if (ibv_req_notify_cq(r->cq, 0))
			gw_rdma_fail(r, GW_ERR_LOST, "the completion queue cannot be armed");
		(void)gw_rdma_progress(r);
		int n = poll(fds, 2, r->ready_len > 0 || r->failed ? 0 : -1);
		if (n > 0 && fds[0].revents)
			take_event(r);
		(void)gw_rdma_progress(r);
		*over_rdma = r->ready_len > 0;
		if (*over_rdma || (n > 0 && fds[1].revents))
			return GW_OK;
		if (r->failed)
			return gw_rdma_broken(r, err);
	}
}
