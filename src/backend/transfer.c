#include "backend/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "backend/encode.h"
#include "backend/weights.h"
#include "base/checked.h"
#include "base/log.h"

/* Rows that are not next to each other in memory are packed in pieces of about this many bytes. */
#define STAGE_BYTES ((size_t)1 << 20)

static bool span_of(const struct gw_rows *rows, uint64_t *span)
{
	if (rows->n > 1 && rows->stride < rows->size)
		return false;
	return gw_mul_u64(rows->n - 1, rows->stride, span) && gw_add_u64(*span, rows->size, span);
}

static bool range_ok(const struct gw_buffer *b, const struct ggml_tensor *t, const struct gw_rows *rows)
{
	uint64_t address = (uint64_t)(uintptr_t)t->data;
	uint64_t span, start;

	return span_of(rows, &span) && gw_range_ok(rows->offset, span, ggml_nbytes(t)) && address >= b->base &&
	       gw_add_u64(address - b->base, rows->offset, &start) && gw_range_ok(start, span, b->size);
}

/* The tensor with its place, if the rows lie where they should; otherwise the reason is logged. */
static bool prepare(
	const struct gw_buffer *b, const struct ggml_tensor *t, const struct gw_rows *rows, struct gw_wire_tensor *out)
{
	struct gw_error err;

	if (gw_encode_shape(b->link, t, out, &err) != GW_OK) {
		gw_log_error("RPC: %s: %s", gw_client_name(b->link->client), err.text);
		return false;
	}
	if (!range_ok(b, t, rows)) {
		gw_log_error("RPC: %s: %zu rows of %zu bytes from %zu on are not inside tensor '%s' of %zu bytes",
			gw_client_name(b->link->client), rows->n, rows->size, rows->offset, t->name, ggml_nbytes(t));
		return false;
	}
	out->buffer = b->handle;
	out->data = (uint64_t)(uintptr_t)t->data;
	return true;
}

static bool needs_init(const struct gw_buffer *b, const struct ggml_tensor *t)
{
	return ggml_is_quantized(t->type) && t->ne[0] % 512 != 0 && !t->view_src &&
	       !(b->link->devices[b->device].flags & GW_EXT_DEVICE_NO_INIT);
}

enum gw_status gw_transfer_init(struct gw_buffer *b, const struct ggml_tensor *t)
{
	const struct gw_rows all = {0, ggml_nbytes(t), 1, 0};
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct gw_wire_tensor wire;

	if (!needs_init(b, t))
		return GW_OK;
	if (!prepare(b, t, &all, &wire))
		return GW_ERR_INVALID;
	struct iovec part = {request, gw_wire_tensor_req_encode(b->link->dialect, &wire, request)};
	return gw_client_post(b->link->client, GW_CMD_INIT_TENSOR, &part, 1);
}

static void set_piece(const struct gw_buffer *b, struct gw_wire_set_req *req, const void *data, size_t size)
{
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct iovec parts[2] = {
		{request, gw_wire_set_req_encode(b->link->dialect, req, request)},
		{(void *)data, size},
	};
	gw_client_post(b->link->client, GW_CMD_SET_TENSOR, parts, 2);
}

static void set_rows(const struct gw_buffer *b, struct gw_wire_2d_req *req, const void *data)
{
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct iovec parts[2] = {
		{request, gw_wire_2d_req_encode(b->link->dialect, req, request)},
		{(void *)data, req->size * req->n_copies},
	};
	gw_client_post(b->link->client, GW_CMD_SET_TENSOR_2D, parts, 2);
}

/* Servers before 8.0 know no rows. */
static void set_row_by_row(const struct gw_buffer *b, const struct gw_wire_tensor *wire, const uint8_t *data,
	const struct gw_rows *rows, size_t stride_data)
{
	struct gw_wire_set_req req = {.tensor = *wire};

	for (size_t i = 0; i < rows->n; i++) {
		req.offset = rows->offset + i * rows->stride;
		set_piece(b, &req, data + i * stride_data, rows->size);
	}
}

static void set_packed(const struct gw_buffer *b, const struct gw_wire_tensor *wire, const uint8_t *data,
	const struct gw_rows *rows, size_t stride_data, uint8_t *stage, size_t stage_rows)
{
	struct gw_wire_2d_req req = {.tensor = *wire, .size = rows->size, .stride = rows->stride};

	for (size_t done = 0; done < rows->n; done += req.n_copies) {
		req.n_copies = rows->n - done < stage_rows ? rows->n - done : stage_rows;
		req.offset = rows->offset + done * rows->stride;
		for (size_t i = 0; i < req.n_copies; i++)
			memcpy(stage + i * rows->size, data + (done + i) * stride_data, rows->size);
		set_rows(b, &req, stage);
	}
}

