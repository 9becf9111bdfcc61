#include "base/checked.h"
#include "device/rules/op_fits.h"

static bool is_power_of_two(int64_t value)
{
	return value > 0 && (value & (value - 1)) == 0;
}

/* The kernel for a Hadamard matrix looks at neither its rows nor its elements: it takes them as they are by the number
 * of columns. */
static bool hint_is_true(const struct ggml_tensor *n)
{
	if (n->op_params[1] != GGML_HINT_SRC0_IS_HADAMARD)
		return true;
	return n->src[1]->type != GGML_TYPE_BF16 && n->src[0]->ne[0] == n->src[0]->ne[1] &&
	       is_power_of_two(n->src[0]->ne[0]);
}

/* Source 1 is converted to what source 0 is multiplied with, or is of that type already. */
static bool can_multiply(enum ggml_type a, enum ggml_type b)
{
	return b == GGML_TYPE_F32 || a == GGML_TYPE_F32 || a == b;
}

bool gw_fits_mul_mat(const struct ggml_tensor *n)
{
	const int64_t *b = n->src[1]->ne;

	return can_multiply(n->src[0]->type, n->src[1]->type) && hint_is_true(n) && n->src[0]->ne[0] == b[0] &&
	       gw_divides(n->src[0], n->src[1], 2) && gw_has_shape(n, n->src[0]->ne[1], b[1], b[2], b[3]);
}

bool gw_fits_mul_mat_id(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne, *b = n->src[1]->ne, *ids = n->src[2]->ne;

	return a[0] == b[0] && a[3] == 1 && b[3] == 1 && ids[1] == b[2] && ids[2] == 1 && ids[3] == 1 &&
	       ids[0] % b[1] == 0 && gw_has_shape(n, a[1], ids[0], b[2], 1);
}

/* Only numbers of 32 bits are broadcast. */
bool gw_fits_out_prod(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne, *b = n->src[1]->ne;
	bool stacked =
		n->src[0]->type == GGML_TYPE_F32 ? gw_divides(n->src[0], n->src[1], 2) : a[2] == b[2] && a[3] == b[3];

	return stacked && a[1] == b[1] && gw_has_shape(n, a[0], b[0], b[2], b[3]);
}

static bool is_mask(const struct ggml_tensor *mask, int64_t columns, int64_t rows, int64_t ne2, int64_t ne3)
{
	return mask->ne[0] == columns && mask->ne[1] >= rows && ne2 % mask->ne[2] == 0 && ne3 % mask->ne[3] == 0;
}

static bool are_sinks(const struct ggml_tensor *sinks, int64_t heads)
{
	return gw_has_shape(sinks, heads, 1, 1, 1);
}

bool gw_fits_soft_max(const struct ggml_tensor *n)
{
	const int64_t *ne = n->ne;

	return gw_same_shape(n, n->src[0]) && (!n->src[1] || is_mask(n->src[1], ne[0], ne[1], ne[2], ne[3])) &&
	       (!n->src[2] || are_sinks(n->src[2], ne[2]));
}

/* Precisions are named by enum ggml_prec; the kernel knows two of them. */
bool gw_fits_flash_attn(const struct ggml_tensor *n)
{
	const struct ggml_tensor *q = n->src[0], *k = n->src[1], *v = n->src[2], *mask = n->src[3];

	return (n->op_params[3] == GGML_PREC_UNDEFINED || n->op_params[3] == GGML_PREC_F32) && k->ne[0] == q->ne[0] &&
	       gw_divides(k, q, 2) && k->ne[1] == v->ne[1] && gw_divides(v, q, 2) &&
	       gw_has_shape(n, v->ne[0], q->ne[2], q->ne[1], q->ne[3]) &&
	       (!mask || is_mask(mask, k->ne[1], q->ne[1], q->ne[2], q->ne[3])) &&
	       (!n->src[4] || are_sinks(n->src[4], q->ne[2]));
}

bool gw_fits_solve_tri(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne, *b = n->src[1]->ne;

	return a[0] == a[1] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && gw_same_shape(n, n->src[1]);
}

/* Kernels assert that epsilon is not negative, nor no number at all. */
bool gw_fits_norm(const struct ggml_tensor *n)
{
	return gw_same_shape(n, n->src[0]) && gw_float_param(n, 0) >= 0.0f;
}

bool gw_fits_group_norm(const struct ggml_tensor *n)
{
	return gw_same_shape(n, n->src[0]) && n->op_params[0] <= n->ne[2];
}

bool gw_fits_indexer(const struct ggml_tensor *n)
{
	const int64_t *q = n->src[0]->ne, *k = n->src[1]->ne, *mask = n->src[3]->ne;

	return gw_has_shape(n->src[1], q[0], 1, k[2], q[3]) && gw_has_shape(n->src[2], q[1], q[2], 1, q[3]) &&
	       gw_has_shape(n->src[3], k[2], q[2], 1, mask[3]) && q[3] % mask[3] == 0 &&
	       gw_has_shape(n, k[2], q[2], 1, q[3]);
}

#define HC 4

bool gw_fits_hc_comb(const struct ggml_tensor *n)
{
	int64_t tokens = n->src[0]->ne[1];

	return gw_has_shape(n->src[0], (2 + HC) * HC, tokens, 1, 1) && n->src[1]->ne[0] >= 3 &&
	       n->src[2]->ne[0] == (2 + HC) * HC && gw_has_shape(n, HC, HC, tokens, 1);
}

/* A weight for each stream, or a gate for each element of it. */
bool gw_fits_hc_pre(const struct ggml_tensor *n)
{
	const int64_t *x = n->src[0]->ne;
	bool gated = n->op_params[1] != 0;

	return x[3] == 1 && gw_has_shape(n, x[0], x[2], 1, 1) &&
	       (gated ? gw_same_shape(n->src[1], n->src[0]) : gw_has_shape(n->src[1], x[1], x[2], 1, 1));
}

bool gw_fits_hc_post(const struct ggml_tensor *n)
{
	const int64_t *x = n->src[0]->ne, *streams = n->src[1]->ne;
	const struct ggml_tensor *comb = n->src[3];

	return gw_has_shape(n->src[0], x[0], x[1], 1, 1) && gw_has_shape(n->src[1], x[0], streams[1], x[1], 1) &&
	       gw_has_shape(n->src[2], streams[1], x[1], 1, 1) &&
	       (!comb || gw_has_shape(comb, streams[1], streams[1], x[1], 1)) && gw_same_shape(n, n->src[1]);
}
