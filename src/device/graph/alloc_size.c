#include "device/graph/alloc_size.h"

#include <stdbool.h>

#include "device/graph/tensor.h"
#include "device/rules/op_judge.h"
#include "ggml/layout.h"

/* Whether ggml lets op's result take more than its elements. For others it asserts that it does not, unless the type is
 * quantized. A ggml that does not say has no such assertion. */
static bool may_expand(enum ggml_op op)
{
	return !ggml_op_alloc_size_may_expand || ggml_op_alloc_size_may_expand(op);
}

/* Whether the device may look at the operation. If not, the tensor is presented as one that nothing computes, for which
 * everything is allowed. */
static bool presentable(const struct ggml_tensor *tensor)
{
	if (gw_op_is_view(tensor->op))
		return true;
	return (may_expand(tensor->op) || ggml_is_quantized(tensor->type)) && gw_op_rules_judge(tensor, NULL) == GW_OK;
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
