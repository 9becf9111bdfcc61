/* A client's graph, rebuilt from the wire and judged: a device may compute it as often as asked, while its buffers
 * live. */
#ifndef GW_DEVICE_GRAPH_GRAPH_H
#define GW_DEVICE_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include <ggml-backend.h>

#include "base/status.h"
#include "device/graph/graph_object.h"
#include "device/memory/budget.h"
#include "device/memory/buffers.h"
#include "ggml/opmap.h"
#include "wire/message.h"

/* Most nodes, and most tensors, of one graph. */
#define GW_GRAPH_MAX (UINT32_C(1) << 20)

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

#endif
