#include "fuzz/kernels/case.h"

#include <inttypes.h>
#include <stdio.h>

#include "device/graph/tensor.h"
#include "device/rules/op_judge.h"
#include "fuzz/kernels/world.h"
#include "ggml/numbers.h"
#include "wire/cursor.h"

static const struct makers *const families[] = {
	&make_elements, &make_moves, &make_matrices, &make_convs, &make_states, &make_training, &make_chains};

static uint32_t total_weight(void)
{
	uint32_t sum = 0;

	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (size_t i = 0; i < families[f]->n; i++)
			sum += families[f]->list[i].weight;
	return sum;
}

static const struct maker *pick_maker(struct gen *g)
{
	uint32_t at = gen_below(g, total_weight());

	for (size_t f = 0;; f++)
		for (size_t i = 0; i < families[f]->n; i++) {
			if (at < families[f]->list[i].weight)
				return &families[f]->list[i];
			at -= families[f]->list[i].weight;
		}
}

static bool is_known(const struct kcase *c, const struct ggml_tensor *t)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->t[i].made == t)
			return true;
	return false;
}

/* A tensor on which t depends and which is not collected yet, or NULL. */
static struct ggml_tensor *find_unknown(const struct kcase *c, const struct ggml_tensor *t)
{
	if (t->view_src && !is_known(c, t->view_src))
		return t->view_src;
	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (t->src[i] && t->src[i] != t && !is_known(c, t->src[i]))
			return t->src[i];
	return NULL;
}

/* Collects the tensors on which the result depends before it. */
static void collect(struct kcase *c, struct ggml_tensor *result)
{
	struct ggml_tensor *pending[CASE_TENSORS] = {result};

	for (uint32_t n = 1; n > 0 && c->n < CASE_TENSORS;) {
		struct ggml_tensor *first = find_unknown(c, pending[n - 1]);
		if (first && n < CASE_TENSORS)
			pending[n++] = first;
		else
			c->t[c->n++] = (struct case_tensor){.made = pending[--n], .slot = -1};
	}
}

static uint32_t number_of(const struct kcase *c, const struct ggml_tensor *t)
{
	uint32_t i = 0;

	while (i < c->n && c->t[i].made != t)
		i++;
	return i;
}

static struct ggml_tensor *root_of(struct ggml_tensor *t)
{
	return t->view_src ? t->view_src : t;
}

/* Most tensors end at the end of their slot, next to a guard page; the others begin at the slot's start. */
static bool place_roots(struct kcase *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		struct case_tensor *t = &c->t[i];
		if (t->made->view_src)
			continue;
		size_t size = ggml_nbytes(t->made);
		t->slot = world_take(size ? size : 1);
		if (t->slot < 0)
			return false;
		if (gen_below(&c->gen, 4)) {
			size_t align = ggml_blck_size(t->made->type) == 1 ? ggml_type_size(t->made->type) : 2;
			t->offset = (int64_t)((world_slots[t->slot].size - size) / align * align);
		}
	}
	return true;
}

static void place_views(struct kcase *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		struct case_tensor *t = &c->t[i];
		if (!t->made->view_src)
			continue;
		const struct case_tensor *root = &c->t[number_of(c, t->made->view_src)];
		t->slot = root->slot;
		t->offset = root->offset + (int64_t)t->made->view_offs;
	}
}

/* Places some results over a source. */
static void place_by_accident(struct kcase *c)
{
	struct case_tensor *last = &c->t[c->n - 1];

	if (c->n < 2 || last->made->view_src || !gen_once_in(&c->gen, 12))
		return;
	const struct case_tensor *other = &c->t[gen_below(&c->gen, c->n - 1)];
	last->slot = other->slot;
	last->offset = other->offset + (gen_below(&c->gen, 3) ? 0 : 4 * (int64_t)gen_below(&c->gen, 9));
}

static uint64_t id_of(const struct kcase *c, const struct ggml_tensor *t)
{
	return t ? 0x1000 + 16 * (uint64_t)number_of(c, t) : 0;
}

static void describe(struct kcase *c, struct case_tensor *t)
{
	struct gw_wire_tensor *w = &t->wire;
	const struct ggml_tensor *m = t->made;

	*w = (struct gw_wire_tensor){.id = id_of(c, m), .type = (uint32_t)m->type, .op = (uint32_t)m->op, .name = "t"};
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		w->ne[i] = (uint32_t)m->ne[i];
		w->nb[i] = (uint32_t)m->nb[i];
	}
	memcpy(w->op_params, m->op_params, sizeof(w->op_params));
	w->flags = m->op == GGML_OP_NONE ? 0 : GGML_TENSOR_FLAG_COMPUTE;
	w->use_count = (int32_t)gen_below(&c->gen, 3);
	for (int i = 0; i < GGML_MAX_SRC; i++)
		w->src[i] = id_of(c, m->src[i]);
	w->view_src = id_of(c, m->view_src);
	w->view_offs = m->view_offs;
}

