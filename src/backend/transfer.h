/* Bytes of tensors, to and from a server. Blocking, where it says so, is for data that comes; what goes is on its way
 * or copied on return. Ranges that are not inside the tensor and its buffer are logged and refused. */
#ifndef GW_BACKEND_TRANSFER_H
#define GW_BACKEND_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/buffer.h"

/* n rows of size bytes from offset on, stride bytes apart in the tensor. One piece: n = 1. */
struct gw_rows {
	size_t offset;
	size_t size;
	size_t n;
	size_t stride;
};

/* Tells the server to prepare the tensor's memory, where that can matter. */
enum gw_status gw_transfer_init(struct gw_buffer *buffer, const struct ggml_tensor *tensor);

/* Writes rows that are stride_data bytes apart at data. weights: they are worth keeping by the server, which
 * before protocol 7.0 everything is. */
void gw_transfer_set(struct gw_buffer *buffer, const struct ggml_tensor *tensor, const void *data,
	const struct gw_rows *rows, size_t stride_data, bool weights);

/* Asks for rows, which are at data when gw_sequence_wait returns; with wait, on return. Zeros if the connection is
 * lost. */
void gw_transfer_get(struct gw_buffer *buffer, const struct ggml_tensor *tensor, void *data, const struct gw_rows *rows,
	size_t stride_data, bool wait);

/* Fills size bytes from offset on with value. */
void gw_transfer_fill(
	struct gw_buffer *buffer, const struct ggml_tensor *tensor, uint8_t value, size_t offset, size_t size);

#endif
