#include "fuzz/kernels/make.h"

#define MATRIX (FLOATS | QUANTIZED)

static struct ggml_tensor *make_mul_mat(struct gen *g, enum ggml_op op)
{
	enum ggml_type type = gen_type(g, gen_below(g, 3) ? QUANTIZED : FLOATS), with = GGML_TYPE_F32;
	int64_t k = gen_extent(g), ne2 = 1 + gen_below(g, 3), ne3 = 1 + gen_below(g, 2);
	bool hadamard = gen_once_in(g, 12);

	(void)op;
	if (type == GGML_TYPE_F32 ? gen_once_in(g, 4) : type == GGML_TYPE_F16 || type == GGML_TYPE_BF16)
		with = type == GGML_TYPE_F32 ? gen_type(g, FLOATS) : gen_below(g, 2) ? type : GGML_TYPE_F32;
	if (hadamard)
		k = INT64_C(1) << gen_below(g, 9);
	struct ggml_tensor *a = gen_tensor(g, type, k, hadamard ? k : gen_extent(g), ne2, ne3);
	struct ggml_tensor *b =
		gen_tensor(g, with, a->ne[0], gen_extent(g), ne2 * (1 + gen_below(g, 2)), ne3 * (1 + gen_below(g, 2)));
	if (with != type && a->ne[0] != b->ne[0])
		b->ne[0] = a->ne[0];
	struct ggml_tensor *n = ggml_mul_mat(g->ctx, a, b);
	if (hadamard)
		ggml_mul_mat_set_hint(n, GGML_HINT_SRC0_IS_HADAMARD);
	return n;
}

static struct ggml_tensor *make_mul_mat_id(struct gen *g, enum ggml_op op)
{
	int64_t experts = 1 + gen_below(g, 8), used = 1 + gen_below(g, 4), tokens = gen_extent(g);
	struct ggml_tensor *as = gen_tensor(
		g, gen_type(g, gen_below(g, 3) ? QUANTIZED : FLOATS), gen_extent(g), gen_extent(g), experts, 1);
	struct ggml_tensor *b = gen_f32(g, as->ne[0], gen_below(g, 2) ? 1 : used, tokens, 1);

	(void)op;
	return ggml_mul_mat_id(g->ctx, as, b, gen_tensor(g, GGML_TYPE_I32, used, tokens, 1, 1));
}

static struct ggml_tensor *make_out_prod(struct gen *g, enum ggml_op op)
{
	enum ggml_type type = gen_type(g, gen_below(g, 2) ? QUANTIZED | F16 : F32);
	int64_t rows = gen_extent(g), ne2 = 1 + gen_below(g, 3), ne3 = 1 + gen_below(g, 2);
	int64_t times = type == GGML_TYPE_F32 ? 1 + gen_below(g, 2) : 1;

	(void)op;
	return ggml_out_prod(g->ctx, gen_tensor(g, type, gen_extent(g), rows, ne2, ne3),
		gen_f32(g, gen_extent(g), rows, ne2 * times, ne3));
}

static struct ggml_tensor *make_solve_tri(struct gen *g, enum ggml_op op)
{
	int64_t n = 1 + gen_below(g, 12), ne2 = 1 + gen_below(g, 3), ne3 = 1 + gen_below(g, 2);

	(void)op;
	return ggml_solve_tri(
		g->ctx, gen_f32(g, n, n, ne2, ne3), gen_f32(g, gen_extent(g), n, ne2, ne3), true, true, false);
}

static struct ggml_tensor *make_soft_max(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32), *mask = NULL, *n;
	float alibi = gen_below(g, 2) ? 0.0f : 8.0f;

	(void)op;
	if (alibi > 0 || gen_below(g, 2))
		mask = gen_tensor(g, gen_type(g, F32 | F16), a->ne[0], a->ne[1] + gen_below(g, 3),
			gen_below(g, 2) ? a->ne[2] : 1, gen_below(g, 2) ? a->ne[3] : 1);
	n = gen_below(g, 2) ? ggml_soft_max_ext(g->ctx, a, mask, gen_float(g), alibi)
			    : ggml_soft_max_ext_inplace(g->ctx, a, mask, gen_float(g), alibi);
	if (gen_once_in(g, 3))
		ggml_soft_max_add_sinks(n, gen_f32(g, a->ne[2], 1, 1, 1));
	return n;
}

