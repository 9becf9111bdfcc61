/* Which connections of HTTP are open, and which one has to go. One thread. */
#ifndef GW_DAEMON_STATUS_HTTP_CROWD_H
#define GW_DAEMON_STATUS_HTTP_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "daemon/clients/host.h"

#define GW_HTTP_CROWD_MAX 32

struct gw_http_crowd {
	struct gw_http_guest {
		int fd; /* its closer removes it here first */
		bool is_there;
		struct gw_host_arrival arrival; /* from where, and when it connected or had its last answer */
	} guests[GW_HTTP_CROWD_MAX];
};

/* A slot for a new connection, or NULL without one: then another connection must go, gw_http_crowd_yield. */
struct gw_http_guest *gw_http_crowd_add(struct gw_http_crowd *c, int fd, const struct sockaddr *address);

/* Cuts off the connection that has gone longest without an answer, of the host that has most. It is there until the end
 * is noticed. */
void gw_http_crowd_yield(struct gw_http_crowd *c);

/* Cuts off those that have had no answer for so long. */
void gw_http_crowd_cut_slow(struct gw_http_crowd *c, uint64_t now, uint64_t limit_ns);

/* When gw_http_crowd_cut_slow has something to do; UINT64_MAX without connections. */
uint64_t gw_http_crowd_deadline(const struct gw_http_crowd *c, uint64_t limit_ns);

/* The connection with that descriptor, or NULL. */
struct gw_http_guest *gw_http_crowd_find(struct gw_http_crowd *c, int fd);

#endif
