#include "daemon/status/http_crowd.h"

#include "base/clock.h"

struct gw_http_guest *gw_http_crowd_add(struct gw_http_crowd *c, int fd, const struct sockaddr *address)
{
	for (size_t i = 0; i < GW_HTTP_CROWD_MAX; i++) {
		struct gw_http_guest *g = &c->guests[i];
		if (g->is_there)
			continue;
		*g = (struct gw_http_guest){.fd = fd, .is_there = true, .arrival.at_ns = gw_clock_ns()};
		gw_host_of_address(address, &g->arrival.host);
		return g;
	}
	return NULL;
}

void gw_http_crowd_yield(struct gw_http_crowd *c)
{
	struct gw_host_arrival crowd[GW_HTTP_CROWD_MAX];
	struct gw_http_guest *there[GW_HTTP_CROWD_MAX];
	size_t n = 0;
	for (size_t i = 0; i < GW_HTTP_CROWD_MAX; i++) {
		if (!c->guests[i].is_there)
			continue;
		there[n] = &c->guests[i];
		crowd[n++] = c->guests[i].arrival;
	}
	if (n > 0)
		shutdown(there[gw_host_yields(crowd, n)]->fd, SHUT_RDWR);
}

void gw_http_crowd_cut_slow(struct gw_http_crowd *c, uint64_t now, uint64_t limit_ns)
{
	for (size_t i = 0; i < GW_HTTP_CROWD_MAX; i++) {
		struct gw_http_guest *g = &c->guests[i];
		if (!g->is_there || now < g->arrival.at_ns + limit_ns)
			continue;
		shutdown(g->fd, SHUT_RDWR);
		/* Once is enough. */
		g->arrival.at_ns = now;
	}
}

uint64_t gw_http_crowd_deadline(const struct gw_http_crowd *c, uint64_t limit_ns)
{
	uint64_t at = UINT64_MAX;
	for (size_t i = 0; i < GW_HTTP_CROWD_MAX; i++)
		if (c->guests[i].is_there && c->guests[i].arrival.at_ns + limit_ns < at)
			at = c->guests[i].arrival.at_ns + limit_ns;
	return at;
}

struct gw_http_guest *gw_http_crowd_find(struct gw_http_crowd *c, int fd)
{
	for (size_t i = 0; i < GW_HTTP_CROWD_MAX; i++)
		if (c->guests[i].is_there && c->guests[i].fd == fd)
			return &c->guests[i];
	return NULL;
}
