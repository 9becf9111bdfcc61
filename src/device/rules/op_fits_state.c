#include "base/checked.h"
#include "device/rules/op_fits.h"

/* Kernels go through the elements of a head in steps of as many numbers as the widest vector unit takes at once, four
 * times over, without a rest. */
#define WKV7_STEP 64

/* Whether have == apart + copies * size: states lie behind a result, as many as a parameter tells. */
static bool has_room_for(int64_t have, int64_t apart, int64_t copies, int64_t size)
{
	uint64_t sum;

	return gw_mul_u64((uint64_t)copies, (uint64_t)size, &sum) && gw_add_u64(sum, (uint64_t)apart, &sum) &&
	       (uint64_t)have == sum;
}

/* What is next in dimension `dim` follows without a gap. */
static bool follows(const struct ggml_tensor *t, int dim)
{
	return t->nb[dim] == t->nb[dim - 1] * (size_t)t->ne[dim - 1];
}

/* The kernel reads a channel's numbers as if there were no gap before the next one's. */
bool gw_fits_ssm_conv(const struct ggml_tensor *n)
{
	const int64_t *d = n->src[0]->ne, *k = n->src[1]->ne;

	return follows(n->src[0], 1) && d[1] == k[1] && d[3] == 1 && k[2] == 1 && k[3] == 1 &&
	       gw_has_shape(n, k[1], d[0] - k[0] + 1, d[2], 1);
}

/* All of a state, of one token's heads, or of its groups lies together, and states are where their number times the
 * stride says. */
static bool scan_is_dense(const struct ggml_tensor *n)
{
	const struct ggml_tensor *state = n->src[0];

	return follows(state, 1) && follows(state, 2) && follows(state, 3) && follows(n->src[1], 1) &&
	       follows(n->src[4], 1) && follows(n->src[5], 1);
}

bool gw_fits_ssm_scan(const struct ggml_tensor *n)
{
	const int64_t *state = n->src[0]->ne, *x = n->src[1]->ne, *groups = n->src[4]->ne;
	int64_t heads = x[1], tokens = x[2], sequences = x[3], decays = n->src[3]->ne[0];
	uint64_t size;

	if (!gw_mul_u64((uint64_t)state[0], (uint64_t)state[1], &size) || !gw_mul_u64(size, (uint64_t)heads, &size) ||
		size > INT32_MAX)
		return false;
	return scan_is_dense(n) && state[1] == x[0] && state[2] == heads &&
	       gw_has_shape(n->src[2], heads, tokens, sequences, 1) && (decays == 1 || decays == state[0]) &&
	       gw_has_shape(n->src[3], decays, heads, 1, 1) && heads % groups[1] == 0 &&
	       gw_has_shape(n->src[4], state[0], groups[1], tokens, sequences) && gw_same_shape(n->src[4], n->src[5]) &&
	       gw_has_shape(n->src[6], sequences, 1, 1, 1) && gw_has_shape(n, n->ne[0], 1, 1, 1) &&
	       has_room_for(n->ne[0], ggml_nelements(n->src[1]), n->op_params[0], (int64_t)size * sequences);
}

/* Sources up to the state are alike, but for one of a row for each head; the states lie behind the result. */
static bool recurs(const struct ggml_tensor *n, int state, int of_heads)
{
	const int64_t *k = n->src[0]->ne;
	int64_t sequences = n->src[state]->ne[1];
	uint64_t wide, size;

	for (int i = 1; i < state; i++)
		if (i != of_heads && !gw_same_shape(n->src[i], n->src[0]))
			return false;
	if (k[3] != 1 || k[2] % sequences != 0 || !gw_mul_u64((uint64_t)k[0], (uint64_t)k[1], &wide) ||
		!gw_mul_u64(wide, (uint64_t)k[0], &size) || !gw_mul_u64(size, (uint64_t)sequences, &size) ||
		(uint64_t)ggml_nelements(n->src[state]) != size)
		return false;
	return (uint64_t)n->ne[0] == wide && has_room_for(n->ne[1], k[2], sequences, k[0]) && n->ne[2] == 1 &&
	       n->ne[3] == 1;
}

bool gw_fits_wkv6(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne;

	return gw_has_shape(n->src[3], k[0], k[1], 1, 1) && recurs(n, 5, 3);
}

bool gw_fits_wkv7(const struct ggml_tensor *n)
{
	return n->src[0]->ne[0] % WKV7_STEP == 0 && recurs(n, 6, 0);
}

bool gw_fits_gated_linear_attn(const struct ggml_tensor *n)
{
	return recurs(n, 4, 0);
}

/* Queries and keys are repeated over the heads and sequences of the values. */
static bool repeats_over(const struct ggml_tensor *a, const int64_t *v)
{
	return a->ne[0] == v[0] && v[1] % a->ne[1] == 0 && a->ne[2] == v[2] && v[3] % a->ne[3] == 0;
}

bool gw_fits_gated_delta_net(const struct ggml_tensor *n)
{
	const int64_t *v = n->src[2]->ne;
	int64_t gates = n->src[3]->ne[0];

	return repeats_over(n->src[0], v) && repeats_over(n->src[1], v) && (gates == 1 || gates == v[0]) &&
	       gw_has_shape(n->src[3], gates, v[1], v[2], v[3]) && gw_has_shape(n->src[4], 1, v[1], v[2], v[3]) &&
	       gw_has_shape(n->src[5], v[0], v[0], v[1], v[3]) && n->ne[0] == v[0] * v[1] && n->ne[2] == 1 &&
	       n->ne[3] == 1 && has_room_for(n->ne[1], v[2] * v[3], n->op_params[0], v[0] * v[3]);
}
