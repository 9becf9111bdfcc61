#include "backend/answers/node_key.h"

#include <string.h>

/* Per tensor: type, extents, strides; and once: device, operation, parameters, which sources there are. */
#define SHAPE_BYTES (sizeof(uint32_t) + GGML_MAX_DIMS * (sizeof(int64_t) + sizeof(size_t)))
_Static_assert(4 * sizeof(uint32_t) + GGML_MAX_OP_PARAMS + (1 + GGML_MAX_SRC) * SHAPE_BYTES <=
		       sizeof(((struct gw_node_key *)0)->bytes),
	"a key does not hold a node");

static void add(struct gw_node_key *key, const void *bytes, size_t n)
{
	memcpy(key->bytes + key->size, bytes, n);
	key->size += n;
}

static void add_u32(struct gw_node_key *key, uint32_t v)
{
	add(key, &v, sizeof(v));
}

static void add_shape(struct gw_node_key *key, const struct ggml_tensor *t)
{
	add_u32(key, (uint32_t)t->type);
	add(key, t->ne, sizeof(t->ne));
	add(key, t->nb, sizeof(t->nb));
}

/* Extents that the node's tensors were found to have. */
struct extents {
	size_t n;
	int64_t seen[(1 + GGML_MAX_SRC) * GGML_MAX_DIMS];
};

/* The place of a value among the different ones. */
static uint8_t place_of(struct extents *e, int64_t value)
{
	size_t i = 0;

	while (i < e->n && e->seen[i] != value)
		i++;
	if (i == e->n)
		e->seen[e->n++] = value;
	return (uint8_t)i;
}

/* 0 and 1 are themselves, others the largest of these powers of two that divides them, from 2 on. */
static uint8_t divisor_class(int64_t value)
{
	uint8_t power = 0;

	if (value == 0 || value == 1)
		return (uint8_t)value;
	while (power < 8 && value % 2 == 0) {
		value /= 2;
		power++;
	}
	return (uint8_t)(2 + power);
}

/* A bit for each pair of strides that is in order, and for each stride without a gap. */
static uint16_t layout_of(const struct ggml_tensor *t)
{
	size_t dense = ggml_type_size(t->type);
	uint16_t bits = 0;

	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		bits = (uint16_t)(bits << 1 | (t->nb[i] == dense));
		dense = i == 0 ? ggml_row_size(t->type, t->ne[0]) : t->nb[i] * (size_t)t->ne[i];
	}
	for (int i = 0; i < GGML_MAX_DIMS; i++)
		for (int k = i + 1; k < GGML_MAX_DIMS; k++)
			bits = (uint16_t)(bits << 1 | (t->nb[i] <= t->nb[k]));
	return bits;
}

static void add_shape_class(struct gw_node_key *key, const struct ggml_tensor *t, struct extents *e)
{
	uint16_t layout = layout_of(t);

	add_u32(key, (uint32_t)t->type);
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		const uint8_t class[] = {place_of(e, t->ne[i]), divisor_class(t->ne[i])};
		add(key, class, sizeof(class));
	}
	add(key, &layout, sizeof(layout));
}

static void add_operation(struct gw_node_key *key, uint32_t device, const struct ggml_tensor *node)
{
	uint32_t present = 0;

	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (node->src[i])
			present |= UINT32_C(1) << i;
	key->size = 0;
	add_u32(key, device);
	add_u32(key, (uint32_t)node->op);
	add_u32(key, present);
	add(key, node->op_params, sizeof(node->op_params));
}

void gw_node_key_make(struct gw_node_key *key, uint32_t device, const struct ggml_tensor *node)
{
	add_operation(key, device, node);
	add_shape(key, node);
	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (node->src[i])
			add_shape(key, node->src[i]);
}

void gw_node_key_make_shapes(struct gw_node_key *key, uint32_t device, const struct ggml_tensor *node)
{
	struct extents extents = {0};

	add_operation(key, device, node);
	add_shape_class(key, node, &extents);
	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (node->src[i])
			add_shape_class(key, node->src[i], &extents);
}
