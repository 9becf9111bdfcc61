#include "transport/tcp/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/tcp/address.h"
#include "transport/tcp/stream.h"

static bool parse_port(const char *text, bool allow_0, uint16_t *port)
{
	unsigned value = 0;
	size_t n = strlen(text);
	if (n == 0 || n > 5 || strspn(text, "0123456789") != n)
		return false;
	for (; *text; text++)
		value = value * 10 + (unsigned)(*text - '0');
	if (value > UINT16_MAX || (value == 0 && !allow_0))
		return false;
	*port = (uint16_t)value;
	return true;
}

/* Names may contain letters of every language. This refuses what cannot be a name; the resolver judges the rest. */
static bool is_host_name(const char *host)
{
	if (!*host)
		return false;
	for (; *host; host++) {
		unsigned char c = (unsigned char)*host;
		if (c <= ' ' || c == 0x7f || strchr("[]/@\"'", c))
			return false;
	}
	return true;
}

/* An IPv6 address, followed by %SCOPE if it is link-local. */
static bool is_ipv6(const char *host)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr in6;
	size_t n = strcspn(host, "%");
	if (n >= sizeof(address) || (host[n] == '%' && !is_host_name(host + n + 1)))
		return false;
	memcpy(address, host, n);
	address[n] = '\0';
	return inet_pton(AF_INET6, address, &in6) == 1;
}

static enum gw_status invalid(struct gw_error *err, const char *why)
{
	return gw_error_set(err, GW_ERR_INVALID, "%s", why);
}

static enum gw_status tcp_parse(const char *text, bool allow_port_0, struct gw_endpoint *ep, struct gw_error *err)
{
	bool brackets = text[0] == '[';
	const char *start = brackets ? text + 1 : text;
	const char *end = brackets ? strchr(start, ']') : strchrnul(start, ':');
	const char *colon = brackets && end ? end + 1 : end;
	if (!colon || (*colon && *colon != ':'))
		return invalid(err, "expected HOST, HOST:PORT, [IPV6]:PORT or unix:PATH");
	if (!brackets && *colon && strchr(colon + 1, ':'))
		return invalid(err, "more than one colon: write an IPv6 address in brackets, [IPV6]:PORT");
	memcpy(ep->host, start, (size_t)(end - start));
	if (brackets ? !is_ipv6(ep->host) : !is_host_name(ep->host))
		return invalid(err, brackets ? "no IPv6 address between the brackets" : "no host name");
	ep->port = GW_DEFAULT_PORT;
	if (*colon && !parse_port(colon + 1, allow_port_0, &ep->port))
		return invalid(err,
			allow_port_0 ? "the port is a number up to 65535" : "the port is a number from 1 to 65535");
	return GW_OK;
}

static void tcp_format(const struct gw_endpoint *ep, char *out, size_t size)
{
	snprintf(out, size, strchr(ep->host, ':') ? "[%s]:%u" : "%s:%u", ep->host, ep->port);
}

static bool tcp_is_local(const struct gw_endpoint *ep)
{
	struct in_addr in;
	struct in6_addr in6;
	if (strcasecmp(ep->host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, ep->host, &in) == 1)
		return ntohl(in.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, ep->host, &in6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&in6) || (IN6_IS_ADDR_V4MAPPED(&in6) && in6.s6_addr[12] == 127);
	return false;
}

/* Gives each remaining address an equal share of the remaining time, so that a silent one does not use it up. */
static uint64_t share(uint64_t deadline, unsigned addresses_left)
{
	if (deadline == GW_CLOCK_NEVER)
		return GW_CLOCK_NEVER;
	uint64_t now = gw_clock_ns();
	return now < deadline ? now + (deadline - now) / addresses_left : now;
}

/* Waits for a connect in progress. Returns 0 or an errno. */
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

int gw_tcp_try_address(const struct addrinfo *ai, uint64_t deadline, int *out)
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

