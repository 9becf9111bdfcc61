/* What rotary position embedding must satisfy: docs/rope.md, "What travels". */
#ifndef GW_DEVICE_GRAPH_ROPE_RULES_H
#define GW_DEVICE_GRAPH_ROPE_RULES_H

#include <ggml.h>

#include "base/status.h"

/* Judges a ROPE or ROPE_BACK whose sources 0 and 1 are there. GW_ERR_PROTOCOL names the rule. */
enum gw_status gw_rope_rules_check(const struct ggml_tensor *node, struct gw_error *err);

#endif
