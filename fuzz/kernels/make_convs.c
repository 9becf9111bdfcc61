#include "fuzz/kernels/make.h"

/* A stride, a padding and a dilation with which the kernel fits into the data. */
struct steps {
	int s, p, d;
};

static struct steps steps(struct gen *g, int64_t data, int64_t kernel)
{
	struct steps st = {1 + (int)gen_below(g, 3), (int)gen_below(g, 3), 1 + (int)gen_below(g, 2)};

	while (st.d * (kernel - 1) + 1 > data + 2 * st.p)
		st.p++;
	return st;
}

static int64_t extent(struct gen *g, uint32_t max)
{
	return 1 + gen_below(g, max);
}

static enum ggml_type half_or_whole(struct gen *g)
{
	return gen_type(g, F32 | F16);
}

static struct ggml_tensor *make_im2col(struct gen *g, enum ggml_op op)
{
	int64_t k[2] = {extent(g, 4), extent(g, 3)}, d[2] = {extent(g, 12), extent(g, 9)}, ic = extent(g, 3);
	struct steps x = steps(g, d[0], k[0]), y = steps(g, d[1], k[1]);
	enum ggml_type to = half_or_whole(g), from = to == GGML_TYPE_F16 ? half_or_whole(g) : GGML_TYPE_F32;
	bool flat = gen_once_in(g, 3);
	int64_t n = extent(g, 3);
	struct ggml_tensor *kernel = flat ? gen_tensor(g, gen_type(g, FLOATS), k[0], ic, extent(g, 3), 1)
					  : gen_tensor(g, gen_type(g, FLOATS), k[0], k[1], ic, extent(g, 3));
	struct ggml_tensor *data = flat ? gen_tensor(g, from, d[0], ic, n, 1) : gen_tensor(g, from, d[0], d[1], ic, n);

	if (op == GGML_OP_IM2COL)
		return ggml_im2col(
			g->ctx, kernel, data, x.s, flat ? 0 : y.s, x.p, flat ? 0 : y.p, x.d, flat ? 0 : y.d, !flat, to);
	kernel->type = GGML_TYPE_F32;
	ggml_set_name(kernel, "kernel");
	struct ggml_tensor *k32 = gen_f32(g, kernel->ne[0], kernel->ne[1], kernel->ne[2], kernel->ne[3]);
	struct ggml_tensor *columns =
		ggml_im2col(g->ctx, k32, gen_f32(g, data->ne[0], data->ne[1], data->ne[2], data->ne[3]), x.s,
			flat ? 0 : y.s, x.p, flat ? 0 : y.p, x.d, flat ? 0 : y.d, !flat, GGML_TYPE_F32);
	struct ggml_tensor *w = gen_tensor(g, GGML_TYPE_F32, k32->ne[0], k32->ne[1], k32->ne[2], k32->ne[3]);
	return ggml_im2col_back(g->ctx, w, gen_like(g, columns), data->ne, x.s, flat ? 0 : y.s, x.p, flat ? 0 : y.p,
		x.d, flat ? 0 : y.d, !flat);
}

static struct ggml_tensor *make_im2col_3d(struct gen *g, enum ggml_op op)
{
	int64_t k[3] = {extent(g, 3), extent(g, 2), extent(g, 2)}, d[3] = {extent(g, 7), extent(g, 5), extent(g, 4)};
	int64_t ic = extent(g, 2), n = extent(g, 2), oc = extent(g, 2);
	struct steps x = steps(g, d[0], k[0]), y = steps(g, d[1], k[1]), z = steps(g, d[2], k[2]);
	struct ggml_tensor *data = gen_f32(g, d[0], d[1], d[2], ic * n);

	if (op == GGML_OP_IM2COL_3D)
		return ggml_im2col_3d(g->ctx, gen_tensor(g, gen_type(g, FLOATS), k[0], k[1], k[2], ic * oc), data, ic,
			x.s, y.s, z.s, x.p, y.p, z.p, x.d, y.d, z.d, half_or_whole(g));
	return ggml_conv_3d_direct(g->ctx,
		gen_tensor(g, half_or_whole(g), k[0], k[1], gen_once_in(g, 16) ? 0 : k[2], ic * oc), data, x.s, y.s,
		z.s, x.p, y.p, z.p, x.d, y.d, z.d, (int)ic, (int)n, (int)oc);
}

static struct ggml_tensor *make_col2im(struct gen *g, enum ggml_op op)
{
	int s = 1 + (int)gen_below(g, 3), oc = 1 + (int)gen_below(g, 4);
	int64_t k = extent(g, 5), in = extent(g, 9), p = gen_below(g, 2);

	(void)op;
	if ((in - 1) * s + k - 2 * p < 1)
		p = 0;
	return ggml_col2im_1d(g->ctx, gen_tensor(g, gen_type(g, FLOATS), k * oc, in, 1, 1), s, oc, (int)p);
}

/* Channels innermost in memory, with the dimensions in the usual order. */
static struct ggml_tensor *turned(struct gen *g, enum ggml_type type, int64_t w, int64_t h, int64_t c, int64_t n)
{
	struct ggml_tensor *t = gen_tensor(g, type, w, h, c, n);
	size_t size = ggml_type_size(type);

