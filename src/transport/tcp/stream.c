#include "transport/tcp/stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/iov.h"
#include "transport/mode.h"
#include "transport/tcp/address.h"
#include "transport/tcp/loss.h"

#define SEND_BATCH 64
static_assert(SEND_BATCH <= IOV_MAX, "one sendmsg takes at most IOV_MAX elements");

struct stream {
	struct gw_transport base;
	int fd;
	atomic_bool down; /* this side has called shutdown */
};

static struct stream *stream_of(struct gw_transport *t)
{
	return (struct stream *)t;
}

static enum gw_status broken(struct stream *s, int errnum, struct gw_error *err)
{
	if (atomic_load(&s->down))
		return gw_error_set(err, GW_ERR_LOST, "the connection was shut down");
	if (errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == ETIMEDOUT)
		return gw_error_set(err, GW_ERR_TIMEOUT, "the peer no longer answers");
	return gw_error_set(err, GW_ERR_LOST, "the connection broke: %s", strerror(errnum));
}

static enum gw_status ended(struct stream *s, size_t got, struct gw_error *err)
{
	if (atomic_load(&s->down))
		return gw_error_set(err, GW_ERR_LOST, "the connection was shut down");
	if (got > 0)
		return gw_error_set(err, GW_ERR_LOST, "the peer closed the connection in the middle of a message");
	return gw_error_set(err, GW_ERR_CLOSED, "the peer closed the connection");
}

/* Whether to repeat a send or receive that failed. */
static bool goes_on(const struct stream *s, int errnum, struct gw_transport_wait *w)
{
	if (errnum == EAGAIN || errnum == EWOULDBLOCK)
		return !gw_tcp_is_lost(s->fd, s->base.silence_ms, w);
	return errnum == EINTR;
}

static enum gw_status stream_sendv(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err)
{
	struct stream *s = stream_of(t);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	struct gw_transport_wait w = {0};
	while (pos.n > 0) {
		struct iovec batch[SEND_BATCH];
		struct msghdr msg = {.msg_iov = batch};
		msg.msg_iovlen = (size_t)gw_iov_peek(&pos, batch, SEND_BATCH, SIZE_MAX);
		ssize_t sent = sendmsg(s->fd, &msg, MSG_NOSIGNAL);
		int failure = errno;
		if (sent < 0 && goes_on(s, failure, &w))
			continue;
		if (sent < 0)
			return broken(s, failure, err);
		gw_iov_advance(&pos, (size_t)sent);
		w = (struct gw_transport_wait){0};
	}
	return GW_OK;
}

static enum gw_status stream_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct stream *s = stream_of(t);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	struct gw_transport_wait w = {0};
	size_t sum = 0;
	while (sum < min) {
		struct iovec rest[2];
		struct msghdr msg = {.msg_iov = rest};
		msg.msg_iovlen = (size_t)gw_iov_peek(&pos, rest, 2, SIZE_MAX);
		ssize_t r = recvmsg(s->fd, &msg, 0);
		int failure = errno;
		if (r < 0 && goes_on(s, failure, &w))
			continue;
		if (r < 0)
			return broken(s, failure, err);
		if (r == 0)
			return ended(s, sum, err);
		sum += (size_t)r;
		w = (struct gw_transport_wait){0};
		gw_iov_advance(&pos, (size_t)r);
	}
	*got = sum;
	return GW_OK;
}

static enum gw_status stream_try_sendv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t *done, struct gw_error *err)
{
	const struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n};
	struct stream *s = stream_of(t);
	ssize_t sent = sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return broken(s, errno, err);
	*done = sent > 0 ? (size_t)sent : 0;
	return GW_OK;
}

static enum gw_status stream_try_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t *done, struct gw_error *err)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n};
	struct stream *s = stream_of(t);
	ssize_t got = recvmsg(s->fd, &msg, MSG_DONTWAIT);
	if (got == 0)
		return ended(s, 0, err);
	if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return broken(s, errno, err);
	*done = got > 0 ? (size_t)got : 0;
	return GW_OK;
}

static bool stream_is_lost(struct gw_transport *t, struct gw_transport_wait *wait)
{
	return gw_tcp_is_lost(stream_of(t)->fd, t->silence_ms, wait);
}

static bool stream_readable(struct gw_transport *t, int timeout_ms)
{
	struct pollfd pfd = {.fd = stream_of(t)->fd, .events = POLLIN};
	uint64_t deadline = timeout_ms > 0 ? gw_clock_deadline(timeout_ms) : 0;
	for (int left = timeout_ms;; left = timeout_ms > 0 ? gw_clock_ms_left(deadline) : timeout_ms) {
		int rc = poll(&pfd, 1, left);
		if (rc >= 0 || errno != EINTR)
			return rc != 0;
	}
}

static int stream_hangup_fd(const struct gw_transport *t)
{
	return ((const struct stream *)t)->fd;
}

static void stream_shutdown(struct gw_transport *t)
{
	struct stream *s = stream_of(t);
	atomic_store(&s->down, true);
	shutdown(s->fd, SHUT_RDWR);
}

static void stream_close(struct gw_transport *t)
{
	close(stream_of(t)->fd);
	free(t);
}

#define OPS(name_, title_)                                                                               \
	{                                                                                                \
		.name = (name_), .title = (title_), .sendv = stream_sendv, .recvv = stream_recvv,        \
		.try_sendv = stream_try_sendv, .try_recvv = stream_try_recvv, .is_lost = stream_is_lost, \
		.readable = stream_readable, .hangup_fd = stream_hangup_fd, .shutdown = stream_shutdown, \
		.close = stream_close,                                                                   \
	}

static const struct gw_transport_ops ops[] = {
	[GW_STREAM_TCP] = OPS("tcp", "TCP"),
	[GW_STREAM_UNIX] = OPS("unix", "Unix socket"),
};

static void tune(int fd)
{
	const int yes = 1;
	/* If this fails, messages only take longer. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	gw_tcp_watch(fd);
}

enum gw_status gw_stream_new(int fd, enum gw_stream_kind kind, struct gw_transport **out, struct gw_error *err)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "cannot make a socket blocking");
	struct stream *s = calloc(1, sizeof(*s));
	if (!s)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for a connection");
	if (kind == GW_STREAM_TCP)
		tune(fd);
	gw_tcp_tick(fd);
	s->base.ops = &ops[kind];
	if (!gw_socket_peer_name(fd, s->base.peer, sizeof(s->base.peer)))
		snprintf(s->base.peer, sizeof(s->base.peer), "(not connected)");
	s->fd = fd;
	*out = &s->base;
	return GW_OK;
}

int gw_stream_tcp_fd(const struct gw_transport *t)
{
	return t->ops == &ops[GW_STREAM_TCP] ? ((const struct stream *)t)->fd : -1;
}
