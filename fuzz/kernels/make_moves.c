#include "fuzz/kernels/make.h"

static struct ggml_tensor *make_copy(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, gen_type(g, EVERY));

	if (op == GGML_OP_DUP)
		return gen_once_in(g, 4) ? ggml_dup_inplace(g->ctx, a) : ggml_dup(g->ctx, a);
	return ggml_cont(g->ctx, a);
}

/* Copies to the same type, to another type, or to other extents. */
static struct ggml_tensor *make_cpy(struct gen *g, enum ggml_op op)
{
	enum ggml_type from = gen_type(g, COPIES), to = from;

	(void)op;
	if (gen_below(g, 2)) {
		from = gen_type(g, gen_below(g, 2) ? FLOATS | I32 : QUANTIZED);
		to = ggml_is_quantized(from) || from == GGML_TYPE_I32
			     ? GGML_TYPE_F32
			     : gen_type(g, gen_below(g, 2) ? FLOATS : QUANTIZABLE);
		if (from == GGML_TYPE_F32 && gen_once_in(g, 6))
			to = GGML_TYPE_I32;
	} else if (gen_once_in(g, 4)) {
		from = gen_type(g, EVERY);
		to = gen_type(g, EVERY);
	}
	enum ggml_type wider = ggml_blck_size(to) > ggml_blck_size(from) ? to : from;
	struct ggml_tensor *shape = gen_any(g, wider);
	struct ggml_tensor *a = gen_tensor(g, from, shape->ne[0], shape->ne[1], shape->ne[2], shape->ne[3]);
	struct ggml_tensor *b = gen_tensor(g, to, shape->ne[0], shape->ne[1], shape->ne[2], shape->ne[3]);
	if (gen_once_in(g, 4))
		b = gen_tensor(g, to, shape->ne[0], 1, shape->ne[1] * shape->ne[2] * shape->ne[3], 1);
	return gen_once_in(g, 3) && ggml_are_same_shape(a, b) ? ggml_cast(g->ctx, a, to) : ggml_cpy(g->ctx, a, b);
}

/* Copies columns of a matrix to other columns, which may overlap. */
static struct ggml_tensor *make_cpy_beside(struct gen *g, enum ggml_op op)
{
	enum ggml_type type = gen_type(g, FLOATS | I32);
	int64_t n = gen_extent(g), rows = 1 + gen_below(g, 4);
	struct ggml_tensor *m = gen_tensor(g, type, 2 * n + gen_below(g, 3), rows, 1, 1);
	struct ggml_tensor *a = ggml_view_2d(g->ctx, m, n, rows, m->nb[1], gen_below(g, (uint32_t)n + 1) * m->nb[0]);
	struct ggml_tensor *b = ggml_view_2d(g->ctx, m, n, rows, m->nb[1], gen_below(g, (uint32_t)n + 1) * m->nb[0]);

	(void)op;
	return ggml_cpy(g->ctx, a, b);
}

static struct ggml_tensor *make_repeat(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, gen_type(g, FLOATS | I32 | T(I16)));

	(void)op;
	return ggml_repeat_4d(g->ctx, a, a->ne[0] * (1 + gen_below(g, 2)), a->ne[1] * (1 + gen_below(g, 3)),
		a->ne[2] * (1 + gen_below(g, 2)), a->ne[3] * (1 + gen_below(g, 2)));
}

static struct ggml_tensor *make_concat(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, gen_type(g, EVERY));
	uint32_t dim = gen_below(g, GGML_MAX_DIMS);
	int64_t ne[GGML_MAX_DIMS];

	(void)op;
	memcpy(ne, a->ne, sizeof(ne));
	ne[dim] = dim == 0 ? ggml_blck_size(a->type) * (1 + gen_below(g, 3)) : gen_below(g, 4);
	return ggml_concat(g->ctx, a, gen_tensor(g, a->type, ne[0], ne[1], ne[2], ne[3]), (int)dim);
}

static struct ggml_tensor *make_get_rows(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, gen_type(g, gen_below(g, 3) ? QUANTIZED : FLOATS | I32));

	(void)op;
	return ggml_get_rows(g->ctx, a, gen_tensor(g, GGML_TYPE_I32, gen_extent(g), a->ne[2], a->ne[3], 1));
}

static struct ggml_tensor *make_set_rows(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, gen_type(g, gen_below(g, 3) ? QUANTIZABLE : FLOATS));
	int64_t rows = gen_below(g, 5), ne11 = gen_below(g, 2) ? a->ne[2] : 1, ne12 = gen_below(g, 2) ? a->ne[3] : 1;
	struct ggml_tensor *b = ggml_new_tensor_4d(g->ctx, GGML_TYPE_F32, a->ne[0], rows, a->ne[2], a->ne[3]);
	struct ggml_tensor *n = ggml_set_rows(g->ctx, a, b, gen_tensor(g, gen_type(g, I32 | I64), rows, ne11, ne12, 1));

	(void)op;
	if (gen_once_in(g, 3))
		n->src[0] = ggml_new_tensor_4d(g->ctx, GGML_TYPE_F16, a->ne[0], rows, a->ne[2], a->ne[3]);
	return n;
}

static struct ggml_tensor *make_diag(struct gen *g, enum ggml_op op)
{
	(void)op;
	return ggml_diag(g->ctx, gen_f32(g, gen_extent(g), 1, 1 + gen_below(g, 3), 1 + gen_below(g, 3)));
}

static struct ggml_tensor *make_pad(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32);
	int p[8];

	(void)op;
	for (int i = 0; i < 8; i++)
		p[i] = (int)gen_below(g, (uint32_t)a->ne[i / 2] + 2) / (gen_below(g, 2) ? 1 : 3);
	return gen_below(g, 2) ? ggml_pad_ext(g->ctx, a, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7])
			       : ggml_pad_ext_circular(g->ctx, a, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]);
}

