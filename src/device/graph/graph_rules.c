#include "device/graph/graph_rules.h"

#include <stdio.h>

#include "base/checked.h"
#include "device/graph/shape_rules.h"
#include "device/graph/tensor.h"
#include "ggml/numbers.h"

#define SRC(n) (uint16_t)((1u << (n)) - 1) /* sources 0 to n - 1 */

/* The sources without which an operation has no meaning: those that ggml's constructors never leave out. Read from the
 * constructors' signatures in ggml.h. */
static const uint16_t required[GGML_OP_COUNT] = {
	[GGML_OP_DUP] = SRC(1),
	[GGML_OP_ADD] = SRC(2),
	[GGML_OP_ADD_ID] = SRC(3),
	[GGML_OP_ADD1] = SRC(2),
	[GGML_OP_ACC] = SRC(2),
	[GGML_OP_SUB] = SRC(2),
	[GGML_OP_MUL] = SRC(2),
	[GGML_OP_DIV] = SRC(2),
	[GGML_OP_SQR] = SRC(1),
	[GGML_OP_SQRT] = SRC(1),
	[GGML_OP_LOG] = SRC(1),
	[GGML_OP_SIN] = SRC(1),
	[GGML_OP_COS] = SRC(1),
	[GGML_OP_SUM] = SRC(1),
	[GGML_OP_SUM_ROWS] = SRC(1),
	[GGML_OP_CUMSUM] = SRC(1),
	[GGML_OP_MEAN] = SRC(1),
	[GGML_OP_ARGMAX] = SRC(1),
	[GGML_OP_COUNT_EQUAL] = SRC(2),
	[GGML_OP_REPEAT] = SRC(1),
	[GGML_OP_REPEAT_BACK] = SRC(1),
	[GGML_OP_CONCAT] = SRC(2),
	[GGML_OP_SILU_BACK] = SRC(2),
	[GGML_OP_NORM] = SRC(1),
	[GGML_OP_RMS_NORM] = SRC(1),
	[GGML_OP_RMS_NORM_BACK] = SRC(2),
	[GGML_OP_GROUP_NORM] = SRC(1),
	[GGML_OP_L2_NORM] = SRC(1),
	[GGML_OP_MUL_MAT] = SRC(2),
	[GGML_OP_MUL_MAT_ID] = SRC(3),
	[GGML_OP_OUT_PROD] = SRC(2),
	[GGML_OP_SCALE] = SRC(1),
	[GGML_OP_SET] = SRC(2),
	[GGML_OP_CPY] = SRC(1),
	[GGML_OP_CONT] = SRC(1),
	[GGML_OP_RESHAPE] = 0,
	[GGML_OP_VIEW] = 0,
	[GGML_OP_PERMUTE] = 0,
	[GGML_OP_TRANSPOSE] = 0,
	[GGML_OP_GET_ROWS] = SRC(2),
	[GGML_OP_GET_ROWS_BACK] = SRC(2),
	[GGML_OP_SET_ROWS] = SRC(2),
	[GGML_OP_DIAG] = SRC(1),
	[GGML_OP_DIAG_MASK_INF] = SRC(1),
	[GGML_OP_DIAG_MASK_ZERO] = SRC(1),
	[GGML_OP_SOFT_MAX] = SRC(1),
	[GGML_OP_SOFT_MAX_BACK] = SRC(2),
	[GGML_OP_ROPE] = SRC(2),
	[GGML_OP_ROPE_BACK] = SRC(2),
	[GGML_OP_CLAMP] = SRC(1),
	[GGML_OP_CONV_TRANSPOSE_1D] = SRC(2),
	[GGML_OP_IM2COL] = SRC(2),
	[GGML_OP_IM2COL_BACK] = SRC(2),
	[GGML_OP_IM2COL_3D] = SRC(2),
	[GGML_OP_COL2IM_1D] = SRC(1),
	[GGML_OP_CONV_2D] = SRC(2),
	[GGML_OP_CONV_3D] = SRC(2),
	[GGML_OP_CONV_2D_DW] = SRC(2),
	[GGML_OP_CONV_TRANSPOSE_2D] = SRC(2),
	[GGML_OP_POOL_1D] = SRC(1),
	[GGML_OP_POOL_2D] = SRC(1),
	[GGML_OP_POOL_2D_BACK] = SRC(2),
	[GGML_OP_UPSCALE] = SRC(1),
	[GGML_OP_PAD] = SRC(1),
	[GGML_OP_PAD_REFLECT_1D] = SRC(1),
	[GGML_OP_ROLL] = SRC(1),
	[GGML_OP_ARANGE] = 0,
	[GGML_OP_TIMESTEP_EMBEDDING] = SRC(1),
	[GGML_OP_ARGSORT] = SRC(1),
	[GGML_OP_TOP_K] = SRC(1),
	[GGML_OP_LEAKY_RELU] = SRC(1),
	[GGML_OP_TRI] = SRC(1),
	[GGML_OP_FILL] = SRC(1),
	[GGML_OP_FLASH_ATTN_EXT] = SRC(3),
	[GGML_OP_FLASH_ATTN_BACK] = SRC(4),
	[GGML_OP_SSM_CONV] = SRC(2),
	[GGML_OP_SSM_SCAN] = SRC(7),
	[GGML_OP_WIN_PART] = SRC(1),
	[GGML_OP_WIN_UNPART] = SRC(1),
	[GGML_OP_GET_REL_POS] = SRC(1),
	[GGML_OP_ADD_REL_POS] = SRC(3),
	[GGML_OP_RWKV_WKV6] = SRC(6),
	[GGML_OP_GATED_LINEAR_ATTN] = SRC(5),
	[GGML_OP_RWKV_WKV7] = SRC(7),
	[GGML_OP_SOLVE_TRI] = SRC(2),
	[GGML_OP_GATED_DELTA_NET] = SRC(6),
	[GGML_OP_LIGHTNING_INDEXER] = SRC(3),
	[GGML_OP_DSV4_HC_COMB] = SRC(3),
	[GGML_OP_DSV4_HC_PRE] = SRC(2),
	[GGML_OP_DSV4_HC_POST] = SRC(3),
	[GGML_OP_UNARY] = SRC(1),
	[GGML_OP_CROSS_ENTROPY_LOSS] = SRC(2),
	[GGML_OP_CROSS_ENTROPY_LOSS_BACK] = SRC(3),
	[GGML_OP_OPT_STEP_ADAMW] = SRC(5),
	[GGML_OP_OPT_STEP_SGD] = SRC(3),
	[GGML_OP_GLU] = SRC(1),
};