static void set_2d(const struct gw_buffer *b, const struct gw_wire_tensor *wire, const void *data,
	const struct gw_rows *rows, size_t stride_data)
{
	struct gw_wire_2d_req req = {*wire, rows->offset, rows->size, rows->n, rows->stride};
	size_t stage_rows = rows->size < STAGE_BYTES ? STAGE_BYTES / rows->size : 1;

	if (!gw_dialect_has(b->link->dialect, GW_CMD_SET_TENSOR_2D)) {
		set_row_by_row(b, wire, data, rows, stride_data);
		return;
	}
	if (stride_data == rows->size) {
		set_rows(b, &req, data);
		return;
	}
	uint8_t *stage = malloc(stage_rows * rows->size);
	if (!stage) {
		set_row_by_row(b, wire, data, rows, stride_data);
		return;
	}
	set_packed(b, wire, data, rows, stride_data, stage, stage_rows);
	free(stage);
}

void gw_transfer_set(struct gw_buffer *b, const struct ggml_tensor *t, const void *data, const struct gw_rows *rows,
	size_t stride_data, bool weights)
{
	struct gw_wire_set_req req = {.offset = rows->offset};

	if (rows->size == 0 || rows->n == 0 || !prepare(b, t, rows, &req.tensor))
		return;
	if (rows->n > 1)
		set_2d(b, &req.tensor, data, rows, stride_data);
	else if ((!weights && b->link->dialect->hash_weights_only) || !gw_weights_set(b, &req, data, rows->size))
		set_piece(b, &req, data, rows->size);
}

static void get_rows(const struct gw_buffer *b, const struct gw_wire_tensor *wire, void *data,
	const struct gw_rows *rows, size_t stride_data)
{
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct gw_wire_2d_req req = {*wire, rows->offset, rows->size, rows->n, rows->stride};
	struct gw_dest dest = {data, rows->size, rows->n, stride_data};
	struct iovec part = {request, gw_wire_2d_req_encode(b->link->dialect, &req, request)};

	gw_link_get(b->link, GW_CMD_GET_TENSOR_2D, &part, &dest);
}

static void get_pieces(const struct gw_buffer *b, const struct gw_wire_tensor *wire, uint8_t *data,
	const struct gw_rows *rows, size_t stride_data)
{
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct gw_wire_get_req req = {.tensor = *wire, .size = rows->size};

	for (size_t i = 0; i < rows->n; i++) {
		struct gw_dest dest = {data + i * stride_data, rows->size, 1, rows->size};
		req.offset = rows->offset + i * rows->stride;
		struct iovec part = {request, gw_wire_get_req_encode(b->link->dialect, &req, request)};
		gw_link_get(b->link, GW_CMD_GET_TENSOR, &part, &dest);
	}
}

static void zero_rows(uint8_t *data, const struct gw_rows *rows, size_t stride_data)
{
	for (size_t i = 0; i < rows->n; i++)
		memset(data + i * stride_data, 0, rows->size);
}

void gw_transfer_get(struct gw_buffer *b, const struct ggml_tensor *t, void *data, const struct gw_rows *rows,
	size_t stride_data, bool wait)
{
	struct gw_wire_tensor wire;

	if (rows->size == 0 || rows->n == 0)
		return;
	if (!prepare(b, t, rows, &wire)) {
		zero_rows(data, rows, stride_data);
		return;
	}
	if (rows->n > 1 && gw_dialect_has(b->link->dialect, GW_CMD_GET_TENSOR_2D))
		get_rows(b, &wire, data, rows, stride_data);
	else
		get_pieces(b, &wire, data, rows, stride_data);
	if (wait)
		gw_link_wait(b->link);
}

/* Servers before 5.0 cannot fill: zeros, or whatever it is, are sent. */
static void fill_by_bytes(const struct gw_buffer *b, const struct gw_wire_memset_req *fill)
{
	struct gw_wire_set_req req = {.tensor = fill->tensor};
	size_t stage_size = fill->size < STAGE_BYTES ? (size_t)fill->size : STAGE_BYTES;
	uint8_t *stage = malloc(stage_size);

	if (!stage) {
		gw_log_error("RPC: %s: out of memory", gw_client_name(b->link->client));
		return;
	}
	memset(stage, fill->value, stage_size);
	for (uint64_t done = 0; done < fill->size; done += stage_size) {
		uint64_t left = fill->size - done;
		req.offset = fill->offset + done;
		set_piece(b, &req, stage, left < stage_size ? (size_t)left : stage_size);
	}
	free(stage);
}

void gw_transfer_fill(struct gw_buffer *b, const struct ggml_tensor *t, uint8_t value, size_t offset, size_t size)
{
	const struct gw_rows rows = {offset, size, 1, size};
	struct gw_wire_memset_req req = {.offset = offset, .size = size, .value = value};
	uint8_t request[GW_WIRE_MAX_FIXED];

	if (size == 0 || !prepare(b, t, &rows, &req.tensor))
		return;
	if (!gw_dialect_has(b->link->dialect, GW_CMD_MEMSET_TENSOR)) {
		fill_by_bytes(b, &req);
		return;
	}
	struct iovec part = {request, gw_wire_memset_req_encode(b->link->dialect, &req, request)};
	gw_client_post(b->link->client, GW_CMD_MEMSET_TENSOR, &part, 1);
}
