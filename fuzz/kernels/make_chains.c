/* Chains of operations: cases in which the server must know the first operation to allow the last one, and chains that
 * devices fuse. */
#include "fuzz/kernels/make.h"

/* The experts with a token's highest scores. */
static struct ggml_tensor *make_moe(struct gen *g, enum ggml_op op)
{
	int64_t experts = 2 + gen_below(g, 7), tokens = gen_extent(g), embd = gen_extent(g);
	int used = 1 + (int)gen_below(g, (uint32_t)experts);
	struct ggml_tensor *scores = gen_f32(g, experts, tokens, 1, 1);
	struct ggml_tensor *probs = gen_below(g, 2) ? ggml_soft_max(g->ctx, scores) : scores;
	struct ggml_tensor *ids =
		gen_below(g, 2) ? ggml_argsort_top_k(g->ctx, probs, used) : ggml_top_k(g->ctx, probs, used);

	if (gen_once_in(g, 4))
		ids = ggml_cont(g->ctx, ids);
	if (op == GGML_OP_GET_ROWS)
		return ggml_get_rows(g->ctx, ggml_reshape_3d(g->ctx, probs, 1, experts, tokens), ids);
	if (op == GGML_OP_ADD_ID)
		return ggml_add_id(g->ctx, gen_f32(g, embd, used, tokens, 1),
			gen_f32(g, embd, experts - gen_below(g, 2), 1, 1), ids);
	struct ggml_tensor *as = gen_tensor(
		g, gen_type(g, FLOATS | QUANTIZED), embd, gen_extent(g), experts - (gen_once_in(g, 4) ? 1 : 0), 1);
	return ggml_mul_mat_id(g->ctx, as, gen_f32(g, as->ne[0], 1, tokens, 1), ids);
}

/* Row numbers computed by arithmetic. */
static struct ggml_tensor *make_computed_rows(struct gen *g, enum ggml_op op)
{
	int64_t n = gen_extent(g), rows = gen_extent(g);
	struct ggml_tensor *ids =
		ggml_cast(g->ctx, ggml_scale(g->ctx, gen_f32(g, n, 1, 1, 1), (float)gen_below(g, 4)), GGML_TYPE_I32);
	struct ggml_tensor *table = gen_f32(g, gen_extent(g), rows, 1, 1);

	if (op == GGML_OP_SET_ROWS)
		return ggml_set_rows(g->ctx, table, gen_f32(g, table->ne[0], n, 1, 1), ids);
	if (op == GGML_OP_GET_ROWS_BACK)
		return ggml_get_rows_back(g->ctx, gen_f32(g, table->ne[0], n, 1, 1), ids, table);
	return ggml_get_rows(g->ctx, table, ids);
}

/* Row numbers read from a table, or copied. */
static struct ggml_tensor *make_looked_up_rows(struct gen *g, enum ggml_op op)
{
	int64_t n = gen_extent(g), experts = 1 + gen_below(g, 6), used = 1 + gen_below(g, 3);
	struct ggml_tensor *table = gen_tensor(g, GGML_TYPE_I32, used, gen_extent(g), 1, 1);
	struct ggml_tensor *ids = ggml_get_rows(g->ctx, table, gen_tensor(g, GGML_TYPE_I32, n, 1, 1, 1));

	(void)op;
	if (gen_below(g, 2))
		ids = ggml_cont(g->ctx, gen_tensor(g, GGML_TYPE_I32, used, n, 1, 1));
	struct ggml_tensor *as = gen_f32(g, gen_extent(g), gen_extent(g), experts, 1);
	return ggml_mul_mat_id(g->ctx, as, gen_f32(g, as->ne[0], 1, n, 1), ids);
}

