/* What a tensor of the wire describes. Where it lies is bounds.h's. */
#ifndef GW_DEVICE_GRAPH_TENSOR_H
#define GW_DEVICE_GRAPH_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include <ggml.h>

#include "base/status.h"
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

/* Whether op only describes memory of another tensor, and so is never executed. */
bool gw_op_is_view(enum ggml_op op);

/* Whether op is executed by a device. */
bool gw_op_executes(enum ggml_op op);

#endif
