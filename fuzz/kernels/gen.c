#include "fuzz/kernels/gen.h"

#include <string.h>

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void gen_seed(struct gen *g, uint64_t seed, uint64_t number)
{
	g->state = seed;
	g->state = next(&g->state) ^ number * UINT64_C(0xd1342543de82ef95);
	g->bytes = NULL;
}

void gen_bytes(struct gen *g, const uint8_t *bytes, size_t n)
{
	g->bytes = bytes;
	g->n_bytes = n;
}

static uint32_t take(struct gen *g, uint32_t n)
{
	uint32_t value = 0;

	for (uint32_t bound = n - 1; bound > 0 && g->n_bytes > 0; bound >>= 8, g->n_bytes--)
		value = value << 8 | *g->bytes++;
	return value % n;
}

uint32_t gen_below(struct gen *g, uint32_t n)
{
	if (n < 2)
		return 0;
	return g->bytes ? take(g, n) : (uint32_t)(next(&g->state) >> 32) % n;
}

bool gen_once_in(struct gen *g, uint32_t n)
{
	return gen_below(g, n) == n - 1;
}

int64_t gen_extent(struct gen *g)
{
	static const uint8_t wide[] = {8, 15, 16, 17, 31, 32, 33, 48, 64, 65, 70};

	if (gen_once_in(g, 8))
		return wide[gen_below(g, sizeof(wide))];
	return 1 + gen_below(g, 6);
}

enum ggml_type gen_type(struct gen *g, uint64_t types)
{
	uint32_t n = gen_below(g, (uint32_t)__builtin_popcountll(types));

	while (n-- > 0)
		types &= types - 1;
	return (enum ggml_type)__builtin_ctzll(types);
}

float gen_float(struct gen *g)
{
	return (float)gen_below(g, 2001) / 1000.0f - 1.0f;
}

struct ggml_tensor *gen_tensor(struct gen *g, enum ggml_type type, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)
{
	int64_t block = ggml_blck_size(type);

	return ggml_new_tensor_4d(g->ctx, type, (ne0 + block - 1) / block * block, ne1, ne2, ne3);
}

struct ggml_tensor *gen_f32(struct gen *g, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)
{
	return gen_tensor(g, GGML_TYPE_F32, ne0, ne1, ne2, ne3);
}

struct ggml_tensor *gen_any(struct gen *g, enum ggml_type type)
{
	int64_t ne[GGML_MAX_DIMS] = {gen_extent(g), 1, 1, 1};

	for (uint32_t i = 1 + gen_below(g, GGML_MAX_DIMS); i > 1; i--)
		ne[i - 1] = 1 + gen_below(g, 5);
	return gen_tensor(g, type, ne[0], ne[1], ne[2], ne[3]);
}

struct ggml_tensor *gen_like(struct gen *g, const struct ggml_tensor *t)
{
	return gen_tensor(g, t->type, t->ne[0], t->ne[1], t->ne[2], t->ne[3]);
}
