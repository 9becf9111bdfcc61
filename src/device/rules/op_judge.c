#include "device/rules/op_judge.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <ggml-backend.h>

#include "base/checked.h"
#include "device/memory/memory.h"
#include "device/rules/op_rows.h"
#include "ggml/numbers.h"

/* Kernels count rows in an int, and add the number of threads to it. */
#define ROWS_MAX (INT32_MAX - (INT64_C(1) << 16))

#define OPERAND_TEXT 16

static const struct gw_op_rows *const families[] = {&gw_op_rows_arith, &gw_op_rows_unary, &gw_op_rows_move,
	&gw_op_rows_matrix, &gw_op_rows_conv, &gw_op_rows_state, &gw_op_rows_train};

static struct gw_op_rule by_op[GGML_OP_COUNT]; /* without result: none */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool is_sorted; /* spares most calls the once */

static void enter(const struct gw_op_rule *row)
{
	struct gw_op_rule *rule = &by_op[row->op];

	*rule = *row;
	for (int i = 0; i < GGML_MAX_SRC; i++) {
		if (rule->src[i].types)
			rule->n_src = i + 1;
		rule->n_rows_of += rule->src[i].rows_of != 0;
		rule->n_written += rule->src[i].written;
	}
}

static void sort_rows(void)
{
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (size_t i = 0; i < families[f]->n; i++)
			enter(&families[f]->rows[i]);
	atomic_store(&is_sorted, true);
}

const struct gw_op_rule *gw_op_rule(enum ggml_op op)
{
	if (!atomic_load(&is_sorted))
		pthread_once(&once, sort_rows);
	return (unsigned)op < GGML_OP_COUNT && by_op[op].result.types ? &by_op[op] : NULL;
}

static const char *operand_text(int src, char out[OPERAND_TEXT])
{
	if (src < 0)
		return "the result";
	snprintf(out, OPERAND_TEXT, "src %d", src);
	return out;
}

/* One operand of a node, as its row sees it; src is -1 for the result. */
struct subject {
	const struct gw_operand *rule;
	const struct ggml_tensor *tensor; /* NULL: absent */
	int src;
};

static struct subject subject_of(const struct gw_op_rule *rule, const struct ggml_tensor *node, int src)
{
	if (src < 0)
		return (struct subject){&rule->result, node, src};
	return (struct subject){&rule->src[src], node->src[src], src};
}

/* Whether the sources that must be there are there, and no others. */
static enum gw_status judge_presence(
	const struct gw_op_rule *rule, const struct ggml_tensor *node, struct gw_error *err)
{
	for (int i = 0; i < rule->n_src; i++)
		if (!node->src[i] && rule->src[i].types && !rule->src[i].optional)
			return gw_error_set(err, GW_ERR_PROTOCOL, "src %d is missing", i);
	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (node->src[i] && (i >= rule->n_src || !rule->src[i].types))
			return gw_error_set(err, GW_ERR_PROTOCOL, "it takes no src %d", i);
	return GW_OK;
}

static enum gw_status judge_type(const struct subject *s, const struct ggml_tensor *node, struct gw_error *err)
{
	char text[OPERAND_TEXT];
	enum ggml_type type = s->tensor->type;

	if (!(s->rule->types >> type & 1))
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "%s cannot be %s", operand_text(s->src, text), ggml_type_name(type));
	if (s->rule->like_src0 && node->src[0] && type != node->src[0]->type)
		return gw_error_set(err, GW_ERR_PROTOCOL, "%s is %s, src 0 is %s", operand_text(s->src, text),
			ggml_type_name(type), ggml_type_name(node->src[0]->type));
	return GW_OK;
}

static enum gw_status judge_extents(const struct subject *s, struct gw_error *err)
{
	char text[OPERAND_TEXT];
	const struct ggml_tensor *t = s->tensor;
	int64_t rows = 1;

