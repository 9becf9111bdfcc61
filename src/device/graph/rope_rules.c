#include "device/graph/rope_rules.h"

#include <stdbool.h>
#include <string.h>

/* Slots of op_params. */
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

static bool dims_fit(const struct ggml_tensor *n)
{
	int64_t dims = n->op_params[N_DIMS], offset = n->op_params[OFFSET], head = n->ne[0];
	if (dims <= 0 || dims % 2 || offset < 0 || offset % 2 || dims + offset > head)
		return false;
	return n->op_params[MODE] != GGML_ROPE_TYPE_VISION || (2 * dims == head && offset == 0);
}

static bool sections_fit(const struct ggml_tensor *n)
{
	const int32_t *s = &n->op_params[SECTIONS];
	if (!has_sections(n->op_params[MODE]))
		return true;
	int64_t sum = (int64_t)s[0] + s[1] + s[2] + s[3];
	return s[0] >= 0 && s[1] >= 0 && s[2] >= 0 && s[3] >= 0 && (s[0] || s[1] || s[2]) && sum <= INT32_MAX;
}

static bool positions_fit(const struct ggml_tensor *n)
{
	const struct ggml_tensor *p = n->src[1];
	int64_t streams = has_sections(n->op_params[MODE]) ? 4 : 1;
	return p->type == GGML_TYPE_I32 && p->ne[0] >= streams * n->ne[2] && p->nb[0] == sizeof(int32_t);
}

static bool factors_fit(const struct ggml_tensor *n)
{
	const struct ggml_tensor *f = n->src[2];
	int64_t pairs = n->op_params[N_DIMS] / (n->op_params[MODE] == GGML_ROPE_TYPE_VISION ? 1 : 2);
	return !f || (f->type == GGML_TYPE_F32 && f->ne[0] >= pairs && f->nb[0] == sizeof(float));
}

enum gw_status gw_rope_rules_check(const struct ggml_tensor *node, struct gw_error *err)
{
	const int32_t *p = node->op_params;
	if (!mode_exists(p[MODE]))
		return gw_error_set(err, GW_ERR_PROTOCOL, "there is no mode %d", p[MODE]);
	if (memcmp(node->ne, node->src[0]->ne, sizeof(node->ne)) != 0)
		return gw_error_set(err, GW_ERR_PROTOCOL, "the result has another shape than the source");
	if (!dims_fit(node))
		return gw_error_set(err, GW_ERR_PROTOCOL, "%d elements cannot be rotated from %d on in a head of %lld",
			p[N_DIMS], p[OFFSET], (long long)node->ne[0]);
	if (!sections_fit(node))
		return gw_error_set(err, GW_ERR_PROTOCOL, "sections %d, %d, %d, %d", p[SECTIONS], p[SECTIONS + 1],
			p[SECTIONS + 2], p[SECTIONS + 3]);
	if (!positions_fit(node))
		return gw_error_set(err, GW_ERR_PROTOCOL, "there is not a position for each token");
	if (!factors_fit(node))
		return gw_error_set(err, GW_ERR_PROTOCOL, "there is not a factor for each pair");
	return GW_OK;
}
