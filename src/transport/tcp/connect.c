/* Connecting to an endpoint. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/tcp/address.h"
#include "transport/tcp/tcp.h"

/* An equal share of the time left for each address still to try, so that one that is silent does not use it all. */
static uint64_t share(uint64_t deadline, unsigned addresses_left)
{
	if (deadline == GW_CLOCK_NEVER)
		return GW_CLOCK_NEVER;
	uint64_t now = gw_clock_ns();
	return now < deadline ? now + (deadline - now) / addresses_left : now;
}

/* 0 or an errno: waits for a connect that is under way. */
static int await_connected(int fd, uint64_t deadline)
{
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	int rc;
	do
		rc = poll(&pfd, 1, gw_clock_ms_left(deadline));
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return rc == 0 ? ETIMEDOUT : errno;
	int failure = 0;
	socklen_t len = sizeof(failure);
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) < 0 ? errno : failure;
}

/* 0 and a socket, or an errno. */
static int try_address(const struct addrinfo *ai, uint64_t deadline, int *out)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
	if (fd < 0)
		return errno;
	int failure = connect(fd, ai->ai_addr, ai->ai_addrlen) < 0 ? errno : 0;
	if (failure == EINPROGRESS || failure == EINTR)
		failure = await_connected(fd, deadline);
	if (failure == 0)
		*out = fd;
	else
		close(fd);
	return failure;
}

/* Tries all addresses; the error lists what became of each. */
static enum gw_status try_addresses(const struct addrinfo *list, uint64_t deadline, int *fd, struct gw_error *err)
{
	char tried[sizeof(err->text)] = "";
	size_t used = 0;
	unsigned left = 0;
	int failure = 0;
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
		left++;
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next, left--) {
		failure = try_address(ai, share(deadline, left), fd);
		if (failure == 0)
			return GW_OK;
		char name[128];
		gw_tcp_address_text(ai->ai_addr, ai->ai_addrlen, name, sizeof(name));
		if (used < sizeof(tried))
			used += (size_t)snprintf(tried + used, sizeof(tried) - used, "%s%s: %s", used ? "; " : "", name,
				failure == ETIMEDOUT ? "no answer" : strerror(failure));
	}
	return gw_error_set(err, failure == ETIMEDOUT ? GW_ERR_TIMEOUT : GW_ERR_SYSTEM, "cannot connect: %s", tried);
}

static enum gw_status connect_tcp(const struct gw_endpoint *ep, uint64_t deadline, int *fd, struct gw_error *err)
{
	struct addrinfo *list;
	enum gw_status status = gw_tcp_resolve(ep, false, &list, err);
	if (status)
		return status;
	status = try_addresses(list, deadline, fd, err);
	freeaddrinfo(list);
	return status;
}

/* A Unix connect waits for room in the listener's backlog only where the socket is blocking; SO_SNDTIMEO bounds that.
 */
static int connect_path(int fd, const struct sockaddr_un *address, int timeout_ms)
{
	struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000L};
	const struct timeval none = {0, 0};
	if (timeout_ms <= 0)
		limit = none;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return errno;
	int rc;
	do
		rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return errno;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)) < 0 ? errno : 0;
}

static enum gw_status connect_unix(const struct gw_endpoint *ep, int timeout_ms, int *out, struct gw_error *err)
{
	struct sockaddr_un address;
	enum gw_status status = gw_tcp_unix_address(ep, &address, err);
	if (status)
		return status;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "cannot open a socket");
	int failure = connect_path(fd, &address, timeout_ms);
	if (failure) {
		close(fd);
		if (failure == EAGAIN)
			return gw_error_set(err, GW_ERR_TIMEOUT, "cannot connect: %s: no answer", ep->host);
		return gw_error_errno(err, GW_ERR_SYSTEM, failure, "cannot connect: %s", ep->host);
	}
	*out = fd;
	return GW_OK;
}

enum gw_status gw_tcp_connect(
	const struct gw_endpoint *ep, int timeout_ms, struct gw_transport **out, struct gw_error *err)
{
	uint64_t deadline = gw_clock_deadline(timeout_ms > 0 ? timeout_ms : -1);
	int fd = -1;
	enum gw_status status = ep->kind == GW_ENDPOINT_UNIX ? connect_unix(ep, timeout_ms, &fd, err)
							     : connect_tcp(ep, deadline, &fd, err);
	if (status)
		return status;
	status = gw_tcp_from_fd(fd, out, err);
	if (status)
		close(fd);
	return status;
}