	if (gw_tensor_is_empty(t))
		return s->rule->maybe_empty
			       ? GW_OK
			       : gw_error_set(err, GW_ERR_PROTOCOL, "%s has no elements", operand_text(s->src, text));
	int64_t block = ggml_blck_size(t->type);
	if (block > 1 && t->ne[0] % block != 0)
		return gw_error_set(err, GW_ERR_PROTOCOL,
			"%s has rows of %" PRId64 " elements, which are not whole %s blocks",
			operand_text(s->src, text), t->ne[0], ggml_type_name(t->type));
	for (int i = 0; i < GGML_MAX_DIMS; i++)
		if (t->ne[i] > INT32_MAX || (i > 0 && (rows *= t->ne[i]) > ROWS_MAX))
			return gw_error_set(err, GW_ERR_PROTOCOL, "%s has more rows than kernels can count",
				operand_text(s->src, text));
	return GW_OK;
}

/* Strides as ggml gives them to a new tensor. */
static bool is_fresh(const struct ggml_tensor *t)
{
	size_t dense = ggml_row_size(t->type, t->ne[0]);

	for (int i = 1; i < GGML_MAX_DIMS; i++) {
		if (t->nb[i] != dense)
			return false;
		dense *= (size_t)t->ne[i];
	}
	return true;
}

static bool has_layout(const struct subject *s)
{
	const struct ggml_tensor *t = s->tensor;
	enum gw_layout layout = s->rule->layout;

	if (layout == GW_LAYOUT_ANY && ggml_blck_size(t->type) == 1)
		return true;
	if (t->nb[0] != ggml_type_size(t->type))
		return false;
	if (s->src < 0 && layout >= GW_LAYOUT_FLAT)
		return is_fresh(t);
	if ((layout == GW_LAYOUT_EVEN || layout == GW_LAYOUT_CONTIGUOUS) && !ggml_is_contiguous_1(t))
		return false;
	return layout < GW_LAYOUT_FLAT || ggml_is_contiguous(t);
}

/* Whether no two elements share a byte, shown by taking the dimensions in the order of their strides: each steps over
 * all that the ones before it cover. */
static bool elements_are_apart(const struct ggml_tensor *t)
{
	size_t covered = ggml_type_size(t->type);
	bool taken[GGML_MAX_DIMS] = {false};

	if (t->nb[0] == covered && is_fresh(t))
		return true;
	for (int n = 0; n < GGML_MAX_DIMS; n++) {
		int next = -1;
		for (int i = 0; i < GGML_MAX_DIMS; i++)
			if (!taken[i] && (next < 0 || t->nb[i] < t->nb[next]))
				next = i;
		taken[next] = true;
		int64_t steps = next == 0 ? t->ne[0] / ggml_blck_size(t->type) : t->ne[next];
		if (steps == 1)
			continue;
		if (t->nb[next] < covered)
			return false;
		covered += (size_t)(steps - 1) * t->nb[next];
	}
	return true;
}

static enum gw_status judge_layout(const struct subject *s, struct gw_error *err)
{
	static const char *const wants[] = {
		[GW_LAYOUT_ANY] = "adjacent blocks in its rows",
		[GW_LAYOUT_ROWS] = "adjacent elements in its rows",
		[GW_LAYOUT_EVEN] = "evenly spaced rows of adjacent elements",
		[GW_LAYOUT_FLAT] = "contiguous elements",
		[GW_LAYOUT_CONTIGUOUS] = "contiguous elements",
	};
	char text[OPERAND_TEXT];

	if (gw_tensor_is_empty(s->tensor))
		return GW_OK;
	if (!has_layout(s))
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "%s needs %s", operand_text(s->src, text), wants[s->rule->layout]);
	if ((s->src < 0 || s->rule->written) && !elements_are_apart(s->tensor))
		return gw_error_set(err, GW_ERR_PROTOCOL, "%s has overlapping elements", operand_text(s->src, text));
	return GW_OK;
}

static enum gw_status judge_operand(const struct subject *s, const struct ggml_tensor *node, struct gw_error *err)
{
	enum gw_status st = judge_type(s, node, err);

	if (st == GW_OK)
		st = judge_extents(s, err);
	return st == GW_OK ? judge_layout(s, err) : st;
}

