#include "device/rules/graph_indices.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include <ggml-backend.h>

#include "base/map.h"
#include "device/rules/op_judge.h"
#include "ggml/numbers.h"

/* Comparisons of a tensor with what a node writes, for all of a graph: some tenths of a second. */
#define COMPARISONS_MAX (UINT64_C(1) << 28)

/* Copies of copies that are followed back to what was copied. */
#define COPIES_MAX 4

/* Row numbers on a device are read back whole, outside the client's memory bound: those of 8 million rows. */
#define READ_BACK_MAX ((size_t)64 << 20)

#define NOBODY SIZE_MAX

/* A stretch of memory that a node writes. */
struct write {
	struct gw_span span;
	const struct ggml_tensor *tensor;
	uint32_t node;
};

/* Who has written a tensor's memory last, among the first `known` writes. */
struct last {
	const struct ggml_tensor *tensor;
	size_t known;
	size_t writer; /* or NOBODY */
};

struct planner {
	struct ggml_tensor *const *nodes;
	struct write *writes; /* in the order of execution */
	size_t n_writes;
	struct last *lasts;
	size_t n_lasts;
	struct gw_map last_of;  /* tensor -> number in lasts, plus 1 */
	struct gw_map check_of; /* tensor -> number in the plan's checks, plus 1 */
	uint64_t comparisons;
	uint32_t begin; /* of the part that the node at hand belongs to */
	struct gw_index_plan *plan;
};

void gw_index_plan_free(struct gw_index_plan *plan)
{
	free(plan->checks);
	free(plan->cuts);
	*plan = (struct gw_index_plan){0};
}

/* The last of the writes from `from` to `to` that meets a tensor, or NOBODY. */
static size_t find_write(struct planner *p, const struct ggml_tensor *t, size_t from, size_t to)
{
	struct gw_span span = gw_span_of(t);
	size_t i = to;

	while (i > from && !gw_spans_meet(&span, &p->writes[i - 1].span))
		i--;
	p->comparisons += to - i;
	return i > from ? i - 1 : NOBODY;
}

/* Who writes t's memory last before the node at hand. The same few tensors are asked for by every layer, so each is
 * looked for only among what came since. */
static enum gw_status last_writer(struct planner *p, const struct ggml_tensor *t, size_t *writer)
{
	uintptr_t number = (uintptr_t)gw_map_get(&p->last_of, (uint64_t)(uintptr_t)t);

	if (number == 0) {
		number = ++p->n_lasts;
		p->lasts[number - 1] = (struct last){.tensor = t, .writer = NOBODY};
		if (gw_map_put(&p->last_of, (uint64_t)(uintptr_t)t, (void *)number) != GW_OK)
			return GW_ERR_NOMEM;
	}
	struct last *last = &p->lasts[number - 1];
	size_t found = find_write(p, t, last->known, p->n_writes);
	if (found != NOBODY)
		last->writer = found;
	last->known = p->n_writes;
	*writer = last->writer;
	return p->comparisons > COMPARISONS_MAX ? GW_ERR_LIMIT : GW_OK;
}

/* Whether t consists of elements of node, whose elements are contiguous. */
static bool is_part_of(const struct ggml_tensor *t, const struct ggml_tensor *node)
{
	uintptr_t t0 = (uintptr_t)t->data, n0 = (uintptr_t)node->data;

	return t->type == node->type &&
	       ggml_nbytes(node) == (size_t)ggml_nelements(node) * ggml_type_size(node->type) && t0 >= n0 &&
	       t0 + ggml_nbytes(t) <= n0 + ggml_nbytes(node);
}

enum source {
	VOUCHED_FOR, /* the operation that computes them bounds them */
	GIVEN,       /* inputs of the graph */
	COMPUTED,    /* by an operation that does not bound them */
};