static struct ggml_tensor *make_pad_reflect(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32);

	(void)op;
	return ggml_pad_reflect_1d(
		g->ctx, a, (int)gen_below(g, (uint32_t)a->ne[0]), (int)gen_below(g, (uint32_t)a->ne[0]));
}

static struct ggml_tensor *make_roll(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32);
	int s[GGML_MAX_DIMS];

	(void)op;
	for (int i = 0; i < GGML_MAX_DIMS; i++)
		s[i] = (int)gen_below(g, (uint32_t)a->ne[i] * 2 - 1) - (int)a->ne[i] + 1;
	return ggml_roll(g->ctx, a, s[0], s[1], s[2], s[3]);
}

static struct ggml_tensor *make_arange(struct gen *g, enum ggml_op op)
{
	float start = gen_float(g), step = 0.1f + (float)gen_below(g, 30) / 10.0f;

	(void)op;
	return ggml_arange(g->ctx, start, start + step * ((float)gen_extent(g) - 0.5f), step);
}

static struct ggml_tensor *make_upscale(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32);
	uint32_t mode = gen_below(g, GGML_SCALE_MODE_COUNT);

	(void)op;
	if (gen_below(g, 2))
		mode |= GGML_SCALE_FLAG_ALIGN_CORNERS;
	if (mode == GGML_SCALE_MODE_BILINEAR && gen_below(g, 2))
		mode |= GGML_SCALE_FLAG_ANTIALIAS;
	return ggml_interpolate(
		g->ctx, a, gen_extent(g), 1 + gen_below(g, 9), 1 + gen_below(g, 5), 1 + gen_below(g, 4), mode);
}

static struct ggml_tensor *make_timestep(struct gen *g, enum ggml_op op)
{
	(void)op;
	return ggml_timestep_embedding(
		g->ctx, gen_f32(g, gen_extent(g), 1, 1, 1), (int)gen_extent(g), (int)gen_below(g, 10000));
}

static struct ggml_tensor *make_order(struct gen *g, enum ggml_op op)
{
	struct ggml_tensor *a = gen_any(g, GGML_TYPE_F32);

	if (gen_below(g, 2))
		a = gen_f32(g, 1 + gen_below(g, 200), 1 + gen_below(g, 4), 1, 1);
	if (op == GGML_OP_TOP_K)
		return ggml_top_k(g->ctx, a, 1 + (int)gen_below(g, (uint32_t)a->ne[0]));
	return ggml_argsort(g->ctx, a, (enum ggml_sort_order)gen_below(g, 2));
}

static struct ggml_tensor *make_window(struct gen *g, enum ggml_op op)
{
	int w = 1 + (int)gen_below(g, 5);
	int64_t across = 1 + gen_below(g, 9), down = 1 + gen_below(g, 9), across_w = (across + w - 1) / w;

	if (op == GGML_OP_WIN_PART)
		return ggml_win_part(g->ctx, gen_f32(g, gen_extent(g), across, down, 1), w);
	return ggml_win_unpart(
		g->ctx, gen_f32(g, gen_extent(g), w, w, across_w * ((down + w - 1) / w)), (int)across, (int)down, w);
}

static struct ggml_tensor *make_rel_pos(struct gen *g, enum ggml_op op)
{
	int64_t a = 1 + gen_below(g, 6), b = 1 + gen_below(g, 4), c = 1 + gen_below(g, 4), d = 1 + gen_below(g, 3);

	if (op == GGML_OP_GET_REL_POS) {
		struct ggml_tensor *n = ggml_get_rel_pos(
			g->ctx, gen_tensor(g, GGML_TYPE_F16, gen_extent(g), 2 * a - 1, 1, 1), (int)a, (int)a);
		n->type = n->src[0]->type = gen_type(g, F16 | BF16);
		return n;
	}
	struct ggml_tensor *to = gen_f32(g, a * a, b * c, d, 1), *w = gen_f32(g, a, b, c, d);
	return gen_below(g, 2) ? ggml_add_rel_pos(g->ctx, to, w, gen_like(g, w))
			       : ggml_add_rel_pos_inplace(g->ctx, to, w, gen_like(g, w));
}

static const struct maker list[] = {
	{GGML_OP_DUP, make_copy, 3},
	{GGML_OP_CONT, make_copy, 3},
	{GGML_OP_CPY, make_cpy, 9},
	{GGML_OP_CPY, make_cpy_beside, 1},
	{GGML_OP_REPEAT, make_repeat, 1},
	{GGML_OP_CONCAT, make_concat, 3},
	{GGML_OP_GET_ROWS, make_get_rows, 3},
	{GGML_OP_SET_ROWS, make_set_rows, 3},
	{GGML_OP_DIAG, make_diag, 1},
	{GGML_OP_PAD, make_pad, 2},
	{GGML_OP_PAD_REFLECT_1D, make_pad_reflect, 1},
	{GGML_OP_ROLL, make_roll, 1},
	{GGML_OP_ARANGE, make_arange, 1},
	{GGML_OP_UPSCALE, make_upscale, 2},
	{GGML_OP_TIMESTEP_EMBEDDING, make_timestep, 1},
	{GGML_OP_ARGSORT, make_order, 2},
	{GGML_OP_TOP_K, make_order, 2},
	{GGML_OP_WIN_PART, make_window, 1},
	{GGML_OP_WIN_UNPART, make_window, 1},
	{GGML_OP_GET_REL_POS, make_rel_pos, 1},
	{GGML_OP_ADD_REL_POS, make_rel_pos, 1},
};

const struct makers make_moves = MAKERS(list);
