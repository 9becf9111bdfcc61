#include "transport/tcp/unix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/tcp/address.h"
#include "transport/tcp/stream.h"

#define PATH_MAX_BYTES (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static enum gw_status unix_parse(const char *text, bool allow_port_0, struct gw_endpoint *ep, struct gw_error *err)
{
	(void)allow_port_0;
	if (!*text)
		return gw_error_set(err, GW_ERR_INVALID, "a path must follow \"unix:\"");
	if (strlen(text) > PATH_MAX_BYTES)
		return gw_error_set(
			err, GW_ERR_INVALID, "the path of a Unix socket has at most %zu bytes", PATH_MAX_BYTES);
	memcpy(ep->host, text, strlen(text));
	return GW_OK;
}

static void unix_format(const struct gw_endpoint *ep, char *out, size_t size)
{
	snprintf(out, size, "%s%s", gw_unix_transport.prefix, ep->host);
}

static bool unix_is_local(const struct gw_endpoint *ep)
{
	(void)ep;
	return true;
}

/* The path of an endpoint fits: unix_parse has checked it. */
static struct sockaddr_un address_of(const struct gw_endpoint *ep)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, ep->host, strnlen(ep->host, PATH_MAX_BYTES));
	return address;
}

/* Connecting waits for room in the listener's backlog only if the socket blocks; SO_SNDTIMEO bounds that wait. */
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

static enum gw_status unix_dial(
	const struct gw_endpoint *ep, int timeout_ms, struct gw_transport **out, struct gw_error *err)
{
	const struct sockaddr_un address = address_of(ep);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "cannot open a socket");
	int failure = connect_path(fd, &address, timeout_ms);
	enum gw_status status;
	if (failure == EAGAIN)
		status = gw_error_set(err, GW_ERR_TIMEOUT, "cannot connect: %s: no answer", ep->host);
	else if (failure)
		status = gw_error_errno(err, GW_ERR_SYSTEM, failure, "cannot connect: %s", ep->host);
	else
		status = gw_stream_new(fd, GW_STREAM_UNIX, out, err);
	if (status)
		close(fd);
	return status;
}

/* Whether a server accepts connections at the path. */
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

/* Removes the socket file of a listener that is gone; any other file at the path stays. */
static enum gw_status remove_stale(
	const struct gw_endpoint *ep, const struct sockaddr_un *address, struct gw_error *err)
{
	struct stat st;
	if (lstat(ep->host, &st) < 0)
		return errno == ENOENT ? GW_OK : gw_error_set(err, GW_ERR_SYSTEM, "%s", strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return gw_error_set(err, GW_ERR_INVALID, "the file exists and is not a socket");
	if (is_live(address))
		return gw_error_set(err, GW_ERR_INVALID, "another server is listening there");
	return unlink(ep->host) < 0 && errno != ENOENT ? gw_error_set(err, GW_ERR_SYSTEM, "%s", strerror(errno))
						       : GW_OK;
}

static enum gw_status unix_listen(
	const struct gw_endpoint *ep, int backlog, int *out, struct gw_endpoint *bound, struct gw_error *err)
{
	const struct sockaddr_un address = address_of(ep);
	enum gw_status status = remove_stale(ep, &address, err);
	if (status)
		return status;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return gw_error_set(err, GW_ERR_SYSTEM, "%s", strerror(errno));
	int failure = gw_socket_listen(fd, (const struct sockaddr *)&address, sizeof(address), backlog);
	if (failure) {
		close(fd);
		return gw_error_set(err, GW_ERR_SYSTEM, "%s", strerror(failure));
	}
	*out = fd;
	*bound = *ep;
	return GW_OK;
}

/* A socket without a file has a name that begins with a zero byte, or none. */
static bool unix_adopt(int fd, struct gw_endpoint *ep)
{
	union gw_socket_address address = {0};
	socklen_t len = sizeof(address);
	if (gw_socket_family(fd) != AF_UNIX || getsockname(fd, &address.any, &len) < 0)
		return false;
	size_t n = len > offsetof(struct sockaddr_un, sun_path) ? len - offsetof(struct sockaddr_un, sun_path) : 0;
	*ep = (struct gw_endpoint){.kind = &gw_unix_transport};
	memcpy(ep->host, address.un.sun_path, n < sizeof(ep->host) ? n : sizeof(ep->host) - 1);
	if (n > 0 && !ep->host[0])
		ep->host[0] = '@';
	return true;
}

static enum gw_status unix_from_fd(int fd, struct gw_transport **out, struct gw_error *err)
{
	if (gw_socket_family(fd) != AF_UNIX)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "not a Unix socket");
	return gw_stream_new(fd, GW_STREAM_UNIX, out, err);
}

static bool unix_peer_domain(int fd, char *out, size_t size)
{
	struct ucred user;
	socklen_t len = sizeof(user);
	if (gw_socket_family(fd) != AF_UNIX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &len) < 0)
		return false;
	snprintf(out, size, "user-%u", (unsigned)user.uid);
	return true;
}

const struct gw_transport_kind gw_unix_transport = {
	.prefix = "unix:",
	.has_file = true,
	.parse = unix_parse,
	.format = unix_format,
	.is_local = unix_is_local,
	.dial = unix_dial,
	.listen = unix_listen,
	.adopt = unix_adopt,
	.from_fd = unix_from_fd,
	.peer_name = gw_socket_peer_name,
	.peer_domain = unix_peer_domain,
};
