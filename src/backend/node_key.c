#include "backend/node_key.h"

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

void gw_node_key_make(struct gw_node_key *key, uint32_t device, const struct ggml_tensor *node)
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
	add_shape(key, node);
	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (node->src[i])
			add_shape(key, node->src[i]);
}
