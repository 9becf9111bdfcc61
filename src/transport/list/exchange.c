#include "transport/list/exchange.h"

#include <assert.h>
#include <poll.h>

#include "base/spin.h"
#include "transport/iov.h"
#include "transport/mode.h"

/* Bytes that are taken out of a connection before the caller may work on them. */
#define ARRIVAL_MAX ((size_t)256 << 10)

/* How long to look for more before sleeping. All servers begin at about the same time. */
#define SPIN_NS UINT64_C(50000)

/* What max_unread counts. */
#define HELD_MAX ((size_t)64 << 10)

/* A flow under way. */
struct state {
	const struct gw_flow *flow;
	struct gw_iov_pos out, in;
	size_t sent, received;
	struct gw_transport_wait wait;
};

static bool is_sent(const struct state *s)
{
	return s->out.n == 0;
}

static bool is_done(const struct state *s)
{
	return s->out.n == 0 && s->in.n == 0;
}

static enum gw_status note(struct state *s, size_t sent, size_t received, struct gw_error *err)
{
	if (sent + received == 0)
		return GW_OK;
	gw_iov_advance(&s->out, sent);
	gw_iov_advance(&s->in, received);
	s->sent += sent;
	s->received += received;
	s->wait = (struct gw_transport_wait){0};
	if (s->flow->moved && !s->flow->moved(s->flow->user, s->sent, s->received))
		return gw_error_set(err, GW_ERR_PROTOCOL, "the peer sends something else than expected");
	return GW_OK;
}

/* As much as goes without waiting. */
static enum gw_status move(struct state *s, struct gw_error *err)
{
	struct gw_transport *t = s->flow->t;
	struct iovec iov[GW_FLOW_PARTS];
	enum gw_status status = GW_OK;
	size_t sent = 0, received = 0, made = SIZE_MAX;
	if (s->flow->make && !is_sent(s))
		made = s->flow->make(s->flow->user, s->sent);
	int n = gw_iov_peek(&s->out, iov, GW_FLOW_PARTS, made - s->sent);
	if (n > 0)
		status = t->ops->try_sendv(t, iov, n, &sent, err);
	n = gw_iov_peek(&s->in, iov, GW_FLOW_PARTS, s->flow->moved ? ARRIVAL_MAX : SIZE_MAX);
	if (!status && n > 0)
		status = t->ops->try_recvv(t, iov, n, &received, err);
	return status ? status : note(s, sent, received, err);
}

/* All has been sent, and there is nobody else to wait for: one system call instead of three. Blocks. */
static enum gw_status receive(struct state *s, struct gw_error *err)
{
	struct gw_transport *t = s->flow->t;
	struct iovec iov[GW_FLOW_PARTS];
	size_t received;
	int n = gw_iov_peek(&s->in, iov, GW_FLOW_PARTS, s->flow->moved ? ARRIVAL_MAX : SIZE_MAX);
	enum gw_status status = t->ops->recvv(t, iov, n, 1, &received, err);
	return status ? status : note(s, 0, received, err);
}

/* Until one of the flows can go on. */
static enum gw_status wait_for_any(struct state *states, size_t n, size_t *failed, struct gw_error *err)
{
	struct pollfd polls[GW_FLOWS_MAX];
	for (size_t i = 0; i < n; i++) {
		const struct state *s = &states[i];
		short events = (short)((is_sent(s) ? 0 : POLLOUT) | (s->in.n ? POLLIN : 0));
		polls[i] = (struct pollfd){.fd = -1, .events = events};
		if (!is_done(s))
			polls[i].fd = s->flow->t->ops->hangup_fd(s->flow->t);
	}
	if (poll(polls, (nfds_t)n, gw_transport_timeout_ms() / 4) != 0)
		return GW_OK;
	for (*failed = 0; *failed < n; ++*failed) {
		struct state *s = &states[*failed];
		if (!is_done(s) && s->flow->t->ops->is_lost(s->flow->t, &s->wait))
			return gw_error_set(err, GW_ERR_TIMEOUT, "the peer no longer answers");
	}
	return GW_OK;
}

