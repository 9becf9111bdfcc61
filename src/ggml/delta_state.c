#include "ggml/delta_state.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "ggml/numbers.h"

enum {
	VALUES = 2,
	STATE = 5
}; /* sources */

/* Whether the extents' product is n. */
static bool has_elements(const int64_t ne[GGML_MAX_DIMS], int64_t n)
{
	uint64_t product = 1;

	for (int i = 0; i < GGML_MAX_DIMS; i++)
		if (!gw_mul_u64(product, (uint64_t)ne[i], &product))
			return false;
	return product == (uint64_t)n;
}

/* As ggml_reshape makes it. */
static void reshape(const struct ggml_tensor *from, const int64_t ne[GGML_MAX_DIMS], struct ggml_tensor *out)
{
	*out = *from;
	out->op = GGML_OP_RESHAPE;
	memset(out->src, 0, sizeof(out->src));
	out->src[0] = (struct ggml_tensor *)(uintptr_t)from;
	if (!from->view_src) {
		out->view_src = out->src[0];
		out->view_offs = 0;
	}
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		out->ne[i] = ne[i];
		out->nb[i] = i == 0 ? from->nb[0] : out->nb[i - 1] * (size_t)ne[i - 1];
	}
}

enum gw_status gw_delta_state_adapt(struct ggml_tensor *node, struct ggml_tensor *spare, struct gw_error *err)
{
	const struct ggml_tensor *v = node->src[VALUES], *state = node->src[STATE];

	if (gw_op_known(node->op) != GGML_OP_GATED_DELTA_NET || !v || !state)
		return GW_OK;
	const int64_t want[GGML_MAX_DIMS] = {v->ne[0], v->ne[0], v->ne[1], v->ne[3]};
	if (memcmp(state->ne, want, sizeof(want)) == 0)
		return GW_OK;
	if (ggml_is_quantized(state->type) || !ggml_is_contiguous(state) || !has_elements(want, ggml_nelements(state)))
		return gw_error_set(err, GW_ERR_UNSUPPORTED,
			"its state of shape [%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64
			"] is not one for each sequence, as ggml from 0.15 on has it",
			state->ne[0], state->ne[1], state->ne[2], state->ne[3]);
	reshape(state, want, spare);
	node->src[STATE] = spare;
	return GW_OK;
}
