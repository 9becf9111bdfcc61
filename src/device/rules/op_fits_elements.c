#include "base/checked.h"
#include "device/rules/op_fits.h"
#include "device/rules/op_rows.h"

bool gw_fits_src0(const struct ggml_tensor *n)
{
	return gw_same_shape(n, n->src[0]);
}

bool gw_fits_all(const struct ggml_tensor *n)
{
	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (n->src[i] && !gw_same_shape(n, n->src[i]))
			return false;
	return true;
}

struct types {
	enum ggml_type src0, src1, result;
};

/* What the kernel of binary operations is instantiated for. */
static bool types_combine(const struct ggml_tensor *n)
{
	static const struct types known[] = {
		{GGML_TYPE_F32, GGML_TYPE_F32, GGML_TYPE_F32},
		{GGML_TYPE_F16, GGML_TYPE_F16, GGML_TYPE_F16},
		{GGML_TYPE_F16, GGML_TYPE_F32, GGML_TYPE_F16},
		{GGML_TYPE_F16, GGML_TYPE_F32, GGML_TYPE_F32},
		{GGML_TYPE_BF16, GGML_TYPE_BF16, GGML_TYPE_BF16},
		{GGML_TYPE_BF16, GGML_TYPE_F32, GGML_TYPE_BF16},
		{GGML_TYPE_BF16, GGML_TYPE_F32, GGML_TYPE_F32},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].src0 == n->src[0]->type && known[i].src1 == n->src[1]->type && known[i].result == n->type)
			return true;
	return false;
}

bool gw_fits_binary(const struct ggml_tensor *n)
{
	return types_combine(n) && gw_same_shape(n, n->src[0]) && gw_divides(n->src[1], n, 0);
}

/* Blocks are taken apart, added to and put together again, row by row, into a result of the same type or numbers. */
static bool adds_to_blocks(const struct ggml_tensor *n)
{
	return n->src[1]->type == GGML_TYPE_F32 && (n->type == GGML_TYPE_F32 || n->type == n->src[0]->type) &&
	       n->src[1]->nb[0] == sizeof(float) && ggml_is_contiguous(n) && n->nb[0] <= n->nb[1] &&
	       n->nb[1] <= n->nb[2] && n->nb[2] <= n->nb[3] && gw_fits_all(n);
}

bool gw_fits_add(const struct ggml_tensor *n)
{
	return ggml_is_quantized(n->src[0]->type) ? adds_to_blocks(n) : gw_fits_binary(n);
}

bool gw_fits_add_id(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne, *ids = n->src[2]->ne;

	return gw_same_shape(n, n->src[0]) && n->src[1]->ne[0] == a[0] && ids[0] == a[1] && ids[1] == a[2];
}

bool gw_fits_add1(const struct ggml_tensor *n)
{
	enum ggml_type to = n->src[0]->type, what = n->src[1]->type;

	return gw_same_shape(n, n->src[0]) && gw_has_shape(n->src[1], 1, 1, 1, 1) &&
	       (what == GGML_TYPE_F32 || (what == to && !ggml_is_quantized(to)));
}

/* The second source goes to a place in the result that the parameters name: strides, then an offset, in bytes. Strides
 * of extents of 1 are not used, and may have been cut to 32 bits. */
bool gw_fits_part(const struct ggml_tensor *n)
{
	const struct ggml_tensor *part = n->src[1];
	uint64_t end = (uint64_t)n->op_params[3] + (uint64_t)part->ne[0] * ggml_type_size(n->type);

	for (int i = 1; i < GGML_MAX_DIMS; i++) {
		uint64_t far;
		if (part->ne[i] == 1)
			continue;
		if (n->op_params[i - 1] < 0 ||
			!gw_mul_u64((uint64_t)part->ne[i] - 1, (uint64_t)n->op_params[i - 1], &far) ||
			!gw_add_u64(end, far, &end))
			return false;
	}
	return gw_same_shape(n, n->src[0]) && end <= ggml_nbytes(n);
}

/* The kernel takes all rows for rows of adjacent elements. What it then reads has to be the source's at least. */
bool gw_fits_sum(const struct ggml_tensor *n)
{
	const struct ggml_tensor *a = n->src[0];
	size_t end = ggml_row_size(a->type, a->ne[0]);

	for (int i = 1; i < GGML_MAX_DIMS; i++)
		end += (size_t)(a->ne[i] - 1) * a->nb[i];
	return gw_has_shape(n, 1, 1, 1, 1) && (gw_tensor_is_empty(a) || end <= ggml_nbytes(a));
}

bool gw_fits_row_results(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;

	return gw_has_shape(n, 1, a[1], a[2], a[3]);
}

bool gw_fits_argmax(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;

	return gw_has_shape(n, a[1], 1, 1, 1) && a[2] == 1 && a[3] == 1;
}

/* The kernel's way from a row's number to its place is right for matrices only. */
bool gw_fits_count_equal(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;

	return gw_has_shape(n, 1, 1, 1, 1) && gw_same_shape(n->src[0], n->src[1]) && a[2] == 1 && a[3] == 1;
}

/* UNARY and GLU have one row each, and one of these for each function, with its additional requirements. */
struct variant {
	uint64_t types;
	enum gw_layout layout;
};

static const struct variant unary_variants[GGML_UNARY_OP_COUNT] = {
	[GGML_UNARY_OP_ABS] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_SGN] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_NEG] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_STEP] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_TANH] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_ELU] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_RELU] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_SIGMOID] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_GELU] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_GELU_QUICK] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_SILU] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_HARDSWISH] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_HARDSIGMOID] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_EXP] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_EXPM1] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_SOFTPLUS] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_GELU_ERF] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_XIELU] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_UNARY_OP_FLOOR] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_CEIL] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_ROUND] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_TRUNC] = {FLOATS, GW_LAYOUT_ROWS},
};

static const struct variant glu_variants[GGML_GLU_OP_COUNT] = {
	[GGML_GLU_OP_REGLU] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_GEGLU] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_SWIGLU] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_SWIGLU_OAI] = {F32 | F16, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_GEGLU_ERF] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_GEGLU_QUICK] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_SWIGLU_CLAMP] = {F32 | F16, GW_LAYOUT_EVEN},
};

/* What a variant of an operation requires in addition to the operation's row. */
static bool variant_fits(const struct variant *variant, const struct ggml_tensor *n)
{
	if (!(variant->types >> n->type & 1))
		return false;
	return variant->layout < GW_LAYOUT_EVEN || (ggml_is_contiguous_1(n) && ggml_is_contiguous_1(n->src[0]));
}

bool gw_fits_unary(const struct ggml_tensor *n)
{
	return variant_fits(&unary_variants[n->op_params[0]], n) && gw_same_shape(n, n->src[0]);
}

bool gw_fits_glu(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;

	if (!variant_fits(&glu_variants[n->op_params[0]], n))
		return false;
	return (!n->src[1] || gw_same_shape(n->src[1], n->src[0])) &&
	       gw_has_shape(n, n->src[1] ? a[0] : a[0] / 2, a[1], a[2], a[3]);
}
