/* The transport over a connected stream socket. */
#include "transport/tcp/tcp.h"

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
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/iov.h"
#include "transport/tcp/address.h"
#include "transport/tcp/alive.h"

#define SEND_BATCH 64
static_assert(SEND_BATCH <= IOV_MAX, "one sendmsg takes at most IOV_MAX elements");

struct tcp {
	struct gw_transport base;
	int fd;
	atomic_bool down; /* this side has called shutdown */
};

static struct tcp *tcp_of(struct gw_transport *t)
{
	return (struct tcp *)t;
}

static enum gw_status broken(struct tcp *tcp, int errnum, struct gw_error *err)
{
	if (atomic_load(&tcp->down))
		return gw_error_set(err, GW_ERR_LOST, "the connection was shut down");
	if (errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == ETIMEDOUT)
		return gw_error_set(err, GW_ERR_TIMEOUT, "the peer does not answer any more");
	return gw_error_set(err, GW_ERR_LOST, "the connection broke: %s", strerror(errnum));
}

static enum gw_status ended(struct tcp *tcp, size_t got, struct gw_error *err)
{
	if (atomic_load(&tcp->down))
		return gw_error_set(err, GW_ERR_LOST, "the connection was shut down");
	if (got > 0)
		return gw_error_set(err, GW_ERR_LOST, "the peer closed the connection in the middle of a message");
	return gw_error_set(err, GW_ERR_CLOSED, "the peer closed the connection");
}

/* A call that is getting nowhere. */
struct wait {
	uint64_t since; /* when the peer was last known to say something; 0: it was not looked */
	int unread;     /* bytes from it, then */
};

/* Whether the peer has said nothing for too long, although it would if it lived. Looked at every quarter of that time,
 * so at the first look a quarter has passed already. */
static bool is_mute(const struct tcp *tcp, struct wait *w)
{
	uint64_t patience = (uint64_t)tcp->base.silence_ms * (GW_NS_PER_MS * 3 / 4);
	uint64_t now = gw_clock_ns();
	int unread = 0;
	if (!patience)
		return false;
	(void)ioctl(tcp->fd, FIONREAD, &unread);
	if (!w->since || unread != w->unread)
		*w = (struct wait){now, unread};
	return now - w->since >= patience;
}

/* Whether a send or receive that failed is to be tried again. */
static bool goes_on(const struct tcp *tcp, int errnum, struct wait *w)
{
	if (errnum == EAGAIN || errnum == EWOULDBLOCK)
		return !gw_tcp_is_silent(tcp->fd) && !is_mute(tcp, w);
	return errnum == EINTR;
}

static enum gw_status tcp_sendv(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err)
{
	struct tcp *tcp = tcp_of(t);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	struct wait w = {0};
	while (pos.n > 0) {
		struct iovec batch[SEND_BATCH];
		struct msghdr msg = {.msg_iov = batch};
		msg.msg_iovlen = (size_t)gw_iov_peek(&pos, batch, SEND_BATCH, SIZE_MAX);
		ssize_t sent = sendmsg(tcp->fd, &msg, MSG_NOSIGNAL);
		int failure = errno;
		if (sent < 0 && goes_on(tcp, failure, &w))
			continue;
		if (sent < 0)
			return broken(tcp, failure, err);
		gw_iov_advance(&pos, (size_t)sent);
		w = (struct wait){0};
	}
	return GW_OK;
}

static enum gw_status tcp_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct tcp *tcp = tcp_of(t);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	struct wait w = {0};
	size_t sum = 0;
	while (sum < min) {
		struct iovec rest[2];
		struct msghdr msg = {.msg_iov = rest};
		msg.msg_iovlen = (size_t)gw_iov_peek(&pos, rest, 2, SIZE_MAX);
		ssize_t r = recvmsg(tcp->fd, &msg, 0);
		int failure = errno;
		if (r < 0 && goes_on(tcp, failure, &w))
			continue;
		if (r < 0)
			return broken(tcp, failure, err);
		if (r == 0)
			return ended(tcp, sum, err);
		sum += (size_t)r;
		w = (struct wait){0};
		gw_iov_advance(&pos, (size_t)r);
	}
	*got = sum;
	return GW_OK;
}

static bool tcp_readable(struct gw_transport *t, int timeout_ms)
{
	struct pollfd pfd = {.fd = tcp_of(t)->fd, .events = POLLIN};
	uint64_t deadline = timeout_ms > 0 ? gw_clock_deadline(timeout_ms) : 0;
	for (int left = timeout_ms;; left = timeout_ms > 0 ? gw_clock_ms_left(deadline) : timeout_ms) {
		int rc = poll(&pfd, 1, left);
		if (rc >= 0 || errno != EINTR)
			return rc != 0;
	}
}

static void tcp_shutdown(struct gw_transport *t)
{
	struct tcp *tcp = tcp_of(t);
	atomic_store(&tcp->down, true);
	shutdown(tcp->fd, SHUT_RDWR);
}

static void tcp_close(struct gw_transport *t)
{
	close(tcp_of(t)->fd);
	free(t);
}

static const struct gw_transport_ops tcp_ops = {
	.name = "tcp",
	.keeps_boundaries = false,
	.sendv = tcp_sendv,
	.recvv = tcp_recvv,
	.readable = tcp_readable,
	.shutdown = tcp_shutdown,
	.close = tcp_close,
};

static const struct gw_transport_ops unix_ops = {
	.name = "unix",
	.keeps_boundaries = false,
	.sendv = tcp_sendv,
	.recvv = tcp_recvv,
	.readable = tcp_readable,
	.shutdown = tcp_shutdown,
	.close = tcp_close,
};

static void tune(int fd)
{
	const int yes = 1;
	/* Without it messages would only be slower. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	gw_tcp_watch(fd);
}

enum gw_status gw_tcp_from_fd(int fd, struct gw_transport **out, struct gw_error *err)
{
	int family = 0;
	socklen_t len = sizeof(family);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "not a socket");
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "cannot make a socket blocking");
	struct tcp *tcp = calloc(1, sizeof(*tcp));
	if (!tcp)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for a connection");
	if (family != AF_UNIX)
		tune(fd);
	gw_tcp_tick(fd);
	tcp->base.ops = family == AF_UNIX ? &unix_ops : &tcp_ops;
	gw_tcp_peer_name(fd, tcp->base.peer, sizeof(tcp->base.peer));
	tcp->fd = fd;
	*out = &tcp->base;
	return GW_OK;
}

int gw_tcp_fd(const struct gw_transport *t)
{
	return t->ops == &tcp_ops ? ((const struct tcp *)t)->fd : -1;
}

void gw_tcp_peer_name(int fd, char *out, size_t size)
{
	struct sockaddr_storage address = {0};
	struct sockaddr *any = (struct sockaddr *)&address;
	socklen_t len = sizeof(address);
	socklen_t no_path = sizeof(sa_family_t);
	int rc = getpeername(fd, any, &len);
	/* A Unix client has no name of its own: the path it came through says more. */
	if (rc == 0 && address.ss_family == AF_UNIX && len <= no_path) {
		len = sizeof(address);
		rc = getsockname(fd, any, &len);
	}
	if (rc == 0)
		gw_tcp_address_text(any, len, out, size);
	else
		snprintf(out, size, "(not connected)");
}
