/* Computes how many idle workers a server should keep; the pool starts and ends them. The number rises by one with each
 * client that found no worker ready, so after a burst it is what the burst needed. Every half minute it falls by half
 * of those that were not needed since. */
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

/* A client connected at now. left: the workers still ready after it got one. missed: none was ready for it. */
void gw_spares_taken(struct gw_spares *s, uint64_t now, unsigned left, bool missed);

/* The number of idle workers wanted at now. */
unsigned gw_spares_wanted(struct gw_spares *s, uint64_t now);

#endif
