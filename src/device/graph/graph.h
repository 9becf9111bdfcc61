/* A client's graph, rebuilt from the wire and judged: a device may compute it as often as asked, while its buffers
 * live. */
#ifndef GW_DEVICE_GRAPH_GRAPH_H
#define GW_DEVICE_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include <ggml-backend.h>

#include "base/status.h"
#include "device/memory/budget.h"
#include "device/memory/buffers.h"
#include "ggml/opmap.h"
#include "wire/message.h"

/* Most nodes, and most tensors, of one graph. */
#define GW_GRAPH_MAX (UINT32_C(1) << 20)

struct gw_graph;

struct gw_graph_source {
	const struct gw_dialect *dialect;
	const struct gw_opmap *opmap;
	const struct gw_buffers *buffers;
	struct gw_budget *budget; /* what the graph's memory is taken from; must outlive the graph. NULL = no bound */
	ggml_backend_dev_t dev;
};

/* The most memory that a graph of so many nodes and tensors takes while it is rebuilt and afterwards: about 600 bytes
 * for a tensor, which has 296 in the message, and 50 for a node, which has 8. */
uint64_t gw_graph_build_bytes(uint32_t n_nodes, uint32_t n_tensors);

/* Rebuilds a graph; wire's memory is the caller's again on return. Tensors that no node depends on are left out, and
 * not looked at closely. GW_ERR_PROTOCOL with the rule that was broken, GW_ERR_UNSUPPORTED for operations that the
 * device lacks, GW_ERR_LIMIT beyond GW_GRAPH_MAX or the budget, GW_ERR_NOMEM. */
enum gw_status gw_graph_build(const struct gw_graph_source *source, const struct gw_wire_graph *wire,
	struct gw_graph **out, struct gw_error *err);

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

/* For the cache of graphs only: a link for lists, and when the graph was last used. */
struct gw_graph **gw_graph_link(struct gw_graph *graph);
uint64_t *gw_graph_used(struct gw_graph *graph);

#endif
