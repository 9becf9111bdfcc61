/* The switch of the simulated cluster: passes on connections between machines, and delays their bytes (pace.h).
 *
 * All machines have addresses BASE.x of this one. Machine i (from 1) is known to the others as BASE.i, where the switch
 * listens, and really listens on BASE.(100 + i). Whoever connects from such an address is that machine; anyone else is
 * machine 0, the client, whom the servers see as BASE.100. One thread; every function is called from it. */
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

/* Of the bytes passed on while they were paced. */
struct switch_counts {
	uint64_t client;                     /* from and to the client */
	uint64_t between;                    /* from server to server */
	double late_median_us, late_most_us; /* how much after its time a piece was passed on */
};

/* Listens on every port of every machine. base is an IPv4 address, of whose last byte nothing is used. NULL: says why
 * on standard error. */
struct switch_ctx *switch_new(uint32_t base, size_t machines, const uint16_t *ports, size_t n_ports);

/* Closes all connections. NULL is allowed. */
void switch_free(struct switch_ctx *ctx);

/* From now on bytes are delayed; NULL: passed on at once, as they are at first. */
void switch_pace(struct switch_ctx *ctx, const struct pace *pace);

/* Passes on what there is to be passed on until `also` (a descriptor, or -1) is readable or ready for its end. */
void switch_run(struct switch_ctx *ctx, int also);

/* Since the last call. */
struct switch_counts switch_counts(struct switch_ctx *ctx);

#endif
