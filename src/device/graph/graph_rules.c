#include "device/graph/graph_rules.h"

#include "base/checked.h"
#include "device/rules/op_judge.h"
#include "ggml/numbers.h"

bool gw_rules_op_is_custom(enum ggml_op number)
{
	enum ggml_op op = gw_op_known(number);

	return op == GGML_OP_MAP_CUSTOM1 || op == GGML_OP_MAP_CUSTOM2 || op == GGML_OP_MAP_CUSTOM3 ||
	       op == GGML_OP_CUSTOM;
}

enum gw_status gw_rules_check_node(ggml_backend_dev_t dev, const struct ggml_tensor *node, struct gw_error *err)
{
	enum gw_status st = gw_op_rules_judge(node, err);

	if (st == GW_OK)
		st = gw_op_rules_place(node, err);
	if (st == GW_OK && !gw_tensor_is_empty(node) && !ggml_backend_dev_supports_op(dev, node))
		st = gw_error_set(
			err, GW_ERR_UNSUPPORTED, "device %s does not support it as it is", ggml_backend_dev_name(dev));
	return st;
}

enum gw_status gw_rules_check_view(const struct ggml_tensor *view, struct gw_error *err)
{
	const struct ggml_tensor *root = view->view_src;

	if (root->view_src)
		return gw_error_set(err, GW_ERR_PROTOCOL, "it views a view");
	if (!root->data || !view->data || gw_tensor_is_empty(view))
		return GW_OK;
	if (!gw_range_ok(view->view_offs, ggml_nbytes(view), ggml_nbytes(root)))
		return gw_error_set(err, GW_ERR_PROTOCOL, "view offset %zu + size %zu exceeds the %zu bytes it views",
			view->view_offs, ggml_nbytes(view), ggml_nbytes(root));
	if ((const uint8_t *)view->data != (const uint8_t *)root->data + view->view_offs)
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "its address is not that of the viewed tensor + %zu", view->view_offs);
	return GW_OK;
}
