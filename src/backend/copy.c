/* Tensors from one RPC buffer to another. */
#include <stdlib.h>

#include "backend/encode.h"
#include "backend/transfer.h"
#include "base/checked.h"

/* What is in flight between two servers at a time. */
#define RELAY_BYTES ((size_t)16 << 20)

static bool place(const struct gw_buffer *b, const struct ggml_tensor *t, uint64_t size, struct gw_wire_tensor *out)
{
	uint64_t address = (uint64_t)(uintptr_t)t->data;

	if (gw_encode_shape(b->link, t, out, NULL) != GW_OK)
		return false;
	if (address < b->base || !gw_range_ok(address - b->base, size, b->size))
		return false;
	out->buffer = b->handle;
	out->data = address;
	return true;
}

bool gw_transfer_copy(const struct ggml_tensor *src, const struct ggml_tensor *dst)
{
	const struct gw_buffer *from = gw_buffer_of(src);
	const struct gw_buffer *to = gw_buffer_of(dst);
	uint8_t request[GW_WIRE_MAX_FIXED], reply[1];
	struct gw_wire_copy_req req;
	bool done;

	if (!from || !to || from->link != to->link)
		return false;
	if (!place(from, src, ggml_nbytes(src), &req.src) || !place(to, dst, ggml_nbytes(src), &req.dst))
		return false;
	struct iovec part = {request, gw_wire_copy_req_encode(to->link->dialect, &req, request)};
	return gw_client_call(to->link->client, GW_CMD_COPY_TENSOR, &part, 1, reply, sizeof(reply)) == GW_OK &&
	       gw_wire_bool_rsp_decode(reply, sizeof(reply), &done) && done;
}

bool gw_transfer_relay(const struct ggml_tensor *src, const struct ggml_tensor *dst)
{
	struct gw_buffer *from = gw_buffer_of(src);
	struct gw_buffer *to = gw_buffer_of(dst);
	size_t size = ggml_nbytes(src);
	size_t stage_size = size < RELAY_BYTES ? size : RELAY_BYTES;

	if (!from || !to || size != ggml_nbytes(dst))
		return false;
	uint8_t *stage = malloc(stage_size ? stage_size : 1);
	if (!stage)
		return false;
	for (size_t done = 0; done < size; done += stage_size) {
		size_t n = size - done < stage_size ? size - done : stage_size;
		struct gw_rows rows = {done, n, 1, n};
		gw_transfer_get(from, src, stage, &rows, n, true);
		gw_transfer_set(to, dst, stage, &rows, n, false);
	}
	free(stage);
	return true;
}
