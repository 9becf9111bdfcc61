#include "device/graph/graph_rules.h"

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