/* Tries all addresses; the error lists the outcome of each. */
static enum gw_status try_addresses(const struct addrinfo *list, uint64_t deadline, int *fd, struct gw_error *err)
{
	char tried[sizeof(err->text)] = "";
	size_t used = 0;
	unsigned left = 0;
	int failure = 0;
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
		left++;
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next, left--) {
		failure = gw_tcp_try_address(ai, share(deadline, left), fd);
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

static enum gw_status tcp_dial(
	const struct gw_endpoint *ep, int timeout_ms, struct gw_transport **out, struct gw_error *err)
{
	uint64_t deadline = gw_clock_deadline(timeout_ms > 0 ? timeout_ms : -1);
	struct addrinfo *list;
	int fd = -1;
	enum gw_status status = gw_tcp_resolve(ep, false, &list, err);
	if (status)
		return status;
	status = try_addresses(list, deadline, &fd, err);
	freeaddrinfo(list);
	if (status)
		return status;
	status = gw_stream_new(fd, GW_STREAM_TCP, out, err);
	if (status)
		close(fd);
	return status;
}

/* 0 and a listening socket, or an errno. */
static int listen_at(const struct addrinfo *ai, int backlog, int *out)
{
	const int yes = 1, no = 0;
	int failure = 0;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* [::] takes IPv4 clients too, whatever the system's default is. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
		(ai->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) < 0))
		failure = errno;
	if (!failure)
		failure = gw_socket_listen(fd, ai->ai_addr, ai->ai_addrlen, backlog);
	if (!failure)
		*out = fd;
	else if (fd >= 0)
		close(fd);
	return failure;
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return 0;
	/* Both families have the port at the same offset. */
	struct sockaddr_in in;
	_Static_assert(
		offsetof(struct sockaddr_in6, sin6_port) == offsetof(struct sockaddr_in, sin_port), "same offset");
	memcpy(&in, &address, sizeof(in));
	return ntohs(in.sin_port);
}

static enum gw_status tcp_listen(
	const struct gw_endpoint *ep, int backlog, int *fd, struct gw_endpoint *bound, struct gw_error *err)
{
	struct addrinfo *list;
	enum gw_status status = gw_tcp_resolve(ep, true, &list, err);
	if (status)
		return status;
	int failure = listen_at(list, backlog, fd);
	freeaddrinfo(list);
	if (failure)
		return gw_error_set(err, GW_ERR_SYSTEM, "%s", strerror(failure));
	*bound = *ep;
	bound->port = bound_port(*fd);
	return GW_OK;
}

static bool is_tcp(int fd)
{
	int family = gw_socket_family(fd);
	return family == AF_INET || family == AF_INET6;
}

static bool tcp_adopt(int fd, struct gw_endpoint *ep)
{
	union gw_socket_address address = {0};
	socklen_t len = sizeof(address);
	if (!is_tcp(fd) || getsockname(fd, &address.any, &len) < 0)
		return false;
	*ep = (struct gw_endpoint){.kind = &gw_tcp_transport, .port = bound_port(fd)};
	if (address.any.sa_family == AF_INET6)
		return inet_ntop(AF_INET6, &address.in6.sin6_addr, ep->host, sizeof(ep->host));
	return inet_ntop(AF_INET, &address.in.sin_addr, ep->host, sizeof(ep->host));
}

static enum gw_status tcp_from_fd(int fd, struct gw_transport **out, struct gw_error *err)
{
	if (!is_tcp(fd))
		return gw_error_set(err, GW_ERR_NOT_FOUND, "not a TCP socket");
	return gw_stream_new(fd, GW_STREAM_TCP, out, err);
}

static void ipv6_domain(const struct sockaddr_in6 *in6, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], host, sizeof(host));
		snprintf(out, size, "host-%s", host);
		return;
	}
	inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	if (in6->sin6_scope_id)
		snprintf(out, size, "host-%s%%%u", host, (unsigned)in6->sin6_scope_id);
	else
		snprintf(out, size, "host-%s", host);
}

static bool tcp_peer_domain(int fd, char *out, size_t size)
{
	union gw_socket_address peer = {0};
	char host[INET_ADDRSTRLEN];
	socklen_t len = sizeof(peer);
	if (!is_tcp(fd) || getpeername(fd, &peer.any, &len) < 0)
		return false;
	if (peer.any.sa_family == AF_INET6) {
		ipv6_domain(&peer.in6, out, size);
		return true;
	}
	inet_ntop(AF_INET, &peer.in.sin_addr, host, sizeof(host));
	snprintf(out, size, "host-%s", host);
	return true;
}

const struct gw_transport_kind gw_tcp_transport = {
	.prefix = "",
	.parse = tcp_parse,
	.format = tcp_format,
	.is_local = tcp_is_local,
	.dial = tcp_dial,
	.listen = tcp_listen,
	.adopt = tcp_adopt,
	.from_fd = tcp_from_fd,
	.peer_name = gw_socket_peer_name,
	.peer_domain = tcp_peer_domain,
};
