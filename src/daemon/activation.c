#include "daemon/activation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3

/* A positive decimal number, or 0. */
static long number_in(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	long value = strtol(text, &end, 10);
	return *end || errno ? 0 : value;
}

static bool is_listening(int fd)
{
	int listening = 0, type = 0;
	socklen_t len = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return false;
	len = sizeof(int);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* Where a Unix socket listens: a path, or '@' and a name without one. */
static void unix_name(const struct sockaddr_un *address, socklen_t len, char *out, size_t size)
{
	size_t used = len > offsetof(struct sockaddr_un, sun_path) ? len - offsetof(struct sockaddr_un, sun_path) : 0;
	size_t n = used < size - 1 ? used : size - 1;
	memcpy(out, address->sun_path, n);
	out[n] = 0;
	if (n > 0 && !out[0])
		out[0] = '@';
}

static bool endpoint_of(int fd, struct gw_endpoint *ep)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} address;
	socklen_t len = sizeof(address);
	memset(&address, 0, sizeof(address));
	memset(ep, 0, sizeof(*ep));
	if (getsockname(fd, &address.any, &len) < 0)
		return false;
	switch (address.any.sa_family) {
	case AF_INET:
		ep->kind = GW_ENDPOINT_TCP;
		ep->port = ntohs(address.in.sin_port);
		return inet_ntop(AF_INET, &address.in.sin_addr, ep->host, sizeof(ep->host));
	case AF_INET6:
		ep->kind = GW_ENDPOINT_TCP;
		ep->port = ntohs(address.in6.sin6_port);
		return inet_ntop(AF_INET6, &address.in6.sin6_addr, ep->host, sizeof(ep->host));
	case AF_UNIX:
		ep->kind = GW_ENDPOINT_UNIX;
		unix_name(&address.un, len, ep->host, sizeof(ep->host));
		return true;
	default:
		return false;
	}
}

static enum gw_status take_one(int fd, struct gw_activation *out, struct gw_error *err)
{
	out->fd = fd;
	if (!is_listening(fd) || !endpoint_of(fd, &out->ep))
		return gw_error_set(
			err, GW_ERR_INVALID, "LISTEN_FDS: descriptor %d is no listening TCP or Unix stream socket", fd);
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "LISTEN_FDS: descriptor %d", fd);
	return GW_OK;
}

static void forget(void)
{
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

enum gw_status gw_activation_take(struct gw_activation *out, size_t max, size_t *n, struct gw_error *err)
{
	/* Variables that were meant for another process say nothing about this one's descriptors. */
	long count = number_in("LISTEN_PID") == (long)getpid() ? number_in("LISTEN_FDS") : 0;
	forget();
	if (count > (long)max)
		return gw_error_set(err, GW_ERR_LIMIT, "LISTEN_FDS: more than %zu sockets", max);
	for (long i = 0; i < count; i++) {
		enum gw_status status = take_one(FIRST_FD + (int)i, &out[i], err);
		if (status)
			return status;
	}
	*n = (size_t)count;
	return GW_OK;
}
