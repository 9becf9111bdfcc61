/* Opening listening sockets. */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/tcp/address.h"
#include "transport/tcp/tcp.h"

static enum gw_status failed(const struct gw_endpoint *ep, int errnum, struct gw_error *err)
{
	char name[GW_ENDPOINT_MAX + 16];
	gw_endpoint_format(ep, name, sizeof(name));
	return gw_error_errno(err, GW_ERR_SYSTEM, errnum, "cannot listen on %s", name);
}

/* 0 or an errno. */
static int bind_and_listen(int fd, const struct sockaddr *address, socklen_t len, int backlog)
{
	return bind(fd, address, len) < 0 || listen(fd, backlog) < 0 ? errno : 0;
}

static enum gw_status listen_tcp(const struct gw_endpoint *ep, int backlog, int *out, struct gw_error *err)
{
	struct addrinfo *list;
	enum gw_status status = gw_tcp_resolve(ep, true, &list, err);
	if (status)
		return status;
	const int yes = 1, no = 0;
	int failure = 0;
	int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* [::] takes IPv4 clients too, whatever the system's default is. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
		(list->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) < 0))
		failure = errno;
	if (!failure)
		failure = bind_and_listen(fd, list->ai_addr, list->ai_addrlen, backlog);
	freeaddrinfo(list);
	if (failure) {
		if (fd >= 0)
			close(fd);
		return failed(ep, failure, err);
	}
	*out = fd;
	return GW_OK;
}

/* Whether somebody accepts connections at the path. */
static bool is_live(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true;
	/* EAGAIN: a full backlog, so there is a listener. */
	bool live = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != ECONNREFUSED;
	close(fd);
	return live;
}

/* Removes the socket file of a listener that is gone; whatever else is at the path stays. */
static enum gw_status remove_stale(
	const struct gw_endpoint *ep, const struct sockaddr_un *address, struct gw_error *err)
{
	struct stat st;
	if (lstat(ep->host, &st) < 0)
		return errno == ENOENT ? GW_OK : failed(ep, errno, err);
	if (!S_ISSOCK(st.st_mode))
		return gw_error_set(
			err, GW_ERR_INVALID, "cannot listen on unix:%s: the file exists and is no socket", ep->host);
	if (is_live(address))
		return gw_error_set(
			err, GW_ERR_INVALID, "cannot listen on unix:%s: another server does already", ep->host);
	return unlink(ep->host) < 0 && errno != ENOENT ? failed(ep, errno, err) : GW_OK;
}

static enum gw_status listen_unix(const struct gw_endpoint *ep, int backlog, int *out, struct gw_error *err)
{
	struct sockaddr_un address;
	enum gw_status status = gw_tcp_unix_address(ep, &address, err);
	if (!status)
		status = remove_stale(ep, &address, err);
	if (status)
		return status;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return failed(ep, errno, err);
	int failure = bind_and_listen(fd, (const struct sockaddr *)&address, sizeof(address), backlog);
	if (failure) {
		close(fd);
		return failed(ep, failure, err);
	}
	*out = fd;
	return GW_OK;
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return 0;
	/* The port of both families stands at the same place. */
	struct sockaddr_in in;
	_Static_assert(offsetof(struct sockaddr_in6, sin6_port) == offsetof(struct sockaddr_in, sin_port), "one place");
	memcpy(&in, &address, sizeof(in));
	return ntohs(in.sin_port);
}

enum gw_status gw_tcp_listen(
	const struct gw_endpoint *ep, int backlog, int *fd, struct gw_endpoint *bound, struct gw_error *err)
{
	int made = -1;
	enum gw_status status = ep->kind == GW_ENDPOINT_UNIX ? listen_unix(ep, backlog, &made, err)
							     : listen_tcp(ep, backlog, &made, err);
	if (status)
		return status;
	if (bound) {
		*bound = *ep;
		if (ep->kind == GW_ENDPOINT_TCP)
			bound->port = bound_port(made);
	}
	*fd = made;
	return GW_OK;
}
