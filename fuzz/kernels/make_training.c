#include "fuzz/kernels/make.h"

static struct ggml_tensor *make_back(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32), *n;

	switch (op) {
	case GGML_OP_RMS_NORM_BACK:
		return ggml_rms_norm_back(g->ctx, a, gen_like(g, a), 1e-5f);
	case GGML_OP_SOFT_MAX_BACK:
		return gen_below(g, 2) ? ggml_soft_max_ext_back(g->ctx, a, gen_like(g, a), gen_float(g), 0.0f)
				       : ggml_soft_max_ext_back_inplace(g->ctx, a, gen_like(g, a), gen_float(g), 0.0f);
	default:
		a = gen_any(g, gen_type(g, F32 | F16));
		n = gen_like(g, a);
		n->op = op;
		n->src[0] = gen_like(g, a);
		n->src[1] = a;
		return n;
	}
}

static struct ggml_tensor *make_repeat_back(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *to = gen_any(g, GGML_TYPE_F32);

	(void)op;
	return ggml_repeat_back(g->ctx,
		gen_f32(g, to->ne[0] * (1 + gen_below(g, 2)), to->ne[1] * (1 + gen_below(g, 3)), to->ne[2],
			to->ne[3] * (1 + gen_below(g, 2))),
		to);
}

static struct ggml_tensor *make_get_rows_back(struct gen *g, enum ggml_op op)
{
	int64_t rows = gen_extent(g);
	struct ggml_tensor *a = gen_tensor(g, gen_type(g, F32 | F16), gen_extent(g), rows, 1, 1);

	(void)op;
	return ggml_get_rows_back(
		g->ctx, a, gen_tensor(g, GGML_TYPE_I32, rows, 1, 1, 1), gen_f32(g, a->ne[0], gen_extent(g), 1, 1));
}

static struct ggml_tensor *make_loss(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32);

	if (op == GGML_OP_CROSS_ENTROPY_LOSS)
		return ggml_cross_entropy_loss(g->ctx, a, gen_like(g, a));
	return ggml_cross_entropy_loss_back(g->ctx, gen_f32(g, 1, 1, 1, 1), a, gen_like(g, a));
}

static struct ggml_tensor *make_step(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *w = gen_any(g, GGML_TYPE_F32);

	ggml_set_param(w);
	if (op == GGML_OP_OPT_STEP_SGD)
		return ggml_opt_step_sgd(g->ctx, w, gen_like(g, w), gen_f32(g, 2, 1, 1, 1));
	return ggml_opt_step_adamw(g->ctx, w, gen_like(g, w), gen_like(g, w), gen_like(g, w), gen_f32(g, 7, 1, 1, 1));
}

static const struct maker list[] = {
	{GGML_OP_SILU_BACK, make_back, 1},
	{GGML_OP_RMS_NORM_BACK, make_back, 1},
	{GGML_OP_SOFT_MAX_BACK, make_back, 1},
	{GGML_OP_REPEAT_BACK, make_repeat_back, 1},
	{GGML_OP_GET_ROWS_BACK, make_get_rows_back, 2},
	{GGML_OP_CROSS_ENTROPY_LOSS, make_loss, 1},
	{GGML_OP_CROSS_ENTROPY_LOSS_BACK, make_loss, 1},
	{GGML_OP_OPT_STEP_ADAMW, make_step, 2},
	{GGML_OP_OPT_STEP_SGD, make_step, 1},
};

const struct makers make_training = MAKERS(list);