/* Overwrites the states of some sequences while others are read. */
static struct ggml_tensor *make_scan_of_rows(struct gen *g, enum ggml_op op)
{
	int64_t state = gen_extent(g), dim = 1 + gen_below(g, 4), seqs = 1 + gen_below(g, 3),
		states = seqs + gen_below(g, 3);
	struct ggml_tensor *s = gen_f32(g, state * dim, states, 1, 1);
	struct ggml_tensor *ids = ggml_argmax(g->ctx, gen_f32(g, states, seqs, 1, 1));
	struct ggml_tensor *x = gen_f32(g, dim, 1, 2, seqs);

	(void)op;
	if (gen_below(g, 2))
		ids = gen_tensor(g, GGML_TYPE_I32, seqs, 1, 1, 1);
	return ggml_ssm_scan(g->ctx, ggml_reshape_4d(g->ctx, s, state, dim, 1, states), x, gen_f32(g, 1, 2, seqs, 1),
		gen_f32(g, 1, 1, 1, 1), gen_f32(g, state, 1, 2, seqs), gen_f32(g, state, 1, 2, seqs), ids, 1);
}

static struct ggml_tensor *make_fused(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32), *n;
	struct ggml_tensor *w = gen_f32(g, a->ne[0], gen_below(g, 2) ? a->ne[1] : 1, 1, gen_below(g, 2) ? a->ne[3] : 1);

	switch (gen_below(g, 4)) {
	case 0:
		n = ggml_rms_norm(g->ctx, a, 1e-5f);
		break;
	case 1:
		n = ggml_norm(g->ctx, a, 1e-5f);
		break;
	case 2:
		n = ggml_silu(g->ctx, a);
		break;
	default:
		n = ggml_add(g->ctx, a, gen_like(g, a));
		break;
	}
	n = gen_below(g, 4) ? ggml_mul(g->ctx, n, w) : ggml_mul(g->ctx, gen_like(g, n), n);
	return op == GGML_OP_ADD ? ggml_add(g->ctx, n, gen_like(g, n)) : n;
}

/* A view of a part of a result. */
static struct ggml_tensor *make_part_of_result(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = ggml_sqr(g->ctx, gen_any(g, GGML_TYPE_F32));
	int64_t ne0 = 1 + gen_below(g, (uint32_t)a->ne[0]), ne1 = 1 + gen_below(g, (uint32_t)a->ne[1]);
	size_t offset = a->nb[0] * gen_below(g, (uint32_t)(a->ne[0] - ne0 + 1)) +
			a->nb[1] * gen_below(g, (uint32_t)(a->ne[1] - ne1 + 1));
	struct ggml_tensor *part =
		ggml_view_4d(g->ctx, a, ne0, ne1, a->ne[2], a->ne[3], a->nb[1], a->nb[2], a->nb[3], offset);

	if (op == GGML_OP_CPY)
		return ggml_cpy(g->ctx, ggml_sqrt(g->ctx, gen_f32(g, ne0, ne1, a->ne[2], a->ne[3])), part);
	return gen_below(g, 2) ? ggml_cont(g->ctx, ggml_permute(g->ctx, part, 1, 2, 0, 3))
			       : ggml_rms_norm(g->ctx, part, 0.0f);
}

static const struct maker list[] = {
	{GGML_OP_MUL_MAT_ID, make_moe, 3},
	{GGML_OP_GET_ROWS, make_moe, 1},
	{GGML_OP_ADD_ID, make_moe, 1},
	{GGML_OP_GET_ROWS, make_computed_rows, 2},
	{GGML_OP_SET_ROWS, make_computed_rows, 2},
	{GGML_OP_GET_ROWS_BACK, make_computed_rows, 1},
	{GGML_OP_MUL_MAT_ID, make_looked_up_rows, 2},
	{GGML_OP_SSM_SCAN, make_scan_of_rows, 2},
	{GGML_OP_MUL, make_fused, 2},
	{GGML_OP_ADD, make_fused, 2},
	{GGML_OP_CPY, make_part_of_result, 1},
	{GGML_OP_CONT, make_part_of_result, 1},
};

const struct makers make_chains = MAKERS(list);
