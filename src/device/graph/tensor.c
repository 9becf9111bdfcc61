#include "device/graph/tensor.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"

_Static_assert(GGML_MAX_DIMS == GW_WIRE_DIMS, "dimensions of the wire");
_Static_assert(GGML_MAX_SRC == GW_WIRE_SRC, "sources of the wire");
_Static_assert(GGML_MAX_OP_PARAMS == GW_WIRE_OP_PARAMS * sizeof(int32_t), "parameters of the wire");
_Static_assert(GGML_MAX_NAME == GW_WIRE_NAME, "names of the wire");

const char *gw_tensor_text(const struct gw_wire_tensor *t, char out[GW_TENSOR_TEXT])
{
	size_t n = strnlen(t->name, GW_WIRE_NAME);

	out[0] = '\'';
	for (size_t i = 0; i < n; i++)
		out[1 + i] = t->name[i];
	for (size_t i = 1; i <= n; i++)
		if (out[i] < 0x20 || out[i] > 0x7e)
			out[i] = '?';
	out[n + 1] = '\'';
	out[n + 2] = '\0';
	return out;
}

bool gw_op_is_view(enum ggml_op op)
{
	return op == GGML_OP_VIEW || op == GGML_OP_RESHAPE || op == GGML_OP_PERMUTE || op == GGML_OP_TRANSPOSE;
}

bool gw_op_executes(enum ggml_op op)
{
	return op != GGML_OP_NONE && !gw_op_is_view(op);
}

static bool empty(const struct gw_wire_tensor *t)
{
	for (int i = 0; i < GW_WIRE_DIMS; i++)
		if (t->ne[i] == 0)
			return true;
	return false;
}

/* Bytes of one row of whole blocks; ne[0] is below 2^32 and no type has blocks of 2^32 bytes. */
static uint64_t row_bytes(const struct gw_wire_tensor *t, enum ggml_type type)
{
	uint64_t block = (uint64_t)ggml_blck_size(type), bytes = t->ne[0] * (uint64_t)ggml_type_size(type);

	return block == 1 ? bytes : bytes / block;
}

/* Whether the elements, laid out without gaps, have a size that can be counted: devices multiply dimensions unchecked.
 */
static bool countable(const struct gw_wire_tensor *t, enum ggml_type type)
{
	uint64_t size = row_bytes(t, type);

	for (int i = 1; i < GW_WIRE_DIMS; i++)
		if (!gw_mul_u64(size, t->ne[i], &size))
			return false;
	return size <= PTRDIFF_MAX;
}

/* The wire cuts strides to 32 bits. One that equals the low half of what a contiguous tensor has there was cut. */
static void restore_strides(const struct gw_wire_tensor *t, enum ggml_type type, size_t nb[GGML_MAX_DIMS])
{
	uint64_t whole = row_bytes(t, type);

	nb[0] = t->nb[0];
	for (int i = 1; i < GGML_MAX_DIMS; i++) {
		nb[i] = t->nb[i];
		if (whole > UINT32_MAX && nb[i] == (uint32_t)whole)
			nb[i] = whole;
		if (!gw_mul_u64(whole, t->ne[i], &whole))
			whole = 0;
	}
}

/* The bytes of a row. Of a type in blocks, ggml_nbytes spreads a stride over a block's elements, which says nothing of
 * a block where the stride is less than its size: a row has at least its last block. */
static uint64_t row_extent(const struct gw_wire_tensor *t, enum ggml_type type, size_t stride)
{
	uint64_t block = (uint64_t)ggml_blck_size(type), size = (uint64_t)ggml_type_size(type);

	if (block == 1)
		return size + (t->ne[0] - UINT64_C(1)) * stride;
	uint64_t spread = t->ne[0] * (uint64_t)stride / block;
	uint64_t exact = ((t->ne[0] + block - 1) / block - 1) * stride + size;
	return spread > exact ? spread : exact;
}

/* At least what ggml_nbytes computes, and noticing an overflow. */
static bool extent(const struct gw_wire_tensor *t, enum ggml_type type, const size_t nb[GGML_MAX_DIMS], uint64_t *out)
{
	uint64_t sum, part;

	if (empty(t)) {
		*out = 0;
		return true;
	}
	sum = row_extent(t, type, nb[0]);
	for (int i = 1; i < GGML_MAX_DIMS; i++)
		if (!gw_mul_u64(t->ne[i] - UINT64_C(1), nb[i], &part) || !gw_add_u64(sum, part, &sum))
			return false;
	if (sum > PTRDIFF_MAX)
		return false;
	*out = sum;
	return true;
}

static void fill(const struct gw_opmap *map, const struct gw_wire_tensor *t, enum ggml_type type,
	const size_t nb[GGML_MAX_DIMS], struct ggml_tensor *out)
{
	uint32_t op = gw_opmap_op_local(map, t->op);

	*out = (struct ggml_tensor){.type = type, .flags = t->flags};
	out->op = op == GW_NO_NUMBER ? GGML_OP_NONE : (enum ggml_op)op;
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		out->ne[i] = t->ne[i];
		out->nb[i] = nb[i];
	}
	memcpy(out->op_params, t->op_params, sizeof(out->op_params));
	memcpy(out->name, t->name, sizeof(out->name));
}

enum gw_status gw_tensor_shape(const struct gw_opmap *map, const struct gw_wire_tensor *t, struct ggml_tensor *out,
	uint64_t *nbytes, struct gw_error *err)
{
	char text[GW_TENSOR_TEXT];
	size_t nb[GGML_MAX_DIMS];
	uint64_t size;
	uint32_t local = gw_opmap_type_local(map, t->type);

	if (local == GW_NO_NUMBER)
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "tensor %s is of unknown type %u", gw_tensor_text(t, text), t->type);
	enum ggml_type type = (enum ggml_type)local;
	uint32_t op = gw_opmap_op_local(map, t->op);
	uint64_t block = (uint64_t)ggml_blck_size(type);
	/* A permuted tensor's first dimension is not the one that is cut into blocks. */
	if (block > 1 && t->ne[0] % block != 0 && !(op != GW_NO_NUMBER && gw_op_is_view((enum ggml_op)op)))
		return gw_error_set(err, GW_ERR_PROTOCOL, "tensor %s has rows of %u elements, not whole %s blocks",
			gw_tensor_text(t, text), t->ne[0], ggml_type_name(type));
	restore_strides(t, type, nb);
	if (!countable(t, type) || !extent(t, type, nb, &size))
		return gw_error_set(err, GW_ERR_PROTOCOL, "the extent of tensor %s overflows", gw_tensor_text(t, text));
	fill(map, t, type, nb, out);
	*nbytes = size;
	return GW_OK;
}
