#include "fuzz/kernels/case.h"
#include "fuzz/kernels/world.h"

/* Permutes the dimensions, without gaps. */
static void permute(struct gen *g, struct ggml_tensor *t)
{
	size_t step = ggml_type_size(t->type);
	int order[GGML_MAX_DIMS] = {0, 1, 2, 3};
	uint32_t first = ggml_blck_size(t->type) == 1 && gen_below(g, 2) ? 0 : 1;

	for (uint32_t i = GGML_MAX_DIMS - 1; i > first; i--) {
		uint32_t k = first + gen_below(g, i - first + 1);
		int swap = order[i];
		order[i] = order[k];
		order[k] = swap;
	}
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		t->nb[order[i]] = step;
		step *= (size_t)(order[i] == 0 ? t->ne[0] / ggml_blck_size(t->type) : t->ne[order[i]]);
	}
}

/* Adds a gap after one of the dimensions, and adapts the strides of the outer ones. */
static void widen(struct gen *g, struct ggml_tensor *t)
{
	uint32_t dim = 1 + gen_below(g, GGML_MAX_DIMS - 1);
	size_t gap = ggml_type_size(t->type) * (1 + gen_below(g, 9));

	t->nb[dim] += gap;
	for (uint32_t i = dim + 1; i < GGML_MAX_DIMS; i++)
		t->nb[i] = t->nb[i - 1] * (size_t)t->ne[i - 1];
}

static void strain(struct gen *g, struct ggml_tensor *t)
{
	switch (gen_below(g, 6)) {
	case 0:
	case 1:
		widen(g, t);
		break;
	case 2:
	case 3:
		permute(g, t);
		break;
	case 4:
		t->nb[gen_below(g, GGML_MAX_DIMS)] = 0;
		break;
	default:
		t->nb[gen_below(g, GGML_MAX_DIMS)] *= 2;
		break;
	}
}

/* Only tensors without views. */
void strain_layouts(struct kcase *c)
{
	bool viewed[CASE_TENSORS] = {false};

	for (uint32_t i = 0; i < c->n; i++)
		for (uint32_t k = 0; k < c->n; k++)
			viewed[k] |= c->t[i].made->view_src == c->t[k].made;
	for (uint32_t i = 0; i < c->n; i++)
		if (!viewed[i] && !c->t[i].made->view_src &&
			gen_once_in(&c->gen, c->t[i].made->op == GGML_OP_NONE ? 4 : 8))
			strain(&c->gen, c->t[i].made);
}

static uint32_t edge(struct gen *g)
{
	static const uint32_t edges[] = {
		0, 1, 2, 3, 4, 31, 32, 255, 256, 4096, 65535, 65536, 1u << 20, INT32_MAX, 1u << 31, UINT32_MAX};

	return edges[gen_below(g, sizeof(edges) / sizeof(edges[0]))];
}

static uint32_t changed(struct gen *g, uint32_t value)
{
	switch (gen_below(g, 6)) {
	case 0:
	case 1:
		return value + 1;
	case 2:
	case 3:
		return value - 1;
	case 4:
		return value * 2;
	default:
		return edge(g);
	}
}

static void change_extents(struct gen *g, struct gw_wire_tensor *w)
{
	uint32_t i = gen_below(g, GW_WIRE_DIMS), k = gen_below(g, GW_WIRE_DIMS);

	if (gen_below(g, 3)) {
		w->ne[i] = changed(g, w->ne[i]);
	} else {
		uint32_t swap = w->ne[i];
		w->ne[i] = w->ne[k];
		w->ne[k] = swap;
	}
}

/* Changes one field of a tensor. */
static void change(struct kcase *c, struct case_tensor *t)
{
	struct gen *g = &c->gen;
	struct gw_wire_tensor *w = &t->wire;
	const struct case_tensor *other = &c->t[gen_below(g, c->n)];

	switch (gen_below(g, 16)) {
	case 0:
	case 1:
	case 2:
		change_extents(g, w);
		break;
	case 3:
	case 4:
		w->nb[gen_below(g, GW_WIRE_DIMS)] = changed(g, w->nb[gen_below(g, GW_WIRE_DIMS)]);
		break;
	case 5:
	case 6:
	case 7:
	case 8: {
		int32_t *word = &w->op_params[gen_below(g, gen_below(g, 2) ? 4 : GW_WIRE_OP_PARAMS)];
		*word = (int32_t)changed(g, (uint32_t)*word);
		break;
	}
	case 9:
		w->type = gen_below(g, GGML_TYPE_COUNT);
		break;
	case 10:
		w->src[gen_below(g, 4)] = gen_below(g, 3) ? other->wire.id : 0;
		break;
	case 11:
		t->offset += 4 * ((int64_t)gen_below(g, 17) - 8);
		break;
	case 12:
		t->slot = other->slot;
		t->offset = other->offset;
		break;
	case 13:
		memcpy(w->nb, other->wire.nb, sizeof(w->nb));
		memcpy(w->ne, other->wire.ne, sizeof(w->ne));
		break;
	case 14:
		w->op = gen_below(g, GGML_OP_COUNT);
		break;
	default:
		w->view_src = 0;
		w->view_offs = 0;
		break;
	}
}

void strain_wire(struct kcase *c)
{
	struct gen *g = &c->gen;

	if (gen_below(g, 5) < 3)
		return;
	for (uint32_t n = 1 + gen_below(g, 3); n > 0; n--)
		change(c, &c->t[gen_below(g, 2) ? c->n - 1 : gen_below(g, c->n)]);
}
