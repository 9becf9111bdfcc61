/* Links that workers expect from other servers: who presents the secret of one at this server's port is passed to its
 * worker. A secret is good once, and for GW_LINKS_MS. Used by one thread. */
#ifndef GW_DAEMON_WORKERS_LINKS_H
#define GW_DAEMON_WORKERS_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "wire/peers.h"

#define GW_LINKS_MS GW_PEERS_EXPECT_MS
#define GW_LINKS_MAX 128       /* that are expected at once, */
#define GW_LINKS_PER_WORKER 16 /* and by one worker */

/* All-zero is valid. */
struct gw_links {
	struct gw_links_wait {
		const void *worker; /* NULL: this place is free */
		uint64_t until;     /* in gw_clock_ns */
		int answer;         /* where the connection goes */
		bool tls;           /* the worker's client uses TLS, so the link will */
		uint8_t secret[GW_PEERS_SECRET];
	} waits[GW_LINKS_MAX];
};

/* Waits for a link of a worker. tls: its client uses TLS. *answer is a socket, the caller's, on which the worker
 * receives PAIRED, or nothing more once the time is over. GW_ERR_LIMIT: too many are expected already. */
enum gw_status gw_links_expect(struct gw_links *l, const void *worker, bool tls, const uint8_t secret[GW_PEERS_SECRET],
	int *answer, struct gw_error *err);

/* Passes a connection to the worker that expects whoever presents this secret; fd stays the caller's. needs_tls: only
 * links of clients that use TLS count. False: nobody expects it, which takes as long as if somebody did. */
bool gw_links_match(struct gw_links *l, const uint8_t secret[GW_PEERS_SECRET], bool needs_tls, int fd);

/* Forgets the links that a worker expects. */
void gw_links_drop(struct gw_links *l, const void *worker);

/* When to call gw_links_tick next, in gw_clock_ns, or GW_CLOCK_NEVER. */
uint64_t gw_links_deadline(const struct gw_links *l);

/* Forgets the links whose time is over. */
void gw_links_tick(struct gw_links *l);

/* Forgets all. */
void gw_links_stop(struct gw_links *l);

#endif
