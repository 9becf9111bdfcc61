#include "daemon/invitation.h"

#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

static void log_line(const struct gw_endpoint *ep)
{
	char text[GW_ENDPOINT_MAX + 16];
	gw_endpoint_format(ep, text, sizeof(text));
	gw_log_info("  clients use    : --rpc %s%s", text,
		gw_endpoint_is_local(ep) ? " (on this machine only; -H ADDRESS admits others)" : "");
}

/* Link-local addresses need the name of the client's interface, and loopback ones are of no use elsewhere. */
static bool is_useful(const struct ifaddrs *a, int family, const char *host)
{
	return (a->ifa_flags & IFF_UP) && !(a->ifa_flags & IFF_LOOPBACK) &&
	       (a->ifa_addr->sa_family == family || a->ifa_addr->sa_family == AF_INET) && !strchr(host, '%');
}

/* A socket of :: takes IPv4 connections, too. Whether there was any address. */
static bool log_interfaces(const struct gw_endpoint *bound, int family)
{
	struct ifaddrs *all;
	bool any = false;
	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		struct gw_endpoint ep = *bound;
		if (!a->ifa_addr || (a->ifa_addr->sa_family != AF_INET && a->ifa_addr->sa_family != AF_INET6))
			continue;
		socklen_t len =
			a->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
		if (getnameinfo(a->ifa_addr, len, ep.host, sizeof(ep.host), NULL, 0, NI_NUMERICHOST) != 0 ||
			!is_useful(a, family, ep.host))
			continue;
		log_line(&ep);
		any = true;
	}
	freeifaddrs(all);
	return any;
}

void gw_invitation_log(const struct gw_endpoint *bound)
{
	int family = strcmp(bound->host, "0.0.0.0") == 0 ? AF_INET : strcmp(bound->host, "::") == 0 ? AF_INET6 : 0;
	if (!family || !log_interfaces(bound, family))
		log_line(bound);
}

void gw_invitation_log_firewall(const struct gw_endpoint *bound)
{
	char name[HOST_NAME_MAX + 1] = "";
	if (gw_endpoint_is_local(bound))
		return;
	(void)gethostname(name, sizeof(name) - 1);
	gw_log_info("  host name      : %s", name);
	gw_log_info("  firewall       : it has to admit clients to TCP port %u, for example: nft add rule inet filter "
		    "input tcp "
		    "dport %u accept",
		bound->port, bound->port);
}