static struct ggml_tensor *make_flash_attn(struct gen *g, enum ggml_op op)
{
	static const int64_t heads[] = {8, 16, 32, 40, 64, 80, 128};
	enum ggml_type k_type = gen_type(g, gen_below(g, 2) ? FLOATS : MATRIX);
	enum ggml_type v_type = gen_below(g, 3) ? k_type : gen_type(g, MATRIX);
	int64_t kv = gen_once_in(g, 16) ? 510 + gen_below(g, 4) : gen_extent(g);
	int64_t n_kv = 1 + gen_below(g, 2), seqs = 1 + gen_below(g, 2), batch = gen_below(g, 2) ? 1 : gen_extent(g);
	struct ggml_tensor *k = gen_tensor(g, k_type, heads[gen_below(g, 7)], kv, n_kv, seqs);
	struct ggml_tensor *v =
		gen_tensor(g, v_type, gen_below(g, 2) ? k->ne[0] : heads[gen_below(g, 7)], kv, n_kv, seqs);
	struct ggml_tensor *q = gen_f32(g, k->ne[0], batch, n_kv * (1 + gen_below(g, 3)), seqs), *mask = NULL;
	float alibi = gen_once_in(g, 4) ? 8.0f : 0.0f;

	(void)op;
	if (alibi > 0 || gen_below(g, 2))
		mask = gen_tensor(g, GGML_TYPE_F16, kv, batch + gen_below(g, 3), gen_below(g, 2) ? q->ne[2] : 1, seqs);
	struct ggml_tensor *n =
		ggml_flash_attn_ext(g->ctx, q, k, v, mask, gen_float(g), alibi, gen_once_in(g, 4) ? 30.0f : 0.0f);
	if (gen_once_in(g, 4))
		ggml_flash_attn_ext_add_sinks(n, gen_f32(g, q->ne[2], 1, 1, 1));
	if (gen_once_in(g, 3))
		ggml_flash_attn_ext_set_n_kv_max(n, (int32_t)gen_below(g, (uint32_t)kv + 2));
	if (gen_below(g, 2))
		ggml_prec_set_acc(n, GGML_PREC_F32);
	return n;
}

static struct ggml_tensor *make_norm(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32);
	bool in_place = gen_once_in(g, 4);

	switch (op) {
	case GGML_OP_NORM:
		return in_place ? ggml_norm_inplace(g->ctx, a, 1e-5f) : ggml_norm(g->ctx, a, 1e-5f);
	case GGML_OP_RMS_NORM:
		return in_place ? ggml_rms_norm_inplace(g->ctx, a, 1e-5f) : ggml_rms_norm(g->ctx, a, 0.0f);
	case GGML_OP_L2_NORM:
		return in_place ? ggml_l2_norm_inplace(g->ctx, a, 1e-5f) : ggml_l2_norm(g->ctx, a, 0.0f);
	default:
		return ggml_group_norm(g->ctx, a, 1 + (int)gen_below(g, (uint32_t)a->ne[2]), 1e-5f);
	}
}

static struct ggml_tensor *make_rope(struct gen *g, enum ggml_op op)
{
	static const int modes[] = {GGML_ROPE_TYPE_NORMAL, GGML_ROPE_TYPE_NEOX, GGML_ROPE_TYPE_MROPE,
		GGML_ROPE_TYPE_VISION, GGML_ROPE_TYPE_IMROPE};
	int mode = modes[gen_below(g, 5)], half = 1 + (int)gen_below(g, 20), dims = 2 * half;
	int64_t head = mode == GGML_ROPE_TYPE_VISION ? 2 * dims : dims + 2 * (int)gen_below(g, 6),
		tokens = gen_extent(g);
	bool multi = mode != GGML_ROPE_TYPE_NORMAL && mode != GGML_ROPE_TYPE_NEOX;
	int sections[4] = {1 + (int)gen_below(g, 4), (int)gen_below(g, 3), (int)gen_below(g, 3), (int)gen_below(g, 2)};
	struct ggml_tensor *a =
		gen_tensor(g, gen_type(g, F32 | F16), head, 1 + gen_below(g, 4), tokens, 1 + gen_below(g, 2));
	struct ggml_tensor *p = gen_tensor(g, GGML_TYPE_I32, multi ? 4 * tokens : tokens, 1, 1, 1);
	struct ggml_tensor *f =
		gen_below(g, 2) ? gen_f32(g, mode == GGML_ROPE_TYPE_VISION ? dims : half, 1, 1, 1) : NULL;
	struct ggml_tensor *n =
		multi ? ggml_rope_multi(
				g->ctx, a, p, f, dims, sections, mode, 0, 10000.0f, 1.0f, gen_float(g), 1.0f, 32, 1)
		      : ggml_rope_ext(g->ctx, a, p, f, dims, mode, 0, 10000.0f, 1.0f, gen_float(g), 1.0f, 32, 1);
	if (gen_once_in(g, 4) && mode != GGML_ROPE_TYPE_VISION && head > dims)
		n->op_params[15] = 2 * (int)gen_below(g, (uint32_t)(head - dims) / 2 + 1);
	n->op = op;
	return n;
}

