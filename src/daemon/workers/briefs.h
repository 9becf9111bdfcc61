/* Connections that asked for no buffer: they only queried the server. A stock client makes a dozen of them for each
 * model that it loads, so the log counts them by host instead of showing each: in the line of the host's next client
 * that does more, or else in a line of their own. Used by one thread. */
#ifndef GW_DAEMON_WORKERS_BRIEFS_H
#define GW_DAEMON_WORKERS_BRIEFS_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/clients/host.h"
#include "daemon/clients/visitor.h"

#define GW_BRIEFS_HOSTS 8
#define GW_BRIEFS_NS UINT64_C(60000000000)

struct gw_briefs {
	struct gw_brief {
		struct gw_host host;
		unsigned n;
		uint64_t until;                  /* when to log them, in gw_clock_ns */
		char client[GW_CONNECTION_TEXT]; /* the first one */
	} hosts[GW_BRIEFS_HOSTS];                /* the oldest first */
	size_t n;
};

/* Counts one. If there are too many hosts, logs those of the oldest. */
void gw_briefs_add(struct gw_briefs *b, const struct gw_host *host, const char *client);

/* How many connections of this host were counted. They will not be logged. */
unsigned gw_briefs_take(struct gw_briefs *b, const struct gw_host *host);

/* When to call gw_briefs_tick next, in gw_clock_ns; UINT64_MAX if there is nothing to log. */
uint64_t gw_briefs_deadline(const struct gw_briefs *b);

/* Logs the hosts whose time is over. */
void gw_briefs_tick(struct gw_briefs *b);

/* Logs all of them now. */
void gw_briefs_flush(struct gw_briefs *b);

#endif