static enum gw_status judge_params(const struct gw_op_rule *rule, const struct ggml_tensor *node, struct gw_error *err)
{
	for (const struct gw_op_param *p = rule->params; p < rule->params + GW_OP_PARAMS && p->word; p++) {
		int32_t value = node->op_params[p->word - 1];
		if (value < p->min || value > p->max)
			return gw_error_set(err, GW_ERR_PROTOCOL, "parameter %d is %d, not from %d to %d", p->word - 1,
				value, p->min, p->max);
	}
	return GW_OK;
}

static void describe(const struct ggml_tensor *t, char *out, size_t size)
{
	snprintf(out, size, " %s[%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "]", ggml_type_name(t->type), t->ne[0],
		t->ne[1], t->ne[2], t->ne[3]);
}

static enum gw_status unfit(const struct ggml_tensor *node, struct gw_error *err)
{
	char text[200];
	size_t at;

	describe(node, text, sizeof(text));
	at = strlen(text);
	at += (size_t)snprintf(text + at, sizeof(text) - at, " of");
	for (int i = 0; i < GGML_MAX_SRC && at + 64 < sizeof(text); i++) {
		if (node->src[i])
			describe(node->src[i], text + at, sizeof(text) - at);
		at += strlen(text + at);
	}
	return gw_error_set(err, GW_ERR_PROTOCOL, "its extents, types and parameters do not match:%s", text);
}

enum gw_status gw_op_rules_judge(const struct ggml_tensor *node, struct gw_error *err)
{
	const struct gw_op_rule *rule = gw_op_rule(gw_op_known(node->op));
	enum gw_status st;

	if (!rule)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "this server does not execute the operation");
	st = judge_presence(rule, node, err);
	if (st != GW_OK || gw_tensor_is_empty(node))
		return st;
	for (int i = -1; i < rule->n_src && st == GW_OK; i++) {
		if (i >= 0 && !node->src[i])
			continue;
		struct subject s = subject_of(rule, node, i);
		st = judge_operand(&s, node, err);
	}
	if (st == GW_OK)
		st = judge_params(rule, node, err);
	if (st == GW_OK && rule->fits && !rule->fits(node))
		return unfit(node, err);
	return st;
}

void gw_op_rules_drop_hints(struct ggml_tensor *node)
{
	const struct gw_op_rule *rule = gw_op_rule(gw_op_known(node->op));

	if (!rule || !rule->hints)
		return;
	for (size_t i = 0; i < GGML_MAX_OP_PARAMS / sizeof(int32_t); i++)
		if (rule->hints >> i & 1)
			node->op_params[i] = 0;
}

/* As ggml_nbytes, in a tenth of the time for types that do not come in blocks: every operand of a new graph is asked.
 */
static size_t bytes_of(const struct ggml_tensor *t)
{
	if (ggml_blck_size(t->type) != 1 || gw_tensor_is_empty(t))
		return ggml_nbytes(t);
	size_t bytes = ggml_type_size(t->type);
	for (int i = 0; i < GGML_MAX_DIMS; i++)
		bytes += (size_t)(t->ne[i] - 1) * t->nb[i];
	return bytes;
}

struct gw_span gw_span_of(const struct ggml_tensor *t)
{
	uintptr_t begin = (uintptr_t)t->data;

	return (struct gw_span){.buffer = t->buffer, .begin = begin, .end = begin + bytes_of(t)};
}

static bool is_same_place(const struct ggml_tensor *a, const struct ggml_tensor *b)
{
	if (a->data != b->data || a->type != b->type)
		return false;
	for (int i = 0; i < GGML_MAX_DIMS; i++)
		if (a->ne[i] != b->ne[i] || (a->ne[i] != 1 && a->nb[i] != b->nb[i]))
			return false;
	return true;
}

/* How many bytes t's elements take of each `period` bytes: those from where t begins, unless they are too many for one
 * period. */
