/* Where a tensor lies: inside its buffer, and inside what it views. After this no later line asks again whether its
 * bytes are there. */
#ifndef GW_DEVICE_GRAPH_BOUNDS_H
#define GW_DEVICE_GRAPH_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "device/graph/tensor.h"
#include "device/memory/buffers.h"

/* Gives a tensor of nbytes bytes its buffer and its data: [t->data, t->data + nbytes) must lie in the buffer. An
 * empty tensor may also have no address; where empty_anywhere is set (nothing is written to it by its extent) any
 * address, which becomes the buffer's: clients send empty views that start behind the buffer. GW_ERR_PROTOCOL. */
enum gw_status gw_tensor_place(const struct gw_wire_tensor *t, uint64_t nbytes, const struct gw_buffer *buffer,
	bool empty_anywhere, struct ggml_tensor *out, struct gw_error *err);

/* A tensor that a command reads or writes. */
struct gw_tensor {
	struct ggml_tensor ggml;
	const struct gw_buffer *buffer;
	uint64_t nbytes;
	char text[GW_TENSOR_TEXT];
};

/* Shape and place of a tensor in a buffer that must be known. */
enum gw_status gw_tensor_resolve(const struct gw_opmap *map, const struct gw_buffers *buffers,
	const struct gw_wire_tensor *t, struct gw_tensor *out, struct gw_error *err);

/* Whether a tensor that views another one lies inside it. GW_ERR_PROTOCOL. */
enum gw_status gw_view_check(const struct ggml_tensor *view, struct gw_error *err);

#endif