	t->nb[2] = size;
	t->nb[0] = size * (size_t)c;
	t->nb[1] = t->nb[0] * (size_t)w;
	t->nb[3] = t->nb[1] * (size_t)h;
	return t;
}

static struct ggml_tensor *make_conv_2d(struct gen *g, enum ggml_op op)
{
	int64_t k[2] = {extent(g, 4), extent(g, 3)}, d[2] = {extent(g, 12), extent(g, 9)}, ic = gen_extent(g),
		n = extent(g, 3);
	struct steps x = steps(g, d[0], k[0]), y = steps(g, d[1], k[1]);
	bool inner = gen_below(g, 2);
	enum ggml_type type = half_or_whole(g);
	struct ggml_tensor *data = inner ? turned(g, GGML_TYPE_F32, d[0], d[1], ic, n) : gen_f32(g, d[0], d[1], ic, n);
	struct ggml_tensor *kernel;

	if (op == GGML_OP_CONV_2D) {
		int64_t oc = extent(g, 5);
		kernel = inner ? turned(g, type, k[0], k[1], ic, oc) : gen_tensor(g, type, k[0], k[1], ic, oc);
		return ggml_conv_2d_direct(g->ctx, kernel, data, x.s, y.s, x.p, y.p, x.d, y.d);
	}
	kernel = gen_tensor(g, type, k[0], k[1], 1, ic);
	if (inner) {
		kernel->nb[3] = kernel->nb[2] = ggml_type_size(type);
		kernel->nb[0] = kernel->nb[3] * (size_t)ic;
		kernel->nb[1] = kernel->nb[0] * (size_t)k[0];
	}
	return ggml_conv_2d_dw_direct(g->ctx, kernel, data, x.s, y.s, x.p, y.p, x.d, y.d);
}

static struct ggml_tensor *make_transpose(struct gen *g, enum ggml_op op)
{
	int64_t ic = extent(g, 6), oc = extent(g, 5), n = extent(g, 2);
	int stride = 1 + (int)gen_below(g, 3);

	if (op == GGML_OP_CONV_TRANSPOSE_1D)
		return ggml_conv_transpose_1d(g->ctx, gen_tensor(g, half_or_whole(g), extent(g, 5), oc, ic, 1),
			gen_f32(g, gen_extent(g), ic, 1, 1), stride, 0, 1);
	return ggml_conv_transpose_2d_p0(g->ctx, gen_tensor(g, half_or_whole(g), extent(g, 4), extent(g, 3), oc, ic),
		gen_f32(g, extent(g, 9), extent(g, 7), ic, n), stride);
}

static struct ggml_tensor *make_pool(struct gen *g, enum ggml_op op)
{
	enum ggml_op_pool how = (enum ggml_op_pool)gen_below(g, GGML_OP_POOL_COUNT);
	int64_t d[2] = {gen_extent(g), extent(g, 9)};
	int k[2] = {1 + (int)gen_below(g, (uint32_t)d[0]), 1 + (int)gen_below(g, (uint32_t)d[1])};
	int s[2] = {1 + (int)gen_below(g, 3), 1 + (int)gen_below(g, 3)};
	float p[2] = {(float)gen_below(g, 4) / 2, (float)gen_below(g, 4) / 2};
	struct ggml_tensor *a = gen_tensor(g, half_or_whole(g), d[0], d[1], extent(g, 3), extent(g, 3));

	if (op == GGML_OP_POOL_1D)
		return ggml_pool_1d(g->ctx, a, how, k[0], s[0], (int)p[0]);
	struct ggml_tensor *n = ggml_pool_2d(g->ctx, a, how, k[0], k[1], s[0], s[1], p[0], p[1]);
	if (op == GGML_OP_POOL_2D)
		return n;
	struct ggml_tensor *back =
		ggml_pool_2d_back(g->ctx, gen_like(g, n), a, how, k[0], k[1], s[0], s[1], p[0], p[1]);
	back->type = a->type;
	memcpy(back->nb, a->nb, sizeof(a->nb));
	return back;
}

static const struct maker list[] = {
	{GGML_OP_IM2COL, make_im2col, 2},
	{GGML_OP_IM2COL_BACK, make_im2col, 1},
	{GGML_OP_IM2COL_3D, make_im2col_3d, 2},
	{GGML_OP_CONV_3D, make_im2col_3d, 2},
	{GGML_OP_COL2IM_1D, make_col2im, 2},
	{GGML_OP_CONV_2D, make_conv_2d, 2},
	{GGML_OP_CONV_2D_DW, make_conv_2d, 2},
	{GGML_OP_CONV_TRANSPOSE_1D, make_transpose, 1},
	{GGML_OP_CONV_TRANSPOSE_2D, make_transpose, 1},
	{GGML_OP_POOL_1D, make_pool, 1},
	{GGML_OP_POOL_2D, make_pool, 2},
	{GGML_OP_POOL_2D_BACK, make_pool, 1},
};

const struct makers make_convs = MAKERS(list);
