#include "fuzz/kernels/make.h"

/* A tensor that can be repeated to t's extents. */
static struct ggml_tensor *repeatable(struct gen *g, enum ggml_type type, const struct ggml_tensor *t)
{
	int64_t ne[GGML_MAX_DIMS];

	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		ne[i] = gen_below(g, 2) ? t->ne[i] : 1;
		if (ne[i] % 2 == 0 && gen_once_in(g, 4))
			ne[i] /= 2;
	}
	return gen_tensor(g, type, ne[0], ne[1], ne[2], ne[3]);
}

static struct ggml_tensor *make_binary(struct gen *g, enum ggml_op op)
{
	static const enum ggml_type pairs[][2] = {{GGML_TYPE_F32, GGML_TYPE_F32}, {GGML_TYPE_F16, GGML_TYPE_F16},
		{GGML_TYPE_F16, GGML_TYPE_F32}, {GGML_TYPE_BF16, GGML_TYPE_BF16}, {GGML_TYPE_BF16, GGML_TYPE_F32}};
	const enum ggml_type *types = pairs[gen_below(g, 5)];
	struct ggml_tensor *a = gen_any(g, types[0]), *b = repeatable(g, types[1], a);
	bool in_place = gen_once_in(g, 5);

	if (types[0] != types[1] && op == GGML_OP_ADD && gen_below(g, 2))
		return ggml_add_cast(g->ctx, a, b, GGML_TYPE_F32);
	switch (op) {
	case GGML_OP_SUB:
		return in_place ? ggml_sub_inplace(g->ctx, a, b) : ggml_sub(g->ctx, a, b);
	case GGML_OP_MUL:
		return in_place ? ggml_mul_inplace(g->ctx, a, b) : ggml_mul(g->ctx, a, b);
	case GGML_OP_DIV:
		return in_place ? ggml_div_inplace(g->ctx, a, b) : ggml_div(g->ctx, a, b);
	default:
		return in_place ? ggml_add_inplace(g->ctx, a, b) : ggml_add(g->ctx, a, b);
	}
}

static struct ggml_tensor *make_add_blocks(struct gen *g, enum ggml_op op)
{
	bool cast = gen_below(g, 2);
	struct ggml_tensor *a = gen_any(g, gen_type(g, cast ? QUANTIZED : QUANTIZABLE));
	struct ggml_tensor *b = gen_f32(g, a->ne[0], a->ne[1], a->ne[2], a->ne[3]);

	(void)op;
	return cast ? ggml_add_cast(g->ctx, a, b, GGML_TYPE_F32) : ggml_add(g->ctx, a, b);
}

static struct ggml_tensor *make_add1(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, gen_type(g, gen_below(g, 2) ? FLOATS : QUANTIZABLE));
	bool same = (a->type == GGML_TYPE_F16 || a->type == GGML_TYPE_BF16) && gen_below(g, 2);
	struct ggml_tensor *b = gen_tensor(g, same ? a->type : GGML_TYPE_F32, 1, 1, 1, 1);
	struct ggml_tensor *n = gen_once_in(g, 4) ? ggml_view_tensor(g->ctx, a) : gen_like(g, a);

	n->op = op;
	n->src[0] = a;
	n->src[1] = b;
	return n;
}

static struct ggml_tensor *make_add_id(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_f32(g, gen_extent(g), gen_extent(g), 1 + gen_below(g, 4), 1);
	struct ggml_tensor *b = gen_f32(g, a->ne[0], 1 + gen_below(g, 9), 1, 1);

	(void)op;
	return ggml_add_id(g->ctx, a, b, gen_tensor(g, GGML_TYPE_I32, a->ne[1], a->ne[2], 1, 1));
}

static struct ggml_tensor *make_part(struct gen *g, enum ggml_op op)
{
	enum ggml_type type = op == GGML_OP_SET ? gen_type(g, F32 | I32) : GGML_TYPE_F32;
	struct ggml_tensor *a = gen_any(g, type);
	int64_t ne[GGML_MAX_DIMS];
	size_t offset = 0;

	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		ne[i] = 1 + gen_below(g, (uint32_t)a->ne[i]);
		offset += a->nb[i] * gen_below(g, (uint32_t)(a->ne[i] - ne[i] + 1));
	}
	struct ggml_tensor *b = gen_tensor(g, type, ne[0], ne[1], ne[2], ne[3]);
	bool in_place = gen_below(g, 2);
	if (op == GGML_OP_ACC)
		return in_place ? ggml_acc_inplace(g->ctx, a, b, a->nb[1], a->nb[2], a->nb[3], offset)
				: ggml_acc(g->ctx, a, b, a->nb[1], a->nb[2], a->nb[3], offset);
	return in_place ? ggml_set_inplace(g->ctx, a, b, a->nb[1], a->nb[2], a->nb[3], offset)
			: ggml_set(g->ctx, a, b, a->nb[1], a->nb[2], a->nb[3], offset);
}

static struct ggml_tensor *make_reduction(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, op == GGML_OP_SUM ? gen_type(g, FLOATS) : GGML_TYPE_F32);

	switch (op) {
	case GGML_OP_SUM:
		return ggml_sum(g->ctx, a);
	case GGML_OP_SUM_ROWS:
		return ggml_sum_rows(g->ctx, a);
	case GGML_OP_MEAN:
		return ggml_mean(g->ctx, a);
	case GGML_OP_CUMSUM:
		return ggml_cumsum(g->ctx, a);
	default:
		return ggml_argmax(g->ctx, gen_f32(g, a->ne[0], a->ne[1], 1, 1));
	}
}

