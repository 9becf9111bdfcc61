/* Extents of kernel (first source) and data (second source) are in ggml's order, innermost first. Words of op_params
 * that are strides, paddings and dilations have bounds in the rows: extents below 2^31 and steps of 2^24 stay within 64
 * bits, except for products of three extents, which are taken in steps. */
#include "device/rules/op_fits.h"

/* What ggml-cpu reserves for the patches of CONV_2D and CONV_3D. */
#define PATCHES_MAX (INT64_C(16) << 20)

/* The number of positions of a kernel with that many elements. */
static int64_t places(int64_t data, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation)
{
	return (data + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
}

/* a * b, or -1, which is no extent. */
static int64_t times(int64_t a, int64_t b)
{
	int64_t product;

	return __builtin_mul_overflow(a, b, &product) ? -1 : product;
}

/* Kernels take strides of planes as int. */
static bool steps_are_short(const struct ggml_tensor *t)
{
	return (t->ne[1] == 1 || t->nb[1] <= INT32_MAX) && (t->ne[2] == 1 || t->nb[2] <= INT32_MAX) &&
	       (t->ne[3] == 1 || t->nb[3] <= INT32_MAX);
}

/* The rows of a plane follow each other. */
static bool has_whole_planes(const struct ggml_tensor *t)
{
	return t->ne[1] == 1 || t->nb[1] == t->nb[0] * (size_t)t->ne[0];
}

/* As many bytes as elements need: no gap, in whatever order. */
static bool is_packed(const struct ggml_tensor *t)
{
	return ggml_nbytes(t) == (size_t)ggml_nelements(t) * ggml_type_size(t->type);
}

static bool has_im2col_shape(const struct ggml_tensor *columns, const int64_t *k, const int64_t *d, const int32_t *p)
{
	int64_t across = places(d[0], k[0], p[0], p[2], p[4]);

	if (p[6] == 0)
		return k[1] == d[1] && d[3] == 1 && gw_has_shape(columns, times(k[0], k[1]), across, d[2], 1);
	return p[1] > 0 && p[5] > 0 && k[2] == d[2] &&
	       gw_has_shape(
		       columns, times(times(k[0], k[1]), k[2]), across, places(d[1], k[1], p[1], p[3], p[5]), d[3]);
}

bool gw_fits_im2col(const struct ggml_tensor *n)
{
	bool whole = n->op_params[6] == 0 || has_whole_planes(n->src[1]);

	return (n->src[1]->type == GGML_TYPE_F32 || n->type == n->src[1]->type) && whole &&
	       steps_are_short(n->src[1]) && has_im2col_shape(n, n->src[0]->ne, n->src[1]->ne, n->op_params);
}

bool gw_fits_im2col_back(const struct ggml_tensor *n)
{
	return steps_are_short(n) && has_im2col_shape(n->src[0], n->src[1]->ne, n->ne, n->op_params);
}

bool gw_fits_im2col_3d(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;
	const int32_t *p = n->op_params;
	int64_t channels = p[9];

	if (d[3] % channels != 0)
		return false;
	return gw_has_shape(n, times(times(times(k[0], k[1]), k[2]), channels), places(d[0], k[0], p[0], p[3], p[6]),
		places(d[1], k[1], p[1], p[4], p[7]), times(places(d[2], k[2], p[2], p[5], p[8]), d[3] / channels));
}

bool gw_fits_col2im_1d(const struct ggml_tensor *n)
{
	int64_t stride = n->op_params[0], channels = n->op_params[1], padding = n->op_params[2];
	const int64_t *columns = n->src[0]->ne;

	return columns[0] % channels == 0 && columns[2] == 1 && columns[3] == 1 &&
	       gw_has_shape(n, (columns[1] - 1) * stride + columns[0] / channels - 2 * padding, channels, 1, 1);
}

/* A patch under the kernel, and what becomes of it, must fit the work buffer. */
static bool patch_fits(const struct ggml_tensor *kernel, int64_t in, int64_t out)
{
	int64_t patch = times(times(times(kernel->ne[0], kernel->ne[1]), in), (int64_t)ggml_type_size(kernel->type));

	return patch >= 0 && patch <= PATCHES_MAX && out <= PATCHES_MAX &&
	       patch + out * (int64_t)sizeof(float) <= PATCHES_MAX;
}

bool gw_fits_conv_2d(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;
	const int32_t *p = n->op_params;

	return k[2] == d[2] && patch_fits(n->src[0], k[2], k[3]) &&
	       gw_has_shape(n, places(d[0], k[0], p[0], p[2], p[4]), places(d[1], k[1], p[1], p[3], p[5]), k[3], d[3]);
}

bool gw_fits_conv_3d(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;
	const int32_t *p = n->op_params;
	int64_t channels = p[9], batches = p[10], out = p[11];

	return ggml_is_contiguous(n->src[0]) && k[3] == channels * out && d[3] == channels * batches &&
	       patch_fits(n->src[0], times(k[2], channels), out) &&
	       gw_has_shape(n, places(d[0], k[0], p[0], p[3], p[6]), places(d[1], k[1], p[1], p[4], p[7]),
		       places(d[2], k[2], p[2], p[5], p[8]), out * batches);
}

/* Channels innermost, and where only that can be meant. */
static bool is_cwhn(const struct ggml_tensor *t)
{
	size_t step = ggml_type_size(t->type);

	if (t->nb[2] != step || t->ne[2] == 1 || t->ne[0] == 1)
		return false;
	step *= (size_t)t->ne[2];
	if (t->nb[0] != step || t->nb[1] != step * (size_t)t->ne[0])
		return false;
	return t->nb[3] == t->nb[1] * (size_t)t->ne[1];
}

/* Kernel, data and result are all read and written without a look at their strides, in one of two orders. */
bool gw_fits_conv_2d_dw(const struct ggml_tensor *n)
{
	const struct ggml_tensor *kernel = n->src[0], *data = n->src[1];
	const int64_t *k = kernel->ne, *d = data->ne;
	const int32_t *p = n->op_params;
	bool plain = ggml_is_contiguous(data) && ggml_is_contiguous(kernel);
	bool inner = !ggml_is_contiguous(data) && is_cwhn(data) && kernel->nb[0] >= kernel->nb[2] &&
		     kernel->nb[1] >= kernel->nb[0];

	return (plain || inner) && is_packed(kernel) && is_packed(data) && is_packed(n) && k[2] == 1 && k[3] == d[2] &&
	       gw_has_shape(n, places(d[0], k[0], p[0], p[2], p[4]), places(d[1], k[1], p[1], p[3], p[5]), d[2], d[3]);
}

/* Every element of the data is spread over a kernel's length. */
static int64_t spread(int64_t data, int64_t kernel, int64_t stride)
{
	return (data - 1) * stride + kernel;
}

/* Kernel and data are copied to the work buffer, whose elements are counted in an int. */
static bool can_be_copied(const struct ggml_tensor *n)
{
	return ggml_nelements(n->src[0]) + ggml_nelements(n->src[1]) <= INT32_MAX;
}

bool gw_fits_conv_transpose_1d(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;

	return k[2] == d[1] && k[3] == 1 && d[2] == 1 && d[3] == 1 && can_be_copied(n) &&
	       gw_has_shape(n, spread(d[0], k[0], n->op_params[0]), k[1], 1, 1);
}

bool gw_fits_conv_transpose_2d(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;
	int64_t stride = n->op_params[0];

	return k[3] == d[2] && can_be_copied(n) && has_whole_planes(n->src[0]) &&
	       gw_has_shape(n, spread(d[0], k[0], stride), spread(d[1], k[1], stride), k[2], d[3]);
}

bool gw_fits_pool_1d(const struct ggml_tensor *n)
{
	const int64_t *d = n->src[0]->ne;
	const int32_t *p = n->op_params;

	return gw_has_shape(n, places(d[0], p[1], p[2], p[3], 1), d[1], d[2], d[3]);
}

/* Its padding may be a fraction, of which the parameters have the whole part. */
static bool is_pooled(int64_t result, int64_t data, int64_t kernel, int64_t stride, int64_t padding)
{
	return result >= places(data, kernel, stride, padding, 1) &&
	       result <= places(data, kernel, stride, padding + 1, 1);
}

/* The kernel steps from plane to plane until it has passed the last byte. */
static bool planes_follow(const struct ggml_tensor *t)
{
	return t->nb[1] == t->nb[0] * (size_t)t->ne[0] && t->nb[2] == t->nb[1] * (size_t)t->ne[1] && is_packed(t);
}

static bool pools(const struct ggml_tensor *to, const struct ggml_tensor *from, const int32_t *p)
{
	return is_pooled(to->ne[0], from->ne[0], p[1], p[3], p[5]) &&
	       is_pooled(to->ne[1], from->ne[1], p[2], p[4], p[6]) && to->ne[2] == from->ne[2] &&
	       to->ne[3] == from->ne[3];
}

bool gw_fits_pool_2d(const struct ggml_tensor *n)
{
	return planes_follow(n->src[0]) && pools(n, n->src[0], n->op_params);
}

bool gw_fits_pool_2d_back(const struct ggml_tensor *n)
{
	return planes_follow(n->src[1]) && gw_same_shape(n, n->src[1]) && n->type == n->src[1]->type &&
	       pools(n->src[0], n, n->op_params);
}
