/* Read from the constructors declared in ggml.h: extents of kernel (first source) and data (second source), in ggml's
 * order, innermost first. */
#include "device/graph/conv_rules.h"

#include <stdint.h>

/* Strides, paddings and dilations are numbers of 32 bits, extents of 32 bits on the wire: nothing here overflows 64,
 * except a product of three extents, which is taken in steps. */
#define PARAM_MAX (INT64_C(1) << 24)

static bool has_shape(const struct ggml_tensor *t, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)
{
	return t->ne[0] == ne0 && t->ne[1] == ne1 && t->ne[2] == ne2 && t->ne[3] == ne3;
}

/* The number of places at which a kernel of that many elements stands; 0 if the parameters are none. */
static int64_t places(int64_t data, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation)
{
	if (stride < 1 || stride > PARAM_MAX || padding < -PARAM_MAX || padding > PARAM_MAX || dilation < 1 ||
		dilation > PARAM_MAX || kernel > PARAM_MAX)
		return 0;
	return (data + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
}

/* a * b, or -1, which is no extent. */
static int64_t times(int64_t a, int64_t b)
{
	int64_t product;
	return __builtin_mul_overflow(a, b, &product) ? -1 : product;
}

bool gw_im2col_ok(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;
	const int32_t *p = n->op_params;
	int64_t columns = places(d[0], k[0], p[0], p[2], p[4]);
	if (p[6] != 1)
		return p[6] == 0 && k[1] == d[1] && d[3] == 1 && has_shape(n, times(k[0], k[1]), columns, d[2], 1);
	return k[2] == d[2] &&
	       has_shape(n, times(times(k[0], k[1]), k[2]), columns, places(d[1], k[1], p[1], p[3], p[5]), d[3]);
}

bool gw_im2col_3d_ok(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;
	const int32_t *p = n->op_params;
	int64_t channels = p[9];
	if (channels < 1 || d[3] % channels != 0)
		return false;
	return has_shape(n, times(times(times(k[0], k[1]), k[2]), channels), places(d[0], k[0], p[0], p[3], p[6]),
		places(d[1], k[1], p[1], p[4], p[7]), times(places(d[2], k[2], p[2], p[5], p[8]), d[3] / channels));
}

bool gw_conv_2d_ok(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;
	const int32_t *p = n->op_params;
	return k[2] == d[2] &&
	       has_shape(n, places(d[0], k[0], p[0], p[2], p[4]), places(d[1], k[1], p[1], p[3], p[5]), k[3], d[3]);
}

bool gw_conv_2d_dw_ok(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;
	const int32_t *p = n->op_params;
	return k[2] == 1 && k[3] == d[2] &&
	       has_shape(n, places(d[0], k[0], p[0], p[2], p[4]), places(d[1], k[1], p[1], p[3], p[5]), d[2], d[3]);
}

/* Every element of the data is spread over a kernel's length. */
static int64_t spread(int64_t data, int64_t kernel, int64_t stride)
{
	return stride < 1 || stride > PARAM_MAX ? 0 : (data - 1) * stride + kernel;
}

bool gw_conv_transpose_1d_ok(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;
	const int32_t *p = n->op_params;
	return p[1] == 0 && p[2] == 1 && k[2] == d[1] && k[3] == 1 && d[2] == 1 && d[3] == 1 &&
	       has_shape(n, spread(d[0], k[0], p[0]), k[1], 1, 1);
}

bool gw_conv_transpose_2d_ok(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *d = n->src[1]->ne;
	int64_t stride = n->op_params[0];
	return k[3] == d[2] && has_shape(n, spread(d[0], k[0], stride), spread(d[1], k[1], stride), k[2], d[3]);
}

bool gw_pool_1d_ok(const struct ggml_tensor *n)
{
	const int64_t *d = n->src[0]->ne;
	const int32_t *p = n->op_params;
	return p[1] >= 1 && has_shape(n, places(d[0], p[1], p[2], p[3], 1), d[1], d[2], d[3]);
}

/* Its padding may be a fraction, which the parameters have lost. The kernel goes by the result's own rows. */
bool gw_pool_2d_ok(const struct ggml_tensor *n)
{
	const int64_t *d = n->src[0]->ne;
	const int32_t *p = n->op_params;
	return p[1] >= 1 && p[2] >= 1 && p[3] >= 1 && p[4] >= 1 && has_shape(n, n->ne[0], n->ne[1], d[2], d[3]);
}

bool gw_ssm_conv_ok(const struct ggml_tensor *n)
{
	const int64_t *d = n->src[0]->ne, *k = n->src[1]->ne;
	return d[1] == k[1] && has_shape(n, k[1], d[0] - k[0] + 1, d[2], 1);
}
