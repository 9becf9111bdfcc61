#include "wire/tensor.h"

#include <string.h>

/* Where the fields stand. */
enum {
	AT_ID = 0,
	AT_TYPE = 8,
	AT_BUFFER = 12,
	AT_NE = 20,
	AT_NB = 36,
	AT_OP = 52,
	AT_OP_PARAMS = 56,
	AT_FLAGS = 120,
	AT_SRC = 124,
	AT_VIEW_SRC = 204,
	AT_VIEW_OFFS = 212,
	AT_DATA = 220,
	AT_NAME = 228,
	AT_USE_COUNT = 292,
};

_Static_assert(AT_USE_COUNT + 4 == GW_WIRE_TENSOR_SIZE, "rpc_tensor is 296 bytes");

void gw_wire_tensor_encode(const struct gw_dialect *d, const struct gw_wire_tensor *t, uint8_t out[GW_WIRE_TENSOR_SIZE])
{
	gw_put_le64(out + AT_ID, t->id);
	gw_put_le32(out + AT_TYPE, t->type);
	gw_put_le64(out + AT_BUFFER, t->buffer);
	for (size_t i = 0; i < GW_WIRE_DIMS; i++) {
		gw_put_le32(out + AT_NE + 4 * i, t->ne[i]);
		gw_put_le32(out + AT_NB + 4 * i, t->nb[i]);
	}
	gw_put_le32(out + AT_OP, t->op);
	for (size_t i = 0; i < GW_WIRE_OP_PARAMS; i++)
		gw_put_le32(out + AT_OP_PARAMS + 4 * i, (uint32_t)t->op_params[i]);
	gw_put_le32(out + AT_FLAGS, (uint32_t)t->flags);
	for (size_t i = 0; i < GW_WIRE_SRC; i++)
		gw_put_le64(out + AT_SRC + 8 * i, t->src[i]);
	gw_put_le64(out + AT_VIEW_SRC, t->view_src);
	gw_put_le64(out + AT_VIEW_OFFS, t->view_offs);
	gw_put_le64(out + AT_DATA, t->data);
	memcpy(out + AT_NAME, t->name, GW_WIRE_NAME);
	gw_put_le32(out + AT_USE_COUNT, d->use_count ? (uint32_t)t->use_count : 0);
}

void gw_wire_tensor_decode(const struct gw_dialect *d, const uint8_t in[GW_WIRE_TENSOR_SIZE], struct gw_wire_tensor *t)
{
	t->id = gw_le64(in + AT_ID);
	t->type = gw_le32(in + AT_TYPE);
	t->buffer = gw_le64(in + AT_BUFFER);
	for (size_t i = 0; i < GW_WIRE_DIMS; i++) {
		t->ne[i] = gw_le32(in + AT_NE + 4 * i);
		t->nb[i] = gw_le32(in + AT_NB + 4 * i);
	}
	t->op = gw_le32(in + AT_OP);
	for (size_t i = 0; i < GW_WIRE_OP_PARAMS; i++)
		t->op_params[i] = (int32_t)gw_le32(in + AT_OP_PARAMS + 4 * i);
	t->flags = (int32_t)gw_le32(in + AT_FLAGS);
	for (size_t i = 0; i < GW_WIRE_SRC; i++)
		t->src[i] = gw_le64(in + AT_SRC + 8 * i);
	t->view_src = gw_le64(in + AT_VIEW_SRC);
	t->view_offs = gw_le64(in + AT_VIEW_OFFS);
	t->data = gw_le64(in + AT_DATA);
	memcpy(t->name, in + AT_NAME, GW_WIRE_NAME);
	t->name[GW_WIRE_NAME - 1] = '\0';
	t->use_count = d->use_count ? (int32_t)gw_le32(in + AT_USE_COUNT) : 0;
}

uint64_t gw_wire_tensor_id(const uint8_t in[GW_WIRE_TENSOR_SIZE])
{
	return gw_le64(in + AT_ID);
}

void gw_wire_tensor_links(const uint8_t in[GW_WIRE_TENSOR_SIZE], uint64_t ids[GW_WIRE_SRC + 1])
{
	for (size_t i = 0; i < GW_WIRE_SRC; i++)
		ids[i] = gw_le64(in + AT_SRC + 8 * i);
	ids[GW_WIRE_SRC] = gw_le64(in + AT_VIEW_SRC);
}
