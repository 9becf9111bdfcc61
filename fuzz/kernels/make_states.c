#include "fuzz/kernels/make.h"

static int64_t extent(struct gen *g, uint32_t max)
{
	return 1 + gen_below(g, max);
}

static struct ggml_tensor *make_ssm_conv(struct gen *g, enum ggml_op op)
{
	int64_t taps = extent(g, 5), inner = gen_extent(g);

	(void)op;
	return ggml_ssm_conv(
		g->ctx, gen_f32(g, taps - 1 + extent(g, 5), inner, extent(g, 3), 1), gen_f32(g, taps, inner, 1, 1));
}

static struct ggml_tensor *make_ssm_scan(struct gen *g, enum ggml_op op)
{
	int64_t state = gen_below(g, 2) ? 16 : gen_extent(g), dim = extent(g, 5), groups = extent(g, 2);
	int64_t heads = groups * extent(g, 3), tokens = extent(g, 4), seqs = extent(g, 3);
	bool scalar = gen_below(g, 2);

	(void)op;
	return ggml_ssm_scan(g->ctx, gen_f32(g, state, dim, heads, seqs + gen_below(g, 3)),
		gen_f32(g, dim, heads, tokens, seqs), gen_f32(g, heads, tokens, seqs, 1),
		gen_f32(g, scalar ? 1 : state, heads, 1, 1), gen_f32(g, state, groups, tokens, seqs),
		gen_f32(g, state, groups, tokens, seqs), gen_tensor(g, GGML_TYPE_I32, seqs, 1, 1, 1),
		gen_below(g, 2) ? 1 : 1 + gen_below(g, 5));
}

static struct ggml_tensor *make_recurrent(struct gen *g, enum ggml_op op)
{
	int64_t size = op == GGML_OP_RWKV_WKV7 && gen_below(g, 8) ? 64 : gen_extent(g), heads = extent(g, 2);
	int64_t seqs = extent(g, 2), tokens = seqs * extent(g, 3);
	struct ggml_tensor *t[6], *state = gen_f32(g, size * size * heads, seqs, 1, 1);

	for (int i = 0; i < 6; i++)
		t[i] = gen_f32(g, size, heads, tokens, 1);
	switch (op) {
	case GGML_OP_RWKV_WKV6:
		return ggml_rwkv_wkv6(g->ctx, t[0], t[1], t[2], gen_f32(g, size, heads, 1, 1), t[3], state);
	case GGML_OP_RWKV_WKV7:
		return ggml_rwkv_wkv7(g->ctx, t[0], t[1], t[2], t[3], t[4], t[5], state);
	default:
		return ggml_gated_linear_attn(g->ctx, t[0], t[1], t[2], t[3], state, gen_float(g));
	}
}

static struct ggml_tensor *make_delta_net(struct gen *g, enum ggml_op op)
{
	int64_t size = gen_extent(g), k_heads = extent(g, 2), heads = k_heads * extent(g, 3), tokens = extent(g, 4);
	int64_t seqs = extent(g, 3);

	(void)op;
	if (size > 33)
		size = 33;
	return ggml_gated_delta_net(g->ctx, gen_f32(g, size, k_heads, tokens, seqs),
		gen_f32(g, size, k_heads, tokens, seqs), gen_f32(g, size, heads, tokens, seqs),
		gen_f32(g, gen_below(g, 2) ? 1 : size, heads, tokens, seqs), gen_f32(g, 1, heads, tokens, seqs),
		gen_f32(g, size, size, heads, seqs), extent(g, 4));
}

static const struct maker list[] = {
	{GGML_OP_SSM_CONV, make_ssm_conv, 1},
	{GGML_OP_SSM_SCAN, make_ssm_scan, 4},
	{GGML_OP_RWKV_WKV6, make_recurrent, 1},
	{GGML_OP_RWKV_WKV7, make_recurrent, 1},
	{GGML_OP_GATED_LINEAR_ATTN, make_recurrent, 1},
	{GGML_OP_GATED_DELTA_NET, make_delta_net, 2},
};

const struct makers make_states = MAKERS(list);
