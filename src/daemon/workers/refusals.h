/* Clients that were refused, and why: a line in the log that names the remedy, a number on the board, and a reason for
 * the client (wire/refusal.h). A refused client can come again at once, so each cause writes only a few lines in a
 * time, and the rest is summed up. One thread. */
#ifndef GW_DAEMON_WORKERS_REFUSALS_H
#define GW_DAEMON_WORKERS_REFUSALS_H

#include <stdint.h>

#include "daemon/clients/visitor.h"
#include "daemon/status/scoreboard.h"
#include "wire/refusal.h"

enum gw_refusal {
	GW_REFUSED_NOT,
	GW_REFUSED_ADDRESS,  /* --allow does not name it */
	GW_REFUSED_SILENT,   /* it has not said HELLO in time */
	GW_REFUSED_CROWD,    /* it has not said HELLO while too many others came */
	GW_REFUSED_FULL,     /* as many clients are served as may be */
	GW_REFUSED_HOST,     /* its host has as many connections as it may */
	GW_REFUSED_WORKER,   /* no worker can be had */
	GW_REFUSED_PLAIN,    /* it does not speak TLS where that is required */
	GW_REFUSED_TLS,      /* it speaks TLS where there is none */
	GW_REFUSED_KEY,      /* it has not proved that it has a key */
	GW_REFUSED_SHAKING,  /* too many others have not proved it yet */
	GW_REFUSED_NAME,     /* its identity has as many connections as it may */
	GW_REFUSED_STATUS,   /* --allow-status names its address, and it wanted more than to query the server */
	GW_REFUSED_STOPPING, /* the server is shutting down */
	GW_REFUSALS
};

struct gw_refusals {
	struct gw_scoreboard *board; /* NULL = none */
	unsigned max_clients, max_per_host;
	struct {
		uint64_t until; /* of the time that is looked at; 0 = none is */
		unsigned lines;
		uint64_t more; /* that were not written */
	} causes[GW_REFUSALS];
};

/* The board is lent. */
void gw_refusals_init(struct gw_refusals *r, struct gw_scoreboard *board, unsigned max_clients, unsigned max_per_host);

void gw_refusals_note(struct gw_refusals *r, enum gw_refusal cause, const char *peer);

/* The same, with details of the reason. */
void gw_refusals_note_why(struct gw_refusals *r, enum gw_refusal cause, const char *peer, const char *why);

/* The same for a connection that no worker has, which it closes. A client that may expect HELLO's reply gets the reason
 * in its place. That costs one send without waiting, of eight bytes to an address that has completed a connection, so
 * nobody can use it against others, and it tells strangers only that ggwire listens there. */
void gw_refusals_end(struct gw_refusals *r, enum gw_refusal cause, const struct gw_visitor *v);

/* What the client is told. */
struct gw_ext_refusal gw_refusals_reason(const struct gw_refusals *r, enum gw_refusal cause);

/* When to call gw_refusals_tick next, in gw_clock_ns; UINT64_MAX if there is nothing to sum up. */
uint64_t gw_refusals_deadline(const struct gw_refusals *r);

/* Sums up what was not written, once the time is over. */
void gw_refusals_tick(struct gw_refusals *r);

#endif
