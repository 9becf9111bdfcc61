#include "server/alloc_size.h"

#include <stdbool.h>

#include "server/graph_rules.h"
#include "server/tensor.h"

/* The operations whose result ggml 0.27 lets be larger than its elements; for others it asserts that it is not, unless
 * the type is quantized. */
static bool may_expand(enum ggml_op op)
{
	switch (op) {
	case GGML_OP_CUMSUM:
	case GGML_OP_MUL_MAT:
	case GGML_OP_MUL_MAT_ID:
	case GGML_OP_ARGSORT:
	case GGML_OP_TOP_K:
	case GGML_OP_FLASH_ATTN_EXT:
		return true;
	default:
		return false;
	}
}

/* Whether the device may look at the operation. If not, the tensor is presented as one that nothing computes, for which
 * everything is allowed. */
static bool presentable(const struct ggml_tensor *tensor)
{
	return (may_expand(tensor->op) || ggml_is_quantized(tensor->type) || gw_op_is_view(tensor->op)) &&
	       gw_rules_op_complete(tensor);
}

size_t gw_alloc_size(ggml_backend_buffer_type_t buft, const struct ggml_tensor *tensor)
{
	struct ggml_tensor copy = *tensor;

	if (!presentable(tensor)) {
		copy.op = GGML_OP_NONE;
		for (int i = 0; i < GGML_MAX_SRC; i++)
			copy.src[i] = NULL;
	}
	size_t size = ggml_backend_buft_get_alloc_size(buft, &copy);
	size_t nbytes = ggml_nbytes(tensor);
	return size > nbytes ? size : nbytes;
}
