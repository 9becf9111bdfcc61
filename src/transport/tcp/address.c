#include "transport/tcp/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum gw_status gw_tcp_resolve(const struct gw_endpoint *ep, bool listening, struct addrinfo **out, struct gw_error *err)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | (listening ? AI_PASSIVE : 0),
	};
	char port[8];
	snprintf(port, sizeof(port), "%u", ep->port);
	int rc = getaddrinfo(ep->host, port, &hints, out);
	if (rc != 0)
		return gw_error_set(
			err, GW_ERR_NOT_FOUND, "cannot find the address of \"%s\": %s", ep->host, gai_strerror(rc));
	return GW_OK;
}

static void ipv6_text(const struct sockaddr_in6 *sin6, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "?";
	bool mapped = IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr);
	if (mapped)
		inet_ntop(AF_INET, &sin6->sin6_addr.s6_addr[12], host, sizeof(host));
	else
		inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
	snprintf(out, size, mapped ? "%s:%u" : "[%s]:%u", host, ntohs(sin6->sin6_port));
}

void gw_tcp_address_text(const struct sockaddr *address, socklen_t len, char *out, size_t size)
{
	char host[INET_ADDRSTRLEN] = "?";
	if (address->sa_family == AF_INET6) {
		ipv6_text((const struct sockaddr_in6 *)(const void *)address, out, size);
	} else if (address->sa_family == AF_INET) {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)(const void *)address;
		inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
		snprintf(out, size, "%s:%u", host, ntohs(sin->sin_port));
	} else {
		const struct sockaddr_un *sun = (const struct sockaddr_un *)(const void *)address;
		size_t path =
			len > offsetof(struct sockaddr_un, sun_path) ? len - offsetof(struct sockaddr_un, sun_path) : 0;
		snprintf(out, size, "unix:%.*s", (int)strnlen(sun->sun_path, path), sun->sun_path);
	}
}

int gw_socket_family(int fd)
{
	int family = AF_UNSPEC;
	socklen_t len = sizeof(family);
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0 ? AF_UNSPEC : family;
}

bool gw_socket_peer_name(int fd, char *out, size_t size)
{
	union gw_socket_address address = {0};
	const socklen_t no_path = offsetof(struct sockaddr_un, sun_path);
	socklen_t len = sizeof(address);
	int rc = getpeername(fd, &address.any, &len);
	/* A Unix client has no name of its own: the path that it connected to says more. */
	if (rc == 0 && address.any.sa_family == AF_UNIX && len <= no_path) {
		len = sizeof(address);
		rc = getsockname(fd, &address.any, &len);
	}
	if (rc == 0)
		gw_tcp_address_text(&address.any, len, out, size);
	return rc == 0;
}

int gw_socket_listen(int fd, const struct sockaddr *address, socklen_t len, int backlog)
{
	return bind(fd, address, len) < 0 || listen(fd, backlog) < 0 ? errno : 0;
}
