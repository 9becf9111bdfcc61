#include "backend/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "backend/encode.h"
#include "backend/sequence.h"
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

	return span_of(rows, &span) && gw_range_ok(rows->offset, span, ggml_nbytes(t)) && address >= b->remote.base &&
	       gw_add_u64(address - b->remote.base, rows->offset, &start) && gw_range_ok(start, span, b->size);
}

/* Encodes the tensor with its place, if the rows lie inside it; otherwise the reason is logged. */
static bool prepare(
	const struct gw_buffer *b, const struct ggml_tensor *t, const struct gw_rows *rows, struct gw_wire_tensor *out)
{
	struct gw_error err;

	if (gw_encode_shape(b->conn, t, out, &err) != GW_OK) {
		gw_log_error("RPC: %s: %s", gw_client_name(b->conn->client), err.text);
		return false;
	}
	if (!range_ok(b, t, rows)) {
		gw_log_error("RPC: %s: %zu rows of %zu bytes at offset %zu are outside tensor '%s' of %zu bytes",
			gw_client_name(b->conn->client), rows->n, rows->size, rows->offset, t->name, ggml_nbytes(t));
		return false;
	}
	out->buffer = b->remote.handle;
	out->data = (uint64_t)(uintptr_t)t->data;
	return true;
}

static bool needs_init(const struct gw_buffer *b, const struct ggml_tensor *t)
{
	return ggml_is_quantized(t->type) && t->ne[0] % 512 != 0 && !t->view_src &&
	       !(b->conn->devices[b->device].flags & GW_EXT_DEVICE_NO_INIT);
}

enum gw_status gw_transfer_init(struct gw_buffer *b, const struct ggml_tensor *t)
{
	const struct gw_rows all = {0, ggml_nbytes(t), 1, 0};
	struct gw_wire_tensor wire;

	if (!needs_init(b, t))
		return GW_OK;
	if (!prepare(b, t, &all, &wire))
		return GW_ERR_INVALID;
	return gw_client_init_tensor(b->conn->client, &wire, NULL);
}

/* Servers before 8.0 have no command for rows. */
static void set_row_by_row(const struct gw_buffer *b, const struct gw_wire_tensor *wire, const uint8_t *data,
	const struct gw_rows *rows, size_t stride_data)
{
	struct gw_wire_set_req req = {.tensor = *wire};

	for (size_t i = 0; i < rows->n; i++) {
		req.offset = rows->offset + i * rows->stride;
		(void)gw_client_set_tensor(b->conn->client, &req, data + i * stride_data, rows->size, NULL);
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
		(void)gw_client_set_tensor_2d(b->conn->client, &req, stage, NULL);
	}
}

static void set_2d(const struct gw_buffer *b, const struct gw_wire_tensor *wire, const void *data,
	const struct gw_rows *rows, size_t stride_data)
{
	struct gw_wire_2d_req req = {*wire, rows->offset, rows->size, rows->n, rows->stride};
	size_t stage_rows = rows->size < STAGE_BYTES ? STAGE_BYTES / rows->size : 1;

	if (!gw_dialect_has(b->conn->dialect, GW_CMD_SET_TENSOR_2D)) {
		set_row_by_row(b, wire, data, rows, stride_data);
		return;
	}
	if (stride_data == rows->size) {
		(void)gw_client_set_tensor_2d(b->conn->client, &req, data, NULL);
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
	else if ((!weights && b->conn->dialect->hash_weights_only) || !gw_weights_set(b, &req, data, rows->size))
		(void)gw_client_set_tensor(b->conn->client, &req, data, rows->size, NULL);
}

static void get_pieces(const struct gw_buffer *b, const struct gw_wire_tensor *wire, uint8_t *data,
	const struct gw_rows *rows, size_t stride_data)
{
	struct gw_wire_get_req req = {.tensor = *wire, .size = rows->size};

	for (size_t i = 0; i < rows->n; i++) {
		const struct gw_dest dest = {data + i * stride_data, rows->size, 1, rows->size};
		req.offset = rows->offset + i * rows->stride;
		gw_sequence_get(b->conn, &req, &dest);
	}
}

static void get_rows(const struct gw_buffer *b, const struct gw_wire_tensor *wire, void *data,
	const struct gw_rows *rows, size_t stride_data)
{
	const struct gw_wire_2d_req req = {*wire, rows->offset, rows->size, rows->n, rows->stride};
	const struct gw_dest dest = {data, rows->size, rows->n, stride_data};

	gw_sequence_get_2d(b->conn, &req, &dest);
}

void gw_transfer_get(struct gw_buffer *b, const struct ggml_tensor *t, void *data, const struct gw_rows *rows,
	size_t stride_data, bool wait)
{
	struct gw_wire_tensor wire;

	if (rows->size == 0 || rows->n == 0)
		return;
	if (!prepare(b, t, rows, &wire)) {
		gw_dest_zero(&(struct gw_dest){data, rows->size, rows->n, stride_data});
		return;
	}
	if (rows->n > 1 && gw_dialect_has(b->conn->dialect, GW_CMD_GET_TENSOR_2D))
		get_rows(b, &wire, data, rows, stride_data);
	else
		get_pieces(b, &wire, data, rows, stride_data);
	if (wait)
		gw_sequence_wait(b->conn);
}

/* Servers before 5.0 cannot fill, so the bytes are sent. */
static void fill_by_bytes(const struct gw_buffer *b, const struct gw_wire_memset_req *fill)
{
	struct gw_wire_set_req req = {.tensor = fill->tensor};
	size_t stage_size = fill->size < STAGE_BYTES ? (size_t)fill->size : STAGE_BYTES;
	uint8_t *stage = malloc(stage_size);

	if (!stage) {
		gw_log_error("RPC: %s: out of memory", gw_client_name(b->conn->client));
		return;
	}
	memset(stage, fill->value, stage_size);
	for (uint64_t done = 0; done < fill->size; done += stage_size) {
		uint64_t left = fill->size - done;
		req.offset = fill->offset + done;
		size_t n = left < stage_size ? (size_t)left : stage_size;
		(void)gw_client_set_tensor(b->conn->client, &req, stage, n, NULL);
	}
	free(stage);
}

void gw_transfer_fill(struct gw_buffer *b, const struct ggml_tensor *t, uint8_t value, size_t offset, size_t size)
{
	const struct gw_rows rows = {offset, size, 1, size};
	struct gw_wire_memset_req req = {.offset = offset, .size = size, .value = value};

	if (size == 0 || !prepare(b, t, &rows, &req.tensor))
		return;
	if (gw_dialect_has(b->conn->dialect, GW_CMD_MEMSET_TENSOR))
		(void)gw_client_memset_tensor(b->conn->client, &req, NULL);
	else
		fill_by_bytes(b, &req);
}
