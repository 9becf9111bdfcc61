#include "device/rules/op_fits.h"

bool gw_fits_repeat_back(const struct ggml_tensor *n)
{
	return gw_divides(n, n->src[0], 0);
}

bool gw_fits_get_rows_back(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne, *rows = n->src[1]->ne;

	return gw_has_shape(n->src[0], a[0], a[1], 1, 1) && a[1] >= rows[0] &&
	       gw_has_shape(n->src[1], rows[0], 1, 1, 1) && gw_has_shape(n, a[0], n->ne[1], 1, 1);
}

/* The kernel asserts that there is no ALiBi. */
bool gw_fits_soft_max_back(const struct ggml_tensor *n)
{
	return gw_float_param(n, 1) == 0.0f && gw_same_shape(n, n->src[0]) && gw_same_shape(n, n->src[1]);
}

bool gw_fits_cross_entropy(const struct ggml_tensor *n)
{
	return gw_has_shape(n, 1, 1, 1, 1) && gw_same_shape(n->src[0], n->src[1]);
}

bool gw_fits_cross_entropy_back(const struct ggml_tensor *n)
{
	return gw_has_shape(n->src[0], 1, 1, 1, 1) && gw_same_shape(n, n->src[1]) && gw_same_shape(n, n->src[2]);
}

static bool is_laid_out_like(const struct ggml_tensor *a, const struct ggml_tensor *b)
{
	return gw_same_shape(a, b) && memcmp(a->nb, b->nb, sizeof(a->nb)) == 0;
}

/* Gradient and moments are reached by the strides of the weights. */
bool gw_fits_adamw(const struct ggml_tensor *n)
{
	const struct ggml_tensor *w = n->src[0];

	return gw_same_shape(n, w) && is_laid_out_like(n->src[1], w) && is_laid_out_like(n->src[2], w) &&
	       is_laid_out_like(n->src[3], w) && gw_has_shape(n->src[4], 7, 1, 1, 1);
}

bool gw_fits_sgd(const struct ggml_tensor *n)
{
	const struct ggml_tensor *w = n->src[0];

	return gw_same_shape(n, w) && is_laid_out_like(n->src[1], w) && gw_has_shape(n->src[2], 2, 1, 1, 1);
}