/* One pass over all flows, without waiting. */
static enum gw_status pass(struct state *states, size_t n, bool *moved, size_t *failed, struct gw_error *err)
{
	*moved = false;
	for (*failed = 0; *failed < n; ++*failed) {
		struct state *s = &states[*failed];
		size_t before = s->sent + s->received;
		enum gw_status status = is_done(s) ? GW_OK : move(s, err);
		if (status)
			return status;
		*moved |= s->sent + s->received > before;
	}
	return GW_OK;
}

static bool all_done(const struct state *states, size_t n)
{
	while (n > 0 && is_done(&states[n - 1]))
		n--;
	return n == 0;
}

static enum gw_status wait_longer(struct state *states, size_t n, size_t *failed, struct gw_error *err)
{
	*failed = 0;
	return n == 1 && is_sent(states) ? receive(states, err) : wait_for_any(states, n, failed, err);
}

static enum gw_status move_all(struct state *states, size_t n, size_t *failed, struct gw_error *err)
{
	struct gw_spin spin = gw_spin_start(SPIN_NS);
	enum gw_status status = GW_OK;
	while (!status && !all_done(states, n)) {
		bool moved;
		status = pass(states, n, &moved, failed, err);
		if (status || all_done(states, n))
			return status;
		if (moved)
			spin = gw_spin_start(SPIN_NS);
		if (!gw_spin_goes_on(&spin))
			status = wait_longer(states, n, failed, err);
		else if (!moved)
			gw_spin_yield(&spin);
	}
	return status;
}

static enum gw_status send_all(struct state *s, struct gw_error *err)
{
	struct gw_transport *t = s->flow->t;
	struct iovec iov[GW_FLOW_PARTS];
	int n = gw_iov_peek(&s->out, iov, GW_FLOW_PARTS, SIZE_MAX);
	enum gw_status status = n > 0 ? t->ops->sendv(t, iov, n, err) : GW_OK;
	for (int i = 0; i < n && !status; i++)
		status = note(s, iov[i].iov_len, 0, err);
	return status;
}

static enum gw_status receive_all(struct state *s, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	while (!status && s->in.n > 0)
		status = receive(s, err);
	return status;
}

/* Whether the peer's end holds what is sent until the peer receives it, so that both can send before they receive. The
 * peer may have left one earlier message unread. */
static bool is_held(const struct gw_flow *f)
{
	bool short_parts = true;
	for (int i = 0; i < GW_FLOW_PARTS; i++)
		short_parts &= f->out[i].iov_len <= HELD_MAX;
	return short_parts && f->t->ops->max_unread >= 2 * GW_FLOW_PARTS;
}

static void make_all(const struct gw_flow *f)
{
	size_t size = f->out[0].iov_len + f->out[1].iov_len;
	for (size_t made = 0; f->make && made < size;)
		made = f->make(f->user, made);
}

static enum gw_status move_in_turn(struct state *states, size_t n, size_t *failed, struct gw_error *err)
{
	for (size_t i = 0; i < n; i++)
		make_all(states[i].flow);
	for (*failed = 0; *failed < n; ++*failed) {
		struct state *s = &states[*failed];
		enum gw_status status = is_held(s->flow) ? send_all(s, err) : GW_OK;
		if (status)
			return status;
	}
	for (*failed = 0; *failed < n; ++*failed) {
		struct state *s = &states[*failed];
		enum gw_status status = s->flow->sends_first ? send_all(s, err) : receive_all(s, err);
		if (!status)
			status = s->flow->sends_first ? receive_all(s, err) : send_all(s, err);
		if (status)
			return status;
	}
	return GW_OK;
}

enum gw_status gw_transport_exchange(const struct gw_flow *flows, size_t n, size_t *failed, struct gw_error *err)
{
	struct state states[GW_FLOWS_MAX];
	size_t ignored;
	bool both_ways = true;
	assert(n <= GW_FLOWS_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct gw_flow *f = &flows[i];
		states[i] = (struct state){.flow = f,
			.out = gw_iov_start(f->out, GW_FLOW_PARTS),
			.in = gw_iov_start(f->in, GW_FLOW_PARTS)};
		both_ways &= f->t->ops->try_sendv != NULL;
	}
	return (both_ways ? move_all : move_in_turn)(states, n, failed ? failed : &ignored, err);
}