/* Marks roots of row numbers, which need valid contents. */
static void find_rows(struct kcase *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const struct ggml_tensor *node = c->t[i].made;
		const struct gw_op_rule *rule = gw_op_rule(node->op);
		for (int s = 0; rule && s < GGML_MAX_SRC; s++) {
			if (!rule->src[s].rows_of || !node->src[s])
				continue;
			struct case_tensor *rows = &c->t[number_of(c, root_of(node->src[s]))];
			int64_t below = gw_operand_of(node, rule->src[s].rows_of)->ne[rule->src[s].rows_in];
			if (rows->below == 0 || below < rows->below)
				rows->below = below > 0 ? below : 1;
		}
	}
}

bool case_make(struct kcase *c)
{
	struct gen *g = &c->gen;

	c->n = 0;
	c->maker = pick_maker(g);
	c->visible = gen_below(g, 8) != 0;
	c->threads = gen_once_in(g, 64) && !c->one_thread ? 2 : 1;
	collect(c, c->maker->make(g, c->maker->op));
	strain_layouts(c);
	world_clear();
	if (!place_roots(c))
		return false;
	place_views(c);
	place_by_accident(c);
	find_rows(c);
	for (uint32_t i = 0; i < c->n; i++) {
		describe(c, &c->t[i]);
		c->t[i].data = world_slots[c->t[i].slot].memory + c->t[i].offset;
	}
	strain_wire(c);
	return true;
}

/* Whether the graph's operations write to a tensor. */
static bool is_written(const struct kcase *c, uint32_t n)
{
	if (gw_op_executes((enum ggml_op)c->t[n].wire.op))
		return true;
	for (uint32_t i = 0; i < c->n; i++) {
		const struct gw_op_rule *rule = gw_op_rule((enum ggml_op)c->t[i].wire.op);
		for (int s = 0; rule && s < GGML_MAX_SRC; s++)
			if (rule->src[s].written && c->t[i].wire.src[s] == c->t[n].wire.id)
				return true;
	}
	return false;
}

static bool slot_is_written(const struct kcase *c, int slot)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->t[i].slot == slot && is_written(c, i))
			return true;
	return false;
}

size_t case_body(const struct kcase *c, const uint8_t **body)
{
	static uint8_t out[64 + CASE_TENSORS * (8 + GW_WIRE_TENSOR_SIZE)];
	const struct gw_dialect *d = &gw_dialect_8_0;
	uint8_t *ids, *described;
	uint32_t nodes = 0;
	size_t size;

	for (uint32_t i = 0; i < c->n; i++)
		nodes += c->t[i].wire.op != GGML_OP_NONE;
	if (!gw_wire_graph_size(d, nodes, c->n, &size) || size > sizeof(out))
		return 0;
	gw_wire_graph_begin(d, 0, 1, nodes, c->n, out, &ids, &described);
	for (uint32_t i = 0; i < c->n; i++) {
		struct gw_wire_tensor w = c->t[i].wire;
		if (w.op != GGML_OP_NONE) {
			gw_put_le64(ids, w.id);
			ids += 8;
		}
		if (c->t[i].slot >= 0) {
			const struct world_slot *s = &world_slots[c->t[i].slot];
			const struct world_buffer *b = &s->buffers[c->visible][slot_is_written(c, c->t[i].slot)];
			w.buffer = b->handle;
			w.data = b->vbase + (uint64_t)c->t[i].offset;
		}
		gw_wire_tensor_encode(d, &w, described + GW_WIRE_TENSOR_SIZE * (size_t)i);
	}
	*body = out;
	return size;
}

void case_print(const struct kcase *c)
{
	printf("  made for %s, %d thread(s), memory is %s\n", ggml_op_name(c->maker->op), c->threads,
		c->visible ? "visible" : "read back");
	for (uint32_t i = 0; i < c->n; i++) {
		const struct case_tensor *t = &c->t[i];
		const struct gw_wire_tensor *w = &t->wire;
		printf("  %2u %-14s %-7s ne %u %u %u %u nb %u %u %u %u slot %d + %" PRId64 " of %zu%s", i,
			w->op < GGML_OP_COUNT ? ggml_op_name((enum ggml_op)w->op) : "?",
			w->type < GGML_TYPE_COUNT ? ggml_type_name((enum ggml_type)w->type) : "?", w->ne[0], w->ne[1],
			w->ne[2], w->ne[3], w->nb[0], w->nb[1], w->nb[2], w->nb[3], t->slot, t->offset,
			t->slot < 0 ? 0 : world_slots[t->slot].size,
			t->slot >= 0 && slot_is_written(c, t->slot) ? " w" : "");
		for (int s = 0; s < GW_WIRE_SRC; s++)
			if (w->src[s])
				printf(" src%d=%d", s, ((int)w->src[s] - 0x1000) / 16);
		if (w->view_src)
			printf(" view of %d + %" PRIu64, ((int)w->view_src - 0x1000) / 16, w->view_offs);
		printf(" params");
		for (int p = 0; p < GW_WIRE_OP_PARAMS; p++)
			printf(" %d", w->op_params[p]);
		printf("\n");
	}
}