static size_t taken_of(const struct ggml_tensor *t, size_t period)
{
	size_t taken = ggml_type_size(t->type);

	for (int i = 0; i < GGML_MAX_DIMS; i++)
		if (t->nb[i] % period != 0)
			taken += t->nb[i] * (size_t)((i == 0 ? t->ne[0] / ggml_blck_size(t->type) : t->ne[i]) - 1);
	return taken;
}

/* Whether two tensors whose spans meet have no byte in common, as two columns of a matrix have none: both take the same
 * part of each row, and the parts are apart. */
static bool are_interleaved(const struct ggml_tensor *a, const struct ggml_tensor *b)
{
	for (int i = 1; i < GGML_MAX_DIMS; i++) {
		size_t period = a->nb[i];
		if (a->ne[i] == 1 || period == 0)
			continue;
		size_t taken = taken_of(a, period), taken_b = taken_of(b, period);
		size_t from = ((uintptr_t)b->data % period + period - (uintptr_t)a->data % period) % period;
		if (taken <= from && taken_b <= period - from)
			return true;
	}
	return false;
}

/* C's alignment of an element, or of the numbers in a block: a power of two. */
static size_t alignment(enum ggml_type type)
{
	size_t size = ggml_type_size(type);

	if (ggml_blck_size(type) == 1)
		return size;
	return size % 2 == 0 ? 2 : 1;
}

static bool is_aligned(const struct ggml_tensor *t)
{
	size_t steps = (uintptr_t)t->data;

	for (int i = 0; i < GGML_MAX_DIMS; i++)
		if (t->ne[i] != 1)
			steps |= t->nb[i];
	return (steps & (alignment(t->type) - 1)) == 0;
}

static enum gw_status place_operand(
	const struct subject *s, const struct ggml_tensor *node, const struct gw_span *result, struct gw_error *err)
{
	char text[OPERAND_TEXT];

	if (gw_tensor_is_empty(s->tensor))
		return GW_OK;
	if (!s->tensor->data)
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "%s has no memory on this server", operand_text(s->src, text));
	if (!is_aligned(s->tensor))
		return gw_error_set(err, GW_ERR_PROTOCOL, "%s is not aligned", operand_text(s->src, text));
	if (s->src < 0 || s->rule->overlap == GW_OVERLAP_ANY || s->tensor->buffer != node->buffer ||
		(uintptr_t)s->tensor->data >= result->end)
		return GW_OK;
	struct gw_span source = gw_span_of(s->tensor);
	if (!gw_spans_meet(result, &source) || are_interleaved(node, s->tensor))
		return GW_OK;
	if (s->rule->overlap == GW_OVERLAP_IN_PLACE && is_same_place(node, s->tensor))
		return GW_OK;
	return gw_error_set(err, GW_ERR_PROTOCOL, "the result overlaps %s", operand_text(s->src, text));
}

/* Whether what the kernel reads beyond a source is memory of the same buffer. */
static bool has_room(const struct gw_op_rule *rule, const struct ggml_tensor *node)
{
	const struct ggml_tensor *t = rule->overread ? gw_operand_of(node, rule->overread) : NULL;

	if (!t || !t->buffer)
		return true;
	const uint8_t *base = ggml_backend_buffer_get_base(t->buffer);
	return gw_range_ok(
		(uint64_t)((const uint8_t *)t->data - base), rule->reads(node), gw_memory_readable(t->buffer));
}

enum gw_status gw_op_rules_place(const struct ggml_tensor *node, struct gw_error *err)
{
	const struct gw_op_rule *rule = gw_op_rule(gw_op_known(node->op));
	enum gw_status st = GW_OK;

	if (!rule || gw_tensor_is_empty(node))
		return GW_OK;
	struct gw_span result = gw_span_of(node);
	for (int i = -1; i < rule->n_src && st == GW_OK; i++) {
		if (i >= 0 && !node->src[i])
			continue;
		struct subject s = subject_of(rule, node, i);
		st = place_operand(&s, node, &result, err);
	}
	if (st == GW_OK && !has_room(rule, node))
		st = gw_error_set(
			err, GW_ERR_PROTOCOL, "the buffer ends too soon after src %d", rule->overread - GW_SRC(0));
	return st;
}