static struct ggml_tensor *make_indexer(struct gen *g, enum ggml_op op)
{
	int64_t batch = 1 + gen_below(g, 4), heads = 1 + gen_below(g, 4), seqs = 1 + gen_below(g, 3),
		kv = gen_extent(g);
	struct ggml_tensor *k =
		gen_tensor(g, gen_type(g, gen_below(g, 2) ? FLOATS : MATRIX), gen_extent(g), 1, kv, seqs);

	(void)op;
	return ggml_lightning_indexer(g->ctx, gen_f32(g, k->ne[0], heads, batch, seqs), k,
		gen_f32(g, heads, batch, 1, seqs),
		gen_tensor(g, GGML_TYPE_F16, kv, batch, 1, gen_below(g, 2) ? seqs : 1));
}

static struct ggml_tensor *make_streams(struct gen *g, enum ggml_op op)
{
	int64_t embd = gen_extent(g), hc = 1 + gen_below(g, 5), tokens = gen_extent(g);
	struct ggml_tensor *x = gen_f32(g, embd, hc, tokens, 1);

	if (op == GGML_OP_DSV4_HC_COMB)
		return ggml_dsv4_hc_comb(g->ctx, gen_f32(g, 24, tokens, 1, 1), gen_f32(g, 3, 1, 1, 1),
			gen_f32(g, 24, 1, 1, 1), 1e-5f, 1 + (int)gen_below(g, 20));
	if (op == GGML_OP_DSV4_HC_PRE)
		return gen_below(g, 2) ? ggml_dsv4_hc_pre(g->ctx, x, gen_f32(g, hc, tokens, 1, 1))
				       : ggml_dsv4_hc_pre_gated(g->ctx, x, gen_like(g, x), gen_float(g));
	return ggml_dsv4_hc_post(g->ctx, gen_f32(g, embd, tokens, 1, 1), x, gen_f32(g, hc, tokens, 1, 1),
		gen_below(g, 2) ? gen_f32(g, hc, hc, tokens, 1) : NULL);
}

static const struct maker list[] = {
	{GGML_OP_MUL_MAT, make_mul_mat, 8},
	{GGML_OP_MUL_MAT_ID, make_mul_mat_id, 5},
	{GGML_OP_OUT_PROD, make_out_prod, 2},
	{GGML_OP_SOLVE_TRI, make_solve_tri, 1},
	{GGML_OP_SOFT_MAX, make_soft_max, 2},
	{GGML_OP_FLASH_ATTN_EXT, make_flash_attn, 6},
	{GGML_OP_NORM, make_norm, 1},
	{GGML_OP_RMS_NORM, make_norm, 1},
	{GGML_OP_L2_NORM, make_norm, 1},
	{GGML_OP_GROUP_NORM, make_norm, 1},
	{GGML_OP_ROPE, make_rope, 2},
	{GGML_OP_ROPE_BACK, make_rope, 1},
	{GGML_OP_LIGHTNING_INDEXER, make_indexer, 2},
	{GGML_OP_DSV4_HC_COMB, make_streams, 1},
	{GGML_OP_DSV4_HC_PRE, make_streams, 1},
	{GGML_OP_DSV4_HC_POST, make_streams, 1},
};

const struct makers make_matrices = MAKERS(list);
