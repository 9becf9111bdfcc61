/* Contents of a case's tensors, and which bytes must not change. */
#include <math.h>
#include <stdlib.h>

#include "device/graph/tensor.h"
#include "device/rules/op_judge.h"
#include "fuzz/kernels/case.h"
#include "fuzz/kernels/world.h"

#define POOL 8192 /* numbers in each pool from which tensors are filled */
#define POOL_BYTES (POOL * sizeof(ggml_fp16_t))
#define BACKGROUND 0xa5

static float normal[POOL], special[POOL];
static ggml_fp16_t normal_16[POOL], special_16[POOL];
static ggml_bf16_t normal_b16[POOL], special_b16[POOL];
static uint8_t any[POOL_BYTES];

/* The slots' contents before the computation, and which bytes no result covers. */
static uint8_t *before[WORLD_SLOTS], *fixed[WORLD_SLOTS];

static void fill_pools(void)
{
	static const float odd[] = {0.0f, -0.0f, 1e-45f, 3.4e38f, -3.4e38f, 65504.0f, 1e6f};
	struct gen g;

	gen_seed(&g, 1, 1);
	for (int i = 0; i < POOL; i++) {
		uint32_t kind = gen_below(&g, 16);
		normal[i] = gen_float(&g);
		special[i] = kind < 7    ? odd[kind]
			     : kind == 7 ? NAN
			     : kind == 8 ? INFINITY
			     : kind == 9 ? -INFINITY
					 : gen_float(&g);
	}
	ggml_fp32_to_fp16_row(normal, normal_16, POOL);
	ggml_fp32_to_fp16_row(special, special_16, POOL);
	ggml_fp32_to_bf16_row(normal, normal_b16, POOL);
	ggml_fp32_to_bf16_row(special, special_b16, POOL);
	for (size_t i = 0; i < sizeof(any); i++)
		any[i] = (uint8_t)gen_below(&g, 256);
}

static void prepare(void)
{
	if (before[0])
		return;
	fill_pools();
	for (int i = 0; i < WORLD_SLOTS; i++) {
		before[i] = malloc(world_slots[i].size);
		fixed[i] = malloc(world_slots[i].size);
		if (!before[i] || !fixed[i])
			abort();
	}
}

/* Copies numbers from the pool cyclically, from a random one on. */
static void pour(struct gen *g, uint8_t *to, size_t size, const void *pool)
{
	size_t from = gen_below(g, 64) * 8;

	while (size > 0) {
		size_t n = POOL_BYTES - from < size ? POOL_BYTES - from : size;
		memcpy(to, (const uint8_t *)pool + from, n);
		to += n;
		size -= n;
		from = 0;
	}
}

static int64_t row_number(struct gen *g, int64_t below)
{
	static const int32_t wrong[] = {-1, -2, INT32_MIN, INT32_MAX, 1 << 20};

	if (gen_below(g, 256) != 0)
		return gen_below(g, (uint32_t)below);
	uint32_t i = gen_below(g, 6);
	return i < 5 ? wrong[i] : below;
}

static void pour_numbers(struct gen *g, uint8_t *to, size_t size, enum ggml_type type, int64_t below)
{
	size_t step = ggml_type_size(type);

	for (size_t at = 0; at + step <= size; at += step) {
		int64_t value = row_number(g, below);
		memcpy(to + at, &value, step);
	}
}

/* Kinds of numbers: typical, unusual, zero, or arbitrary. */
enum contents {
	USUAL,
	ODD,
	ZEROS,
	ANYTHING
};

static const void *pool_of(enum ggml_type type, enum contents contents)
{
	if (contents == ANYTHING)
		return any;
	switch (type) {
	case GGML_TYPE_F32:
		return contents == ODD ? special : normal;
	case GGML_TYPE_F16:
		return contents == ODD ? special_16 : normal_16;
	case GGML_TYPE_BF16:
		return contents == ODD ? special_b16 : normal_b16;
	default:
		return any;
	}
}