/* Operations whose first parameter chooses among that many variants. */
static const struct {
	enum ggml_op op;
	int32_t count;
} variants[] = {
	{GGML_OP_UNARY, GGML_UNARY_OP_COUNT},
	{GGML_OP_GLU, GGML_GLU_OP_COUNT},
	{GGML_OP_POOL_1D, GGML_OP_POOL_COUNT},
	{GGML_OP_POOL_2D, GGML_OP_POOL_COUNT},
	{GGML_OP_POOL_2D_BACK, GGML_OP_POOL_COUNT},
};

bool gw_rules_op_is_custom(enum ggml_op number)
{
	enum ggml_op op = gw_op_known(number);

	return op == GGML_OP_MAP_CUSTOM1 || op == GGML_OP_MAP_CUSTOM2 || op == GGML_OP_MAP_CUSTOM3 ||
	       op == GGML_OP_CUSTOM;
}

/* The first required source that is not there, or -1. */
static int missing_source(const struct ggml_tensor *node)
{
	enum ggml_op op = gw_op_known(node->op);
	unsigned sources = op < GGML_OP_COUNT ? required[op] : 0;

	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (sources >> i & 1 && !node->src[i])
			return i;
	return -1;
}

static bool variant_exists(const struct ggml_tensor *node)
{
	enum ggml_op op = gw_op_known(node->op);

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (variants[i].op == op)
			return node->op_params[0] >= 0 && node->op_params[0] < variants[i].count;
	return true;
}

bool gw_rules_op_complete(const struct ggml_tensor *node)
{
	return missing_source(node) < 0 && variant_exists(node);
}

/* Elements of a row must not lie closer together than they are large: kernels read rows as they are laid out. */
static bool rows_whole(const struct ggml_tensor *t)
{
	return t->ne[0] <= ggml_blck_size(t->type) || t->nb[0] >= ggml_type_size(t->type);
}

static bool is_empty(const struct ggml_tensor *t)
{
	for (int i = 0; i < GGML_MAX_DIMS; i++)
		if (t->ne[i] == 0)
			return true;
	return false;
}

static enum gw_status check_memory(const struct ggml_tensor *t, const char *what, struct gw_error *err)
{
	if (is_empty(t))
		return GW_OK;
	if (!t->data)
		return gw_error_set(err, GW_ERR_PROTOCOL, "%s has no memory on this server", what);
	if (!rows_whole(t))
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "%s has elements %zu bytes apart, less than their size", what, t->nb[0]);
	return GW_OK;
}

static enum gw_status check_sources(const struct ggml_tensor *node, struct gw_error *err)
{
	char what[16];

	for (int i = 0; i < GGML_MAX_SRC; i++) {
		if (!node->src[i])
			continue;
		snprintf(what, sizeof(what), "src %d", i);
		enum gw_status st = check_memory(node->src[i], what, err);
		if (st != GW_OK)
			return st;
	}
	return GW_OK;
}

enum gw_status gw_rules_check_node(ggml_backend_dev_t dev, const struct ggml_tensor *node, struct gw_error *err)
{
	int missing = missing_source(node);

	if (missing >= 0)
		return gw_error_set(err, GW_ERR_PROTOCOL, "src %d is missing", missing);
	if (!variant_exists(node))
		return gw_error_set(err, GW_ERR_PROTOCOL, "variant %d does not exist", node->op_params[0]);
	enum gw_status st = check_memory(node, "the result", err);
	if (st == GW_OK)
		st = check_sources(node, err);
	if (st != GW_OK || is_empty(node))
		return st;
	st = gw_shape_rules_check(gw_op_known(node->op), node, err);
	if (st != GW_OK)
		return st;
	if (!ggml_backend_dev_supports_op(dev, node))
		return gw_error_set(
			err, GW_ERR_UNSUPPORTED, "device %s does not support it as it is", ggml_backend_dev_name(dev));
	return GW_OK;
}

enum gw_status gw_rules_check_view(const struct ggml_tensor *view, struct gw_error *err)
{
	const struct ggml_tensor *root = view->view_src;

	if (root->view_src)
		return gw_error_set(err, GW_ERR_PROTOCOL, "it views a view");
	if (!root->data || !view->data || is_empty(view))
		return GW_OK;
	if (!gw_range_ok(view->view_offs, ggml_nbytes(view), ggml_nbytes(root)))
		return gw_error_set(err, GW_ERR_PROTOCOL, "view offset %zu + size %zu exceeds the %zu bytes it views",
			view->view_offs, ggml_nbytes(view), ggml_nbytes(root));
	if ((const uint8_t *)view->data != (const uint8_t *)root->data + view->view_offs)
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "its address is not that of the viewed tensor + %zu", view->view_offs);
	return GW_OK;
}
