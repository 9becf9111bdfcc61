/* Who was turned away and why: a line in the log that names the remedy, and a number on the board. Whoever can be
 * turned away can come again at once, so the lines of each cause are few in a time, and the rest is summed up. One
 * thread. */
#ifndef GW_DAEMON_WORKERS_REFUSALS_H
#define GW_DAEMON_WORKERS_REFUSALS_H

#include <stdint.h>

#include "daemon/status/scoreboard.h"

enum gw_refusal {
	GW_REFUSED_NOT,
	GW_REFUSED_ADDRESS, /* --allow does not name it */
	GW_REFUSED_SILENT,  /* it has not said HELLO in time */
	GW_REFUSED_CROWD,   /* it has not said HELLO while too many others came */
	GW_REFUSED_FULL,    /* as many clients are served as may be */
	GW_REFUSED_HOST,    /* its host has as many connections as it may */
	GW_REFUSED_WORKER,  /* no worker can be had */
	GW_REFUSED_PLAIN,   /* it does not speak TLS where that is required */
	GW_REFUSED_TLS,     /* it speaks TLS where there is none */
	GW_REFUSED_KEY,     /* it has not proved that it has a key */
	GW_REFUSED_SHAKING, /* too many others have not proved it yet */
	GW_REFUSED_LINK,    /* no worker expects this server */
	GW_REFUSED_NAME,    /* its identity has as many connections as it may */
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

/* When to call gw_refusals_tick next, in gw_clock_ns; UINT64_MAX if there is nothing to sum up. */
uint64_t gw_refusals_deadline(const struct gw_refusals *r);

/* Sums up what was not written, once the time is over. */
void gw_refusals_tick(struct gw_refusals *r);

#endif
