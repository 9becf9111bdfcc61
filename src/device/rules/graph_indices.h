/* Row numbers that are data. Kernels use them unchecked as addresses, so the server checks them first:
 *   - Numbers that a client has written: before each launch of the graph.
 *   - Numbers that ARGSORT or TOP_K computes in the same graph: never, they are positions in the sorted row. ARGMAX is
 *     not trusted: on CUDA it yields -1 for a row of NaN.
 *   - Numbers that the graph computes in any other way: while it runs. The graph is split into parts, and each part is
 *     launched once the numbers that it needs are computed and checked. */
#ifndef GW_DEVICE_RULES_GRAPH_INDICES_H
#define GW_DEVICE_RULES_GRAPH_INDICES_H

#include <stddef.h>
#include <stdint.h>

#include <ggml.h>

#include "base/status.h"

/* Row numbers to look at before a part is launched. */
struct gw_index_check {
	const struct ggml_tensor *numbers; /* I32 or I64 */
	const struct ggml_tensor *node;    /* what uses them */
	int64_t below;                     /* each is from 0 to this - 1 */
	uint32_t part;
};

struct gw_index_plan {
	struct gw_index_check *checks; /* by part, ascending */
	size_t n_checks;
	uint32_t *cuts; /* ascending: numbers of the nodes with which the second part and the ones after it begin */
	size_t n_cuts;
};

/* Makes the plan for nodes in the order of their execution, all of which gw_op_rules_ judge and place allow. The result
 * is the caller's, and refers to the nodes' tensors. GW_ERR_NOMEM; GW_ERR_LIMIT for graphs that would take minutes to
 * look through, which programs do not make. */
enum gw_status gw_index_plan_make(
	struct ggml_tensor *const *nodes, uint32_t n, struct gw_index_plan *out, struct gw_error *err);

void gw_index_plan_free(struct gw_index_plan *plan);

/* Looks at the numbers that a part needs. Nothing that may write to them may be under way; reads them back from devices
 * whose memory this process cannot see. GW_ERR_PROTOCOL if one is out of range, GW_ERR_NOMEM. */
enum gw_status gw_index_plan_check(const struct gw_index_plan *plan, uint32_t part, struct gw_error *err);

#endif
