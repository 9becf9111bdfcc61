/* Judges a node by the row of its operation. */
#ifndef GW_DEVICE_RULES_OP_JUDGE_H
#define GW_DEVICE_RULES_OP_JUDGE_H

#include <stdint.h>

#include "base/status.h"
#include "device/rules/op_rules.h"

/* The row of an operation of this build's numbering, with what is counted in it, or NULL. Any thread. */
const struct gw_op_rule *gw_op_rule(enum ggml_op op);

/* Judges a node by everything but memory: operands, types, layouts, parameters, extents. Its tensors need no data.
 * GW_ERR_PROTOCOL, and the rule that is broken; GW_ERR_UNSUPPORTED if the operation has no row. */
enum gw_status gw_op_rules_judge(const struct ggml_tensor *node, struct gw_error *err);

/* Judges where the operands lie: all there, aligned, the result apart from what it must not overlap. For a node that
 * gw_op_rules_judge allows, whose tensors are inside their buffers. GW_ERR_PROTOCOL. */
enum gw_status gw_op_rules_place(const struct ggml_tensor *node, struct gw_error *err);

/* Takes back what a node's parameters promise about contents. */
void gw_op_rules_drop_hints(struct ggml_tensor *node);

/* Where a tensor lies: from its first byte to after its last one. Devices may give the same addresses in two buffers.
 */
struct gw_span {
	const void *buffer;
	uintptr_t begin;
	uintptr_t end;
};

struct gw_span gw_span_of(const struct ggml_tensor *t);

static inline bool gw_spans_meet(const struct gw_span *a, const struct gw_span *b)
{
	return a->begin < b->end && b->begin < a->end && a->buffer == b->buffer;
}

#endif
