/* Logs refused clients, with the cause and the remedy, counts them on the scoreboard, and gives the client a reason
 * (wire/refusal.h). A refused client can reconnect at once, so the number of lines for each cause is limited, and the
 * rest is summarised. Used by one thread. */
#ifndef GW_DAEMON_WORKERS_REFUSALS_H
#define GW_DAEMON_WORKERS_REFUSALS_H

#include <stdint.h>

#include "daemon/clients/visitor.h"
#include "daemon/status/scoreboard.h"
#include "wire/refusal.h"

enum gw_refusal {
	GW_REFUSED_NOT,
	GW_REFUSED_ADDRESS,  /* --allow does not list it */
	GW_REFUSED_SILENT,   /* it did not send HELLO in time */
	GW_REFUSED_CROWD,    /* it had not sent HELLO when too many others connected */
	GW_REFUSED_FULL,     /* --max-clients is reached */
	GW_REFUSED_HOST,     /* --max-clients-per-host is reached */
	GW_REFUSED_WORKER,   /* no worker can be started */
	GW_REFUSED_PLAIN,    /* it does not use TLS, which the listener requires */
	GW_REFUSED_TLS,      /* it uses TLS, which the listener does not offer */
	GW_REFUSED_KEY,      /* it failed to authenticate */
	GW_REFUSED_SHAKING,  /* too many other handshakes are unfinished */
	GW_REFUSED_LINK,     /* it is not a server that a worker expects */
	GW_REFUSED_NAME,     /* its identity is at --max-clients-per-host */
	GW_REFUSED_STATUS,   /* only --allow-status lists it, and it did more than query */
	GW_REFUSED_STOPPING, /* the server is shutting down */
	GW_REFUSALS
};

struct gw_refusals {
	struct gw_scoreboard *board; /* NULL = none */
	unsigned max_clients, max_per_host;
	struct {
		uint64_t until; /* end of the current interval; 0 = none */
		unsigned lines;
		uint64_t more; /* lines that were suppressed */
	} causes[GW_REFUSALS];
};

/* The scoreboard must outlive it. */
void gw_refusals_init(struct gw_refusals *r, struct gw_scoreboard *board, unsigned max_clients, unsigned max_per_host);

void gw_refusals_note(struct gw_refusals *r, enum gw_refusal cause, const char *peer);

/* The same, with details of the cause. */
void gw_refusals_note_why(struct gw_refusals *r, enum gw_refusal cause, const char *peer, const char *why);

/* The same for a connection that no worker has; closes it. A client that may expect HELLO's reply gets the reason in
 * its place. That is one non-blocking send of eight bytes on an established connection, so it cannot be used to flood a
 * third party, and strangers learn only that ggwire listens there. */
void gw_refusals_end(struct gw_refusals *r, enum gw_refusal cause, const struct gw_visitor *v);

/* The reason that the client gets. */
struct gw_ext_refusal gw_refusals_reason(const struct gw_refusals *r, enum gw_refusal cause);

/* When to call gw_refusals_tick next, in gw_clock_ns; UINT64_MAX if no line was suppressed. */
uint64_t gw_refusals_deadline(const struct gw_refusals *r);

/* Logs a summary of suppressed lines once their interval is over. */
void gw_refusals_tick(struct gw_refusals *r);

#endif
