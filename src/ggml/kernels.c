#include "ggml/kernels.h"

static bool is_in(const struct ggml_tensor *node, enum ggml_type type)
{
	return node->type == type || (node->src[0] && node->src[0]->type == type);
}

bool gw_needs_bf16(const struct ggml_tensor *node)
{
	return is_in(node, GGML_TYPE_BF16);
}

bool gw_needs_bf16_activation(const struct ggml_tensor *node)
{
	switch (node->op_params[0]) {
	case GGML_UNARY_OP_GELU:
	case GGML_UNARY_OP_GELU_QUICK:
	case GGML_UNARY_OP_GELU_ERF:
	case GGML_UNARY_OP_SILU:
		return is_in(node, GGML_TYPE_BF16);
	default:
		return false;
	}
}

bool gw_needs_f16_oai(const struct ggml_tensor *node)
{
	return node->op_params[0] == GGML_GLU_OP_SWIGLU_OAI && is_in(node, GGML_TYPE_F16);
}

bool gw_needs_gaps(const struct ggml_tensor *node)
{
	return node->src[0] && !ggml_is_contiguous(node->src[0]);
}

bool gw_needs_images(const struct ggml_tensor *node)
{
	return node->src[1] && node->src[1]->ne[3] > 1;
}

bool gw_needs_quantized(const struct ggml_tensor *node)
{
	return ggml_is_quantized(node->type);
}

bool gw_needs_f16_source(const struct ggml_tensor *node)
{
	return node->src[0] && node->src[0]->type == GGML_TYPE_F16;
}

bool gw_needs_columns_of_a_kernel(const struct ggml_tensor *node)
{
	return node->type == GGML_TYPE_F16 && node->src[0] && node->src[0]->type != GGML_TYPE_F16;
}