static struct ggml_tensor *make_count_equal(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_I32);

	(void)op;
	if (gen_below(g, 4))
		a = gen_tensor(g, GGML_TYPE_I32, a->ne[0], gen_extent(g), 1, 1);
	return ggml_count_equal(g->ctx, a, gen_like(g, a));
}

/* Unary functions that are separate operations. */
static struct ggml_tensor *make_function(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, gen_type(g, FLOATS));
	struct ggml_tensor *n = gen_once_in(g, 4) ? ggml_view_tensor(g->ctx, a) : gen_like(g, a);

	n->op = op;
	n->src[0] = a;
	for (int i = 0; i < 2; i++) {
		float value = gen_float(g);
		memcpy(&n->op_params[i], &value, sizeof(value));
	}
	return n;
}

static struct ggml_tensor *make_unary(struct gen *g, enum ggml_op op)
{
	enum ggml_unary_op variant = (enum ggml_unary_op)gen_below(g, GGML_UNARY_OP_COUNT);
	struct ggml_tensor *a = gen_any(g, gen_type(g, FLOATS));

	(void)op;
	if (variant == GGML_UNARY_OP_XIELU)
		return ggml_xielu(g->ctx, a, gen_float(g), gen_float(g), gen_float(g), gen_float(g));
	return gen_once_in(g, 4) ? ggml_unary_inplace(g->ctx, a, variant) : ggml_unary(g->ctx, a, variant);
}

static struct ggml_tensor *make_glu(struct gen *g, enum ggml_op op)
{
	enum ggml_glu_op variant = (enum ggml_glu_op)gen_below(g, GGML_GLU_OP_COUNT);
	struct ggml_tensor *a = gen_any(g, gen_type(g, FLOATS)), *n;

	(void)op;
	if (gen_below(g, 2))
		n = ggml_glu_split(g->ctx, a, gen_like(g, a), variant);
	else
		n = ggml_glu(
			g->ctx, a->ne[0] > 1 ? a : gen_tensor(g, a->type, 2, a->ne[1], 1, 1), variant, gen_below(g, 2));
	for (int i = 2; i < 4; i++) {
		float value = gen_float(g);
		memcpy(&n->op_params[i], &value, sizeof(value));
	}
	return n;
}

static struct ggml_tensor *make_fill(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, gen_type(g, F32 | F16));

	(void)op;
	return gen_below(g, 2) ? ggml_fill(g->ctx, a, gen_float(g)) : ggml_fill_inplace(g->ctx, a, gen_float(g));
}

static struct ggml_tensor *make_mask(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32);
	int past = (int)gen_below(g, 9);

	if (op == GGML_OP_TRI)
		return ggml_tri(g->ctx, gen_f32(g, a->ne[0], a->ne[0], a->ne[2], a->ne[3]),
			(enum ggml_tri_type)gen_below(g, GGML_TRI_TYPE_LOWER + 1));
	if (op == GGML_OP_DIAG_MASK_INF)
		return gen_below(g, 2) ? ggml_diag_mask_inf(g->ctx, a, past)
				       : ggml_diag_mask_inf_inplace(g->ctx, a, past);
	return gen_below(g, 2) ? ggml_diag_mask_zero(g->ctx, a, past) : ggml_diag_mask_zero_inplace(g->ctx, a, past);
}

static const struct maker list[] = {
	{GGML_OP_ADD, make_binary, 2},
	{GGML_OP_ADD, make_add_blocks, 2},
	{GGML_OP_SUB, make_binary, 1},
	{GGML_OP_MUL, make_binary, 1},
	{GGML_OP_DIV, make_binary, 1},
	{GGML_OP_ADD1, make_add1, 2},
	{GGML_OP_ADD_ID, make_add_id, 1},
	{GGML_OP_ACC, make_part, 1},
	{GGML_OP_SET, make_part, 1},
	{GGML_OP_SUM, make_reduction, 1},
	{GGML_OP_SUM_ROWS, make_reduction, 1},
	{GGML_OP_MEAN, make_reduction, 1},
	{GGML_OP_CUMSUM, make_reduction, 1},
	{GGML_OP_ARGMAX, make_reduction, 1},
	{GGML_OP_COUNT_EQUAL, make_count_equal, 1},
	{GGML_OP_SQR, make_function, 1},
	{GGML_OP_SQRT, make_function, 1},
	{GGML_OP_LOG, make_function, 1},
	{GGML_OP_SIN, make_function, 1},
	{GGML_OP_COS, make_function, 1},
	{GGML_OP_LEAKY_RELU, make_function, 1},
	{GGML_OP_CLAMP, make_function, 1},
	{GGML_OP_SCALE, make_function, 1},
	{GGML_OP_UNARY, make_unary, 4},
	{GGML_OP_GLU, make_glu, 3},
	{GGML_OP_FILL, make_fill, 1},
	{GGML_OP_TRI, make_mask, 1},
	{GGML_OP_DIAG_MASK_INF, make_mask, 1},
	{GGML_OP_DIAG_MASK_ZERO, make_mask, 1},
};

const struct makers make_elements = MAKERS(list);
