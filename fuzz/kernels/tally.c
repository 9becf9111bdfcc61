#include "fuzz/kernels/tally.h"

#include <inttypes.h>
#include <stdio.h>

#include "device/rules/op_judge.h"

/* The type of the tensor with this id, as a bit; 0 for none. */
static uint64_t type_bit(const struct kcase *c, uint64_t id)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->t[i].wire.id == id && id != 0)
			return UINT64_C(1) << c->t[i].wire.type;
	return 0;
}

static bool has_elements(const struct gw_wire_tensor *w)
{
	return w->ne[0] && w->ne[1] && w->ne[2] && w->ne[3];
}

static void count_node(struct tally *t, const struct kcase *c, const struct gw_wire_tensor *node)
{
	t->op[node->op].computed++;
	t->op[node->op].types[0] |= UINT64_C(1) << node->type;
	for (int s = 0; s < GGML_MAX_SRC; s++)
		t->op[node->op].types[1 + s] |= type_bit(c, node->src[s]);
	if (node->op == GGML_OP_UNARY)
		t->unary |= UINT64_C(1) << node->op_params[0];
	if (node->op == GGML_OP_GLU)
		t->glu |= UINT64_C(1) << node->op_params[0];
}

void tally_count(struct tally *t, const struct kcase *c, enum outcome outcome)
{
	t->n[outcome]++;
	if (outcome == REFUSED)
		t->op[c->maker->op].refused++;
	if (outcome == STOPPED)
		t->op[c->maker->op].stopped++;
	for (uint32_t i = 0; outcome == COMPUTED && i < c->n; i++)
		if (gw_op_rule((enum ggml_op)c->t[i].wire.op) && has_elements(&c->t[i].wire))
			count_node(t, c, &c->t[i].wire);
}

void tally_print(const struct tally *t)
{
	uint64_t all = 0;

	for (int i = 0; i <= FOUND; i++)
		all += t->n[i];
	printf("%-26s %12s %12s %12s\n", "operation", "computed", "stopped", "refused");
	for (int op = 0; op < GGML_OP_COUNT; op++)
		if (gw_op_rule((enum ggml_op)op))
			printf("%-26s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n", ggml_op_name((enum ggml_op)op),
				t->op[op].computed, t->op[op].stopped, t->op[op].refused);
	printf("%" PRIu64 " graphs: %" PRIu64 " computed, %" PRIu64 " stopped because of their contents, %" PRIu64
	       " refused, %" PRIu64 " not made; %" PRIu64 " findings\n",
		all, t->n[COMPUTED], t->n[STOPPED], t->n[REFUSED], t->n[SKIPPED], t->n[FOUND]);
}

static bool is_complete(const char *op, const char *operand, uint64_t allowed, uint64_t seen)
{
	bool complete = true;

	for (int type = 0; type < GGML_TYPE_COUNT; type++)
		if ((allowed & ~seen) >> type & 1) {
			printf("never computed: %s with %s of %s\n", op, operand, ggml_type_name((enum ggml_type)type));
			complete = false;
		}
	return complete;
}

static bool op_is_complete(const struct tally *t, int op)
{
	const struct gw_op_rule *rule = gw_op_rule((enum ggml_op)op);
	const char *name = ggml_op_name((enum ggml_op)op);
	char operand[16];

	if (!rule)
		return true;
	bool complete = is_complete(name, "a result", rule->result.types, t->op[op].types[0]);
	for (int s = 0; s < GGML_MAX_SRC; s++) {
		snprintf(operand, sizeof(operand), "a source %d", s);
		complete &= is_complete(name, operand, rule->src[s].types, t->op[op].types[1 + s]);
	}
	return complete;
}

bool tally_is_complete(const struct tally *t)
{
	bool complete = true;

	for (int op = 0; op < GGML_OP_COUNT; op++)
		complete &= op_is_complete(t, op);
	for (int i = 0; i < GGML_UNARY_OP_COUNT; i++)
		if (!(t->unary >> i & 1)) {
			printf("never computed: UNARY %s\n", ggml_unary_op_name((enum ggml_unary_op)i));
			complete = false;
		}
	for (int i = 0; i < GGML_GLU_OP_COUNT; i++)
		if (!(t->glu >> i & 1)) {
			printf("never computed: GLU %s\n", ggml_glu_op_name((enum ggml_glu_op)i));
			complete = false;
		}
	return complete;
}
