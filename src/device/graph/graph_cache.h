/* The graphs that are kept for one device of one client, to be computed again by number. Single owner, no locking. */
#ifndef GW_DEVICE_GRAPH_GRAPH_CACHE_H
#define GW_DEVICE_GRAPH_GRAPH_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "base/status.h"

struct gw_graph;

/* Both sides of the protocol count to this and then forget all graphs: docs/protocol.md, "Graphs". */
#define GW_GRAPH_CACHE_MAX 1024

/* Bytes that graphs may hold, kept and replaced ones together: 1,024 graphs of 9,000 nodes. */
#define GW_GRAPH_CACHE_BYTES (UINT64_C(4) << 30)

/* An all-zero struct gw_graph_cache is empty. */
struct gw_graph_cache {
	struct gw_map by_uid;     /* uid -> graph, never NULL */
	struct gw_graph *last;    /* the newest graph without a uid */
	struct gw_graph *retired; /* replaced, but a device may still compute them */
	size_t n_retired;
	uint64_t max_bytes; /* 0: GW_GRAPH_CACHE_BYTES */
	uint64_t bytes;     /* what graphs hold, at the most: looked at closely only near the bound */
	uint64_t uses;      /* of graphs, so far */
};

/* No graph may be under way. */
void gw_graph_cache_free(struct gw_graph_cache *cache);

/* Whether graphs may hold so many bytes more. */
bool gw_graph_cache_has_room(struct gw_graph_cache *cache, uint64_t bytes);

/* Keeps a graph in place of the one with the same uid; uid 0 keeps the newest only. GW_ERR_NOMEM, and
 * GW_ERR_LIMIT if all would hold too many bytes: graph is still the caller's. */
enum gw_status gw_graph_cache_put(struct gw_graph_cache *cache, uint64_t uid, struct gw_graph *graph);

/* The graph. NULL if it was never sent, or was dropped because its buffers were freed or to make room. */
struct gw_graph *gw_graph_cache_get(struct gw_graph_cache *cache, uint64_t uid);

/* Drops the graph with a uid that was not used for longest; none may be under way. False if there is none. How many
 * uids are counted does not change. */
bool gw_graph_cache_evict(struct gw_graph_cache *cache);

/* Drops the graphs that use the buffer of this handle; none may be under way. How many uids are counted does not
 * change. */
void gw_graph_cache_forget_buffer(struct gw_graph_cache *cache, uint64_t handle);

/* Frees the graphs that were replaced. None of them may be under way. */
void gw_graph_cache_reap(struct gw_graph_cache *cache);

#endif
