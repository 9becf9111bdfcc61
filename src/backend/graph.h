/* A graph as the body of GRAPH_COMPUTE. */
#ifndef GW_BACKEND_GRAPH_H
#define GW_BACKEND_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include <ggml.h>

#include "backend/remote_conn.h"
#include "base/buf.h"

struct gw_graph_frame;

/* The memory of an encoding, kept from one graph to the next. All-zero is valid; one user at a time. */
struct gw_graph_encoder {
	struct gw_buf body; /* the last graph's */

	const struct ggml_tensor **order; /* what is reachable, each after what it needs */
	size_t n_order;
	size_t order_capacity;

	struct gw_graph_frame *stack; /* of the walk */
	size_t depth;
	size_t stack_capacity;

	const struct ggml_tensor **seen; /* hash set: a slot counts if its mark is this graph's epoch */
	uint32_t *marks;
	size_t seen_capacity; /* a power of two, or 0 */
	size_t n_seen;
	uint32_t epoch;
};

/* Encodes a graph into encoder->body. Errors as gw_encode_tensor, and GW_ERR_NOMEM. */
enum gw_status gw_graph_encode(struct gw_graph_encoder *encoder, const struct gw_remote_conn *conn, uint32_t device,
	uint64_t uid, struct ggml_cgraph *graph, struct gw_error *err);

/* Returns the memory. */
void gw_graph_encoder_free(struct gw_graph_encoder *encoder);

#endif
