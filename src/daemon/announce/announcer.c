#include "daemon/announce/announcer.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/announce/announce_run.h"
#include "daemon/processes/process.h"

#define RETRY_NS (10 * GW_NS_PER_S)

struct gw_announcer {
	struct gw_control_msg first;
	struct gw_process process; /* pid 0: none runs */
	uint64_t start_at;         /* when to start it again; GW_CLOCK_NEVER: not */
};

/* Whether an interface has the address that an endpoint is bound to. */
static bool has_address(const struct ifaddrs *a, const char *host)
{
	char text[INET6_ADDRSTRLEN] = "";
	if (!a->ifa_addr)
		return false;
	if (a->ifa_addr->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr, text,
			sizeof(text));
	else if (a->ifa_addr->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr, text,
			sizeof(text));
	return text[0] && strncmp(text, host, strcspn(host, "%")) == 0 && strlen(text) == strcspn(host, "%");
}

/* The interface whose addresses avahi-daemon announces for an endpoint; 0: all, or it is unknown. */
static unsigned interface_of(const char *host)
{
	struct ifaddrs *all;
	unsigned found = 0;
	if (getifaddrs(&all) < 0)
		return 0;
	for (const struct ifaddrs *a = all; a && !found; a = a->ifa_next)
		if (has_address(a, host))
			found = if_nametoindex(a->ifa_name);
	freeifaddrs(all);
	return found;
}

bool gw_announcement_add(struct gw_publication *p, const struct gw_endpoint *bound, const struct gw_terms *terms)
{
	static const char *const tls[] = {[GW_TLS_OFF] = "off", [GW_TLS_ON] = "on", [GW_TLS_REQUIRE] = "require"};
	const struct gw_version *v = &terms->dialect->version;
	if (gw_endpoint_is_local(bound) || p->n == GW_PUBLISH_MAX)
		return false;
	struct gw_publish_service *s = &p->services[p->n++];
	*s = (struct gw_publish_service){.port = bound->port};
	/* A socket of :: takes IPv4 connections, too. */
	if (strcmp(bound->host, "::") != 0)
		s->family = strchr(bound->host, ':') ? AF_INET6 : AF_INET;
	s->interface = interface_of(bound->host);
	snprintf(s->protocol, sizeof(s->protocol), "%u.%u.%u", v->major, v->minor, v->patch);
	snprintf(s->tls, sizeof(s->tls), "%s", tls[terms->tls]);
	return true;
}

static enum gw_status start(struct gw_announcer *a, struct gw_error *err)
{
	const struct gw_process_start how = {.kind = GW_PROCESS_ANNOUNCE, .first = &a->first, .environment = ""};
	enum gw_status status = gw_process_spawn(&how, &a->process, err);
	a->start_at = status ? gw_clock_ns() + RETRY_NS : GW_CLOCK_NEVER;
	if (status)
		a->process.pid = 0;
	return status;
}

enum gw_status gw_announcer_new(const struct gw_publication *p, const struct gw_control_setup *setup,
	struct gw_announcer **out, struct gw_error *err)
{
	struct gw_announcer *a = calloc(1, sizeof(*a));
	if (!a)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	a->first.type = GW_CONTROL_ANNOUNCE;
	a->first.u.announce = (struct gw_control_announce){.sandbox = setup->sandbox,
		.has_log_level = setup->has_log_level,
		.log_level = setup->log_level,
		.log_format = setup->log_format,
		.publication = *p};
	enum gw_status status = start(a, err);
	if (status)
		free(a);
	else
		*out = a;
	return status;
}

void gw_announcer_free(struct gw_announcer *a)
{
	if (!a)
		return;
	if (a->process.pid)
		close(a->process.control);
	free(a);
}

uint64_t gw_announcer_deadline(const struct gw_announcer *a)
{
	return a ? a->start_at : GW_CLOCK_NEVER;
}

void gw_announcer_tick(struct gw_announcer *a)
{
	struct gw_error err;
	if (a && !a->process.pid && gw_clock_ns() >= a->start_at && start(a, &err))
		gw_log_error("announcing: %s", err.text);
}

void gw_announcer_reap(struct gw_announcer *a)
{
	int status;
	if (!a || !a->process.pid || waitpid(a->process.pid, &status, WNOHANG) != a->process.pid)
		return;
	close(a->process.control);
	a->process.pid = 0;
	/* It has said why it cannot announce anything here. */
	bool gave_up = WIFEXITED(status) && WEXITSTATUS(status) == GW_ANNOUNCE_UNAVAILABLE;
	a->start_at = gave_up ? GW_CLOCK_NEVER : gw_clock_ns() + RETRY_NS;
}
