/* Whom a connection is from, for what outlives it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "transport/tcp/tcp.h"

static void ipv6_domain(const struct sockaddr_in6 *sin6, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
		inet_ntop(AF_INET, &sin6->sin6_addr.s6_addr[12], host, sizeof(host));
		snprintf(out, size, "host-%s", host);
		return;
	}
	inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
	if (sin6->sin6_scope_id)
		snprintf(out, size, "host-%s%%%u", host, (unsigned)sin6->sin6_scope_id);
	else
		snprintf(out, size, "host-%s", host);
}

void gw_tcp_peer_domain(int fd, char *out, size_t size)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	} peer = {.storage = {0}};
	char host[INET_ADDRSTRLEN];
	struct ucred user;
	socklen_t len = sizeof(peer), user_len = sizeof(user);
	snprintf(out, size, "%s", "");
	if (getpeername(fd, &peer.any, &len))
		return;
	if (peer.any.sa_family == AF_INET6) {
		ipv6_domain(&peer.in6, out, size);
	} else if (peer.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &peer.in.sin_addr, host, sizeof(host));
		snprintf(out, size, "host-%s", host);
	} else if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &user_len)) {
		snprintf(out, size, "user-%u", (unsigned)user.uid);
	}
}
