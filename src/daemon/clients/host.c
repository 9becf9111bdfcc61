#include "daemon/clients/host.h"

#include <netinet/in.h>
#include <string.h>

static void take_ipv6(const struct in6_addr *address, struct gw_host *out)
{
	bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(address);
	out->family = is_ipv4 ? AF_INET : AF_INET6;
	if (is_ipv4)
		memcpy(out->key, address->s6_addr + 12, 4);
	else
		memcpy(out->key, address->s6_addr, 8);
}

static void take_user(int fd, struct gw_host *out)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	out->family = AF_UNIX;
	memcpy(out->key, &peer.uid, sizeof(peer.uid));
}

void gw_host_of_address(const struct sockaddr *address, struct gw_host *out)
{
	*out = (struct gw_host){.family = address->sa_family};
	if (address->sa_family == AF_INET)
		memcpy(out->key, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	else if (address->sa_family == AF_INET6)
		take_ipv6(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, out);
}

void gw_host_of(int fd, struct gw_host *out)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(address);
	if (getpeername(fd, (struct sockaddr *)&address, &len) < 0)
		address.ss_family = AF_UNSPEC;
	gw_host_of_address((const struct sockaddr *)&address, out);
	if (address.ss_family == AF_UNIX)
		take_user(fd, out);
}

bool gw_host_is_same(const struct gw_host *a, const struct gw_host *b)
{
	return a->family == b->family && memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

static size_t count_of(const struct gw_host_arrival *crowd, size_t n, const struct gw_host *host)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += gw_host_is_same(&crowd[i].host, host);
	return count;
}

size_t gw_host_yields(const struct gw_host_arrival *crowd, size_t n)
{
	size_t found = 0, most = count_of(crowd, n, &crowd[0].host);
	for (size_t i = 1; i < n; i++) {
		size_t count = count_of(crowd, n, &crowd[i].host);
		if (count < most || (count == most && crowd[i].at_ns >= crowd[found].at_ns))
			continue;
		most = count;
		found = i;
	}
	return found;
}
