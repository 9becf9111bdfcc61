/* How many workers without a client a server keeps ready. A number only: the pool starts and ends them.
 *
 * It rises by one with each client that found none ready, so after a burst there are as many as the burst needed. Every
 * half minute it falls by half of those that were not needed since. */
#ifndef GW_DAEMON_WORKERS_SPARES_H
#define GW_DAEMON_WORKERS_SPARES_H

#include <stdbool.h>
#include <stdint.h>

struct gw_spares {
	unsigned min, max;
	unsigned wanted;
	unsigned low;       /* the fewest that were left since the last review */
	uint64_t review_at; /* in gw_clock_ns; UINT64_MAX while wanted is min */
};

void gw_spares_init(struct gw_spares *s, unsigned min, unsigned max);

/* A client has come at now: so many workers are ready after it got one, or none was ready for it. */
void gw_spares_taken(struct gw_spares *s, uint64_t now, unsigned left, bool missed);

/* How many there should be at now. */
unsigned gw_spares_wanted(struct gw_spares *s, uint64_t now);

#endif
