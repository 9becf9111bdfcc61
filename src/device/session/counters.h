/* What a server counts about the client that it serves. One thread writes, others, also those of other processes, may
 * read at any time: each number is whole, no two belong together. */
#ifndef GW_DEVICE_SESSION_COUNTERS_H
#define GW_DEVICE_SESSION_COUNTERS_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#include "wire/ext_status.h"

/* A device's memory as its worker has last heard of it. */
struct gw_counters_memory {
	_Atomic uint64_t total; /* bytes */
	_Atomic uint64_t free;
	_Atomic uint64_t at_ns; /* when, in gw_clock_ns; 0: never */
	_Atomic uint64_t held;  /* bytes of the client's buffers on it */
};

struct gw_counters {
	_Atomic uint64_t count[GW_COUNTS]; /* never set back, over all clients */
	_Atomic uint64_t active_ns;        /* when the last request came, in gw_clock_coarse_ns */
	_Atomic uint64_t rdma;             /* whether the client is on RDMA */
	_Atomic uint64_t tool;             /* whether it only looks at the server: GW_EXT_CLIENT_TOOL */
	_Atomic uint64_t buffers;          /* of the client */
	_Atomic uint64_t buffer_bytes;
	_Atomic uint64_t held; /* bytes of the client's budget: struct gw_budget_share */
	struct gw_counters_memory devices[GW_EXT_MAX_DEVICES];
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "counters are shared between processes");

/* No more than a load, an addition and a store: there is one writer. */
static inline void gw_counters_add(struct gw_counters *c, enum gw_ext_count what, uint64_t n)
{
	_Atomic uint64_t *count = &c->count[what];
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void gw_counters_set(_Atomic uint64_t *number, uint64_t value)
{
	atomic_store_explicit(number, value, memory_order_relaxed);
}

static inline uint64_t gw_counters_get(const _Atomic uint64_t *number)
{
	return atomic_load_explicit(number, memory_order_relaxed);
}

/* One graph, and what it took. */
static inline void gw_counters_graph(struct gw_counters *c, uint64_t ns)
{
	gw_counters_add(c, GW_COUNT_GRAPHS, 1);
	gw_counters_add(c, GW_COUNT_GRAPH_NS, ns);
	gw_counters_add(c, (enum gw_ext_count)(GW_COUNT_BUCKET + gw_ext_bucket(ns)), 1);
}

#endif
