/* The switch of the simulated cluster: forwards connections between machines, and delays their bytes (pace.h).
 *
 * All machines have addresses BASE.x of this machine. The others know machine i (from 1) as BASE.i, where the switch
 * listens; its server listens on BASE.(100 + i). Connections from that address belong to machine i. All other
 * connections belong to machine 0, the client, which servers see as BASE.100. Call all functions from one thread. */
#ifndef GW_BENCH_CLUSTER_SWITCH_H
#define GW_BENCH_CLUSTER_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/pace.h"

enum {
	SWITCH_MACHINES = 64,
	SWITCH_PRIVATE = 100
};

struct switch_ctx;

/* Counts of the bytes that were forwarded with delay. */
struct switch_counts {
	uint64_t client;                     /* from and to the client */
	uint64_t between;                    /* from server to server */
	double late_median_us, late_most_us; /* delay of a piece beyond its due time */
};

/* Listens on every port of every machine. base is an IPv4 address whose last byte is ignored. Returns NULL after a
 * message on standard error. */
struct switch_ctx *switch_new(uint32_t base, size_t machines, const uint16_t *ports, size_t n_ports);

/* Closes all connections. NULL is allowed. */
void switch_free(struct switch_ctx *ctx);

/* Delays bytes from now on. NULL: forwards at once, which is the default. */
void switch_pace(struct switch_ctx *ctx, const struct pace *pace);

/* Forwards until `also` (a descriptor, or -1) is readable or at its end. */
void switch_run(struct switch_ctx *ctx, int also);

/* Returns the counts since the last call. */
struct switch_counts switch_counts(struct switch_ctx *ctx);

#endif
