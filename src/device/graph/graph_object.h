/* A graph that has been built. Its members are for what builds it and what keeps it. */
#ifndef GW_DEVICE_GRAPH_GRAPH_OBJECT_H
#define GW_DEVICE_GRAPH_GRAPH_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml-backend.h>

#include "base/map.h"
#include "base/status.h"
#include "device/memory/budget.h"
#include "device/rules/graph_indices.h"

struct gw_graph {
	struct gw_graph *link; /* of lists of whoever keeps graphs, */
	uint64_t used;         /* and when it was last used */
	void *memory;          /* of ctx, which has cgraph */
	struct ggml_context *ctx;
	struct ggml_tensor *tensors;
	struct ggml_cgraph *cgraph;
	struct gw_map handles; /* of the buffers in which its tensors lie */
	uint64_t work;
	struct gw_index_plan plan;
	struct gw_budget *budget; /* may be NULL */
	uint64_t taken;           /* bytes of it */
};

/* The graph must not be under way on a device. NULL is fine. */
void gw_graph_free(struct gw_graph *graph);

/* Frees what graph holds and leaves a shell. The graph must not be under way on a device. */
void gw_graph_drop(struct gw_graph *graph);
bool gw_graph_is_dropped(const struct gw_graph *graph);

/* Valid until graph is dropped or freed. Never NULL; may have no node. */
struct ggml_cgraph *gw_graph_cgraph(const struct gw_graph *graph);

/* Whether contents of tensors have to be looked at before the graph is launched: then what may write to them must be
 * over. */
bool gw_graph_has_checks(const struct gw_graph *graph);

/* How many parts the graph is computed in, one after the other; more than one where row numbers that one part computes
 * have to be looked at before the next. At least 1. */
size_t gw_graph_parts(const struct gw_graph *graph);

/* Looks at the row numbers that a part uses; the first part's before the graph is launched, each time. Nothing that
 * writes to them may be under way. GW_ERR_PROTOCOL if one is out of range: the part must not be computed; GW_ERR_NOMEM.
 */
enum gw_status gw_graph_check(const struct gw_graph *graph, size_t part, struct gw_error *err);

/* Computes a part, and blocks meanwhile. */
typedef enum ggml_status (*gw_graph_part_fn)(void *arg, struct ggml_cgraph *part);

/* Has compute called for all parts in turn, of which the first has been checked, until one fails. Where a later part
 * must not be computed the result is GGML_STATUS_FAILED, and err says why. */
enum ggml_status gw_graph_compute(
	const struct gw_graph *graph, gw_graph_part_fn compute, void *arg, struct gw_error *err);

/* A measure of what computing the graph takes: elements computed, products by the length of their sums. At least 1. */
uint64_t gw_graph_work(const struct gw_graph *graph);

/* Bytes of memory that graph holds; 0 once it is dropped. */
size_t gw_graph_bytes(const struct gw_graph *graph);

/* Whether any tensor of the graph lies in the buffer of this handle. */
bool gw_graph_uses(const struct gw_graph *graph, uint64_t handle);

#endif
