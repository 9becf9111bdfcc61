/* What a graph must satisfy before a device sees it. */
#ifndef GW_DEVICE_GRAPH_GRAPH_RULES_H
#define GW_DEVICE_GRAPH_GRAPH_RULES_H

#include <stdbool.h>

#include <ggml-backend.h>

#include "base/status.h"

/* Whether an operation carries pointers to functions of the client. */
bool gw_rules_op_is_custom(enum ggml_op number);

/* The rules for a node that dev is to execute. GW_ERR_PROTOCOL, or GW_ERR_UNSUPPORTED if dev has no such operation. */
enum gw_status gw_rules_check_node(ggml_backend_dev_t dev, const struct ggml_tensor *node, struct gw_error *err);

#endif
