/* Whether an operation's parameters and the shapes of its tensors belong together. ggml checks this where it builds an
 * operation, and devices rely on it: without it they abort, divide by zero, never return, or leave their tensors. */
#ifndef GW_DEVICE_GRAPH_SHAPE_RULES_H
#define GW_DEVICE_GRAPH_SHAPE_RULES_H

#include <ggml.h>

#include "base/status.h"

/* Judges node as an operation op of this project's ggml.h, with all of its sources there and none of its tensors beyond
 * its memory. GW_ERR_PROTOCOL names the rule. Operations without a rule here are left to the device. */
enum gw_status gw_shape_rules_check(enum ggml_op op, const struct ggml_tensor *node, struct gw_error *err);

#endif
