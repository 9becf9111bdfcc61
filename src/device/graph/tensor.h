/* A tensor of the wire, judged: after this no later line asks again whether its bytes are there. */
#ifndef GW_DEVICE_GRAPH_TENSOR_H
#define GW_DEVICE_GRAPH_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include <ggml.h>

#include "base/status.h"
#include "device/memory/buffers.h"
#include "ggml/opmap.h"
#include "wire/tensor.h"

/* Room for a tensor's name made fit for a log line. */
#define GW_TENSOR_TEXT (GW_WIRE_NAME + 3)

/* Writes the name with quotes around it and every byte that is not printable ASCII replaced. Returns out. */
const char *gw_tensor_text(const struct gw_wire_tensor *t, char out[GW_TENSOR_TEXT]);

/* Shape, type, parameters, flags and name. Sources, view, buffer and data stay NULL; op is the local number, or NONE
 * if it is not known here. Also sets *nbytes, what ggml_nbytes gives or more. GW_ERR_PROTOCOL if the type is not known,
 * the rows are not whole blocks, or the extent overflows. */
enum gw_status gw_tensor_shape(const struct gw_opmap *map, const struct gw_wire_tensor *t, struct ggml_tensor *out,
	uint64_t *nbytes, struct gw_error *err);

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

/* Whether op only describes memory of another tensor, and so is never executed. */
bool gw_op_is_view(enum ggml_op op);

/* Whether op is executed by a device. */
bool gw_op_executes(enum ggml_op op);

#endif
