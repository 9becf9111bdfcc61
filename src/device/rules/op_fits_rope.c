/* What RoPE's parameters mean: docs/rope.md, "What travels". */
#include "device/rules/op_fits.h"

/* Words of op_params. */
enum {
	N_DIMS = 1,
	MODE = 2,
	SECTIONS = 11,
	OFFSET = 15,
};

static bool mode_exists(int32_t mode)
{
	return mode == GGML_ROPE_TYPE_NORMAL || mode == GGML_ROPE_TYPE_NEOX || mode == GGML_ROPE_TYPE_MROPE ||
	       mode == GGML_ROPE_TYPE_VISION || mode == GGML_ROPE_TYPE_IMROPE;
}

static bool has_sections(int32_t mode)
{
	return mode != GGML_ROPE_TYPE_NORMAL && mode != GGML_ROPE_TYPE_NEOX;
}

/* Elements that are not rotated are copied in pairs, too. */
static bool dims_fit(const struct ggml_tensor *n)
{
	int64_t dims = n->op_params[N_DIMS], offset = n->op_params[OFFSET], head = n->ne[0];

	if (dims <= 0 || dims % 2 || offset < 0 || offset % 2 || dims + offset > head || head % 2)
		return false;
	return n->op_params[MODE] != GGML_ROPE_TYPE_VISION || (2 * dims == head && offset == 0);
}

static bool sections_fit(const struct ggml_tensor *n)
{
	const int32_t *s = &n->op_params[SECTIONS];

	if (!has_sections(n->op_params[MODE]))
		return true;
	for (int i = 0; i < 4; i++)
		if (s[i] < 0)
			return false;
	return (s[0] || s[1] || s[2]) && (int64_t)s[0] + s[1] + s[2] + s[3] <= n->ne[0];
}

static bool has_positions(const struct ggml_tensor *n)
{
	const struct ggml_tensor *p = n->src[1];
	int64_t streams = has_sections(n->op_params[MODE]) ? 4 : 1;

	return p->ne[0] >= streams * n->ne[2];
}

static bool has_factors(const struct ggml_tensor *n)
{
	int64_t pairs = n->op_params[N_DIMS] / (n->op_params[MODE] == GGML_ROPE_TYPE_VISION ? 1 : 2);

	return !n->src[2] || n->src[2]->ne[0] >= pairs;
}

/* A factor for each pair of the head, rotated or not. */
size_t gw_rope_reads(const struct ggml_tensor *n)
{
	return (size_t)n->ne[0] / 2 * sizeof(float);
}

bool gw_fits_rope(const struct ggml_tensor *n)
{
	return mode_exists(n->op_params[MODE]) && gw_same_shape(n, n->src[0]) && dims_fit(n) && sections_fit(n) &&
	       has_positions(n) && has_factors(n);
}