/* Where the numbers of t come from. writer: the last write that meets t. */
static enum source source_of(struct planner *p, const struct ggml_tensor *t, int64_t below, size_t writer)
{
	if (writer == NOBODY)
		return GIVEN;
	/* Copies of numbers that were given are COMPUTED: checking the originals could refuse a graph for numbers that
	 * nothing uses. */
	for (int copies = 0; copies <= COPIES_MAX && writer != NOBODY; copies++) {
		const struct ggml_tensor *node = p->writes[writer].tensor, *from = node->src[0];
		if (node != p->nodes[p->writes[writer].node] || !is_part_of(t, node))
			return COMPUTED;
		switch (gw_op_known(node->op)) {
		case GGML_OP_ARGSORT:
		case GGML_OP_TOP_K:
			return from->ne[0] <= below ? VOUCHED_FOR : COMPUTED;
		case GGML_OP_CPY:
		case GGML_OP_DUP:
		case GGML_OP_CONT:
			if (from->type != t->type)
				return COMPUTED;
			t = from;
			writer = find_write(p, from, 0, writer);
			break;
		default:
			return COMPUTED;
		}
	}
	return COMPUTED;
}

/* Adds to the plan, unless it has a check of the same numbers for the same part that is as strict. */
static enum gw_status add_check(struct planner *p, const struct gw_index_check *check)
{
	struct gw_index_plan *plan = p->plan;
	uint64_t key = (uint64_t)(uintptr_t)check->numbers;
	uintptr_t number = (uintptr_t)gw_map_get(&p->check_of, key);
	const struct gw_index_check *known = number ? &plan->checks[number - 1] : NULL;

	if (known && known->part == check->part && known->below <= check->below)
		return GW_OK;
	plan->checks[plan->n_checks++] = *check;
	return gw_map_put(&p->check_of, key, (void *)(uintptr_t)plan->n_checks);
}

/* Plans for the row numbers in a source of node n, the one at hand. */
static enum gw_status plan_numbers(
	struct planner *p, uint32_t n, const struct ggml_tensor *numbers, const struct gw_operand *rule)
{
	struct gw_index_check check = {.numbers = numbers,
		.node = p->nodes[n],
		.below = gw_operand_of(p->nodes[n], rule->rows_of)->ne[rule->rows_in]};
	size_t writer;
	enum gw_status st = last_writer(p, numbers, &writer);

	if (st != GW_OK)
		return st;
	switch (source_of(p, numbers, check.below, writer)) {
	case VOUCHED_FOR:
		return GW_OK;
	case GIVEN:
		return add_check(p, &check);
	default:
		break;
	}
	if (p->writes[writer].node >= p->begin) {
		p->plan->cuts[p->plan->n_cuts++] = n;
		p->begin = n;
	}
	check.part = (uint32_t)p->plan->n_cuts;
	return add_check(p, &check);
}

static enum gw_status plan_node(struct planner *p, uint32_t n)
{
	const struct ggml_tensor *node = p->nodes[n];
	const struct gw_op_rule *rule = gw_op_rule(gw_op_known(node->op));
	enum gw_status st = GW_OK;

	if (!rule)
		return GW_OK; /* only describes memory */
	for (int i = 0; i < rule->n_src && st == GW_OK; i++)
		if (rule->src[i].rows_of && !gw_tensor_is_empty(node->src[i]))
			st = plan_numbers(p, n, node->src[i], &rule->src[i]);
	p->writes[p->n_writes++] = (struct write){gw_span_of(node), node, n};
	for (int i = 0; i < rule->n_src; i++)
		if (rule->src[i].written)
			p->writes[p->n_writes++] = (struct write){gw_span_of(node->src[i]), node->src[i], n};
	return st;
}

static int by_part(const void *a, const void *b)
{
	uint32_t x = ((const struct gw_index_check *)a)->part, y = ((const struct gw_index_check *)b)->part;

	return (x > y) - (x < y);
}

/* Counts what the arrays have to hold: row numbers to look at, and stretches that are written. */
static void count(struct ggml_tensor *const *nodes, uint32_t n, size_t *numbers, size_t *writes)
{
	*numbers = *writes = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct gw_op_rule *rule = gw_op_rule(gw_op_known(nodes[i]->op));
		if (!rule)
			continue;
		*numbers += (size_t)rule->n_rows_of;
		*writes += (size_t)(1 + rule->n_written);
	}
}

static enum gw_status plan_nodes(struct planner *p, uint32_t n)
{
	enum gw_status st = GW_OK;

