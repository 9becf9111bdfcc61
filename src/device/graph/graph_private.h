/* What a graph is made of: for what builds it and what keeps it. */
#ifndef GW_DEVICE_GRAPH_GRAPH_PRIVATE_H
#define GW_DEVICE_GRAPH_GRAPH_PRIVATE_H

#include "base/map.h"
#include "device/graph/graph.h"
#include "device/rules/graph_indices.h"

struct gw_graph {
	struct gw_graph *link;
	uint64_t used;
	void *memory; /* of ctx */
	struct ggml_context *ctx;
	struct ggml_cgraph *cgraph;
	struct gw_map handles; /* of the buffers in which its tensors lie */
	uint64_t work;
	struct gw_index_plan plan;
	struct gw_budget *budget; /* may be NULL */
	uint64_t taken;           /* bytes of it */
};

#endif