static void pour_tensor(struct kcase *c, const struct case_tensor *t, enum contents contents)
{
	enum ggml_type type = t->made->type;
	size_t size = ggml_nbytes(t->made);

	if (t->below && (type == GGML_TYPE_I32 || type == GGML_TYPE_I64))
		pour_numbers(&c->gen, t->data, size, type, t->below);
	else if (contents == ZEROS)
		memset(t->data, 0, size);
	else if (contents != ANYTHING && type == GGML_TYPE_I32)
		pour_numbers(&c->gen, t->data, size, type, 100);
	else
		pour(&c->gen, t->data, size, pool_of(type, contents));
}

/* How many of n steps stay inside a slot. */
static uint64_t steps_inside(uint64_t n, uint64_t stride, uint64_t size)
{
	uint64_t most = stride ? size / stride + 1 : 1;

	return n < most ? n : most;
}

/* Allows changes to the bytes of a tensor's elements. */
static void release(const struct case_tensor *t)
{
	const struct gw_wire_tensor *w = &t->wire;
	uint64_t size = world_slots[t->slot].size, n[GGML_MAX_DIMS], bytes = ggml_type_size((enum ggml_type)w->type);

	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		uint64_t extent = i ? w->ne[i] : w->ne[0] / (uint64_t)ggml_blck_size((enum ggml_type)w->type);
		n[i] = steps_inside(extent, w->nb[i], size);
	}
	for (uint64_t i3 = 0; i3 < n[3]; i3++)
		for (uint64_t i2 = 0; i2 < n[2]; i2++)
			for (uint64_t i1 = 0; i1 < n[1]; i1++)
				for (uint64_t i0 = 0; i0 < n[0]; i0++) {
					uint64_t at = (uint64_t)t->offset + i3 * w->nb[3] + i2 * w->nb[2] +
						      i1 * w->nb[1] + i0 * w->nb[0];
					if (at < size)
						memset(fixed[t->slot] + at, 0, bytes < size - at ? bytes : size - at);
				}
}

static bool known_type(const struct gw_wire_tensor *w)
{
	return w->type < GGML_TYPE_COUNT && ggml_blck_size((enum ggml_type)w->type) > 0;
}

static void release_written(struct kcase *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const struct case_tensor *t = &c->t[i];
		const struct gw_op_rule *rule = gw_op_rule((enum ggml_op)t->wire.op);
		if (!rule)
			continue;
		if (t->slot >= 0 && known_type(&t->wire))
			release(t);
		for (int s = 0; s < GGML_MAX_SRC; s++)
			for (uint32_t k = 0; rule->src[s].written && k < c->n; k++)
				if (c->t[k].wire.id == t->wire.src[s] && c->t[k].slot >= 0 && known_type(&c->t[k].wire))
					release(&c->t[k]);
	}
}

void case_fill(struct kcase *c)
{
	uint32_t choice = gen_below(&c->gen, 10);
	enum contents contents = choice > ANYTHING ? USUAL : (enum contents)choice;

	prepare();
	for (int i = 0; i < WORLD_SLOTS; i++)
		if (world_slots[i].taken)
			memset(world_slots[i].memory, BACKGROUND, world_slots[i].size);
	for (uint32_t i = 0; i < c->n; i++)
		if (c->t[i].made->op == GGML_OP_NONE && !c->t[i].made->view_src)
			pour_tensor(c, &c->t[i], contents);
	for (int i = 0; i < WORLD_SLOTS; i++)
		if (world_slots[i].taken) {
			memcpy(before[i], world_slots[i].memory, world_slots[i].size);
			memset(fixed[i], 0xff, world_slots[i].size);
		}
	release_written(c);
}

static bool has_changed(const uint8_t *was, const uint8_t *is, const uint8_t *mask, size_t size)
{
	uint8_t changed = 0;

	for (size_t at = 0; at < size; at++)
		changed |= (uint8_t)((was[at] ^ is[at]) & mask[at]);
	return changed != 0;
}

int case_overrun(void)
{
	for (int i = 0; i < WORLD_SLOTS; i++)
		if (world_slots[i].taken &&
			has_changed(before[i], world_slots[i].memory, fixed[i], world_slots[i].size))
			return i;
	return -1;
}