	for (uint32_t i = 0; i < n && st == GW_OK; i++)
		st = plan_node(p, i);
	qsort(p->plan->checks, p->plan->n_checks, sizeof(*p->plan->checks), by_part);
	return st;
}

enum gw_status gw_index_plan_make(
	struct ggml_tensor *const *nodes, uint32_t n, struct gw_index_plan *out, struct gw_error *err)
{
	struct planner p = {.nodes = nodes, .plan = out};
	enum gw_status st = GW_ERR_NOMEM;
	size_t numbers, writes;

	*out = (struct gw_index_plan){0};
	count(nodes, n, &numbers, &writes);
	if (numbers == 0)
		return GW_OK;
	p.writes = malloc(writes * sizeof(*p.writes));
	p.lasts = malloc(numbers * sizeof(*p.lasts));
	out->checks = malloc(numbers * sizeof(*out->checks));
	out->cuts = malloc(numbers * sizeof(*out->cuts));
	if (p.writes && p.lasts && out->checks && out->cuts)
		st = plan_nodes(&p, n);
	free(p.writes);
	free(p.lasts);
	gw_map_free(&p.last_of);
	gw_map_free(&p.check_of);
	if (st == GW_OK)
		return GW_OK;
	gw_index_plan_free(out);
	return gw_error_set(err, st, st == GW_ERR_LIMIT ? "it has too many tensors of row numbers" : "out of memory");
}

static int64_t number_at(const uint8_t *at, enum ggml_type type)
{
	return type == GGML_TYPE_I64 ? *(const int64_t *)at : *(const int32_t *)at;
}

/* Whether all numbers of t, at data, pass a check; if not, *wrong is one that fails. */
static bool all_in_range(const struct gw_index_check *check, const uint8_t *data, int64_t *wrong)
{
	const struct ggml_tensor *t = check->numbers;
	int64_t rows = ggml_nrows(t);

	for (int64_t r = 0; r < rows; r++) {
		int64_t i1 = r % t->ne[1], i2 = r / t->ne[1] % t->ne[2], i3 = r / t->ne[1] / t->ne[2];
		const uint8_t *row = data + (size_t)i3 * t->nb[3] + (size_t)i2 * t->nb[2] + (size_t)i1 * t->nb[1];
		for (int64_t i0 = 0; i0 < t->ne[0]; i0++) {
			*wrong = number_at(row + (size_t)i0 * t->nb[0], t->type);
			if (*wrong < 0 || *wrong >= check->below)
				return false;
		}
	}
	return true;
}

static enum gw_status judge(const struct gw_index_check *check, const uint8_t *data, struct gw_error *err)
{
	int64_t wrong;

	if (all_in_range(check, data, &wrong))
		return GW_OK;
	return gw_error_set(err, GW_ERR_PROTOCOL, "%s asks for row %" PRId64 " of %" PRId64,
		ggml_op_name(check->node->op), wrong, check->below);
}

static enum gw_status read_back(const struct gw_index_check *check, struct gw_error *err)
{
	struct ggml_tensor t = *check->numbers;
	size_t size = ggml_nbytes(&t);

	if (size > READ_BACK_MAX)
		return gw_error_set(err, GW_ERR_LIMIT, "%zu bytes of row numbers are more than can be checked", size);
	uint8_t *data = malloc(size);
	if (!data)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for %zu bytes of row numbers", size);
	t.view_src = NULL;
	ggml_backend_tensor_get(&t, data, 0, size);
	enum gw_status st = judge(check, data, err);
	free(data);
	return st;
}

/* The number of the first check of a part, or of the first one after it. */
static size_t first_check(const struct gw_index_plan *plan, uint32_t part)
{
	size_t low = 0, high = plan->n_checks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (plan->checks[middle].part < part)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum gw_status gw_index_plan_check(const struct gw_index_plan *plan, uint32_t part, struct gw_error *err)
{
	enum gw_status st = GW_OK;

	for (size_t i = first_check(plan, part); i < plan->n_checks && plan->checks[i].part == part && st == GW_OK;
		i++) {
		const struct gw_index_check *check = &plan->checks[i];
		if (ggml_backend_buffer_is_host(check->numbers->buffer))
			st = judge(check, check->numbers->data, err);
		else
			st = read_back(check, err);
	}
	return st;
}
