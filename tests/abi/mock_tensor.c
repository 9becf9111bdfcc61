/* The mock ggml's tensors, graphs and names. Operations have the numbers of 4.0.0. */
#include "layout_2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/ops.h"

#define OBJECT_SIZE 32
#define GRAPH_NODES 64
#define HASH_SLOTS 131
#define OP_ADD 2

static const char *name_in(const struct gw_names *table, uint32_t number)
{
	const char *name = gw_names_get(table, number);

	if (number >= table->count) {
		fprintf(stderr, "mock ggml: number %u is beyond its table\n", (unsigned)number);
		abort();
	}
	return name ? name : "dead";
}

const char *ggml_op_name(enum ggml_op op)
{
	return name_in(&gw_ops_96, (uint32_t)op);
}

const char *ggml_op_desc(const struct ggml_tensor *t)
{
	return ggml_op_name(t->op);
}

const char *ggml_unary_op_name(enum ggml_unary_op op)
{
	return name_in(&gw_unaries_22, (uint32_t)op);
}

const char *ggml_glu_op_name(enum ggml_glu_op op)
{
	return name_in(&gw_glus_6, (uint32_t)op);
}

const char *ggml_type_name(enum ggml_type type)
{
	return name_in(&gw_types_42, (uint32_t)type);
}

/* Only the types that the test uses have correct sizes. */
size_t ggml_type_size(enum ggml_type type)
{
	(void)name_in(&gw_types_42, (uint32_t)type);
	return type == GGML_TYPE_F32 || type == GGML_TYPE_I32 ? 4 : type == GGML_TYPE_I8 ? 1 : 2;
}

int64_t ggml_blck_size(enum ggml_type type)
{
	(void)name_in(&gw_types_42, (uint32_t)type);
	return gw_names_get(&gw_types_42, (uint32_t)type) ? 1 : 0;
}

bool ggml_is_quantized(enum ggml_type type)
{
	(void)type;
	return false;
}

int64_t ggml_nelements(const struct ggml_tensor *t)
{
	return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
}

size_t ggml_row_size(enum ggml_type type, int64_t ne)
{
	return ggml_type_size(type) * (size_t)ne; /* the test uses no types with blocks */
}

size_t ggml_nbytes(const struct ggml_tensor *t)
{
	size_t n = ggml_type_size(t->type);

	for (int i = 0; i < GGML_MAX_DIMS; i++)
		n += (size_t)(t->ne[i] - 1) * t->nb[i];
	return n;
}

int64_t ggml_nrows(const struct ggml_tensor *t)
{
	return t->ne[1] * t->ne[2] * t->ne[3];
}

bool ggml_are_same_shape(const struct ggml_tensor *a, const struct ggml_tensor *b)
{
	return memcmp(a->ne, b->ne, sizeof(a->ne)) == 0;
}

bool ggml_are_same_stride(const struct ggml_tensor *a, const struct ggml_tensor *b)
{
	return memcmp(a->nb, b->nb, sizeof(a->nb)) == 0;
}

/* Whether the elements, and all dimensions above the `loose`th, are adjacent. */
static bool is_contiguous_above(const struct ggml_tensor *t, int loose)
{
	size_t next = ggml_type_size(t->type);

	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		if (t->ne[i] == 1)
			continue;
		if (i > 0 && i <= loose)
			next = t->nb[i];
		if (t->nb[i] != next)
			return false;
		next *= (size_t)t->ne[i];
	}
	return true;
}

bool ggml_is_contiguous(const struct ggml_tensor *t)
{
	return is_contiguous_above(t, 0);
}

bool ggml_is_contiguously_allocated(const struct ggml_tensor *t)
{
	/* The mock has no types with blocks of several elements. */
	return ggml_nbytes(t) == (size_t)ggml_nelements(t) * ggml_type_size(t->type);
}

bool ggml_is_contiguous_1(const struct ggml_tensor *t)
{
	return is_contiguous_above(t, 1);
}

size_t ggml_tensor_overhead(void)
{
	return OBJECT_SIZE + sizeof(struct ggml_tensor);
}

size_t ggml_graph_overhead_custom(size_t size, bool grads)
{
	(void)size;
	(void)grads;
	return 8192;
}

const char *ggml_version(void)
{
	return "0.9.11";
}

const char *ggml_commit(void)
{
	return "mock";
}

const char *ggml_status_to_string(enum ggml_status status)
{
	return status == GGML_STATUS_SUCCESS ? "success" : "failure";
}

/* A context is a list of what was created in it. */
struct ggml_context {
	void *made[16];
	size_t n;
};

static void *make(struct ggml_context *ctx, size_t size)
{
	void *p = calloc(1, size);

	if (!p || ctx->n == sizeof(ctx->made) / sizeof(ctx->made[0]))
		abort();
	ctx->made[ctx->n++] = p;
	return p;
}

struct ggml_context *ggml_init(struct ggml_init_params params)
{
	(void)params;
	return calloc(1, sizeof(struct ggml_context));
}

void ggml_free(struct ggml_context *ctx)
{
	for (size_t i = 0; i < ctx->n; i++)
		free(ctx->made[i]);
	free(ctx);
}

struct ggml_tensor *ggml_new_tensor_1d(struct ggml_context *ctx, enum ggml_type type, int64_t ne0)
{
	struct ggml_tensor *t = make(ctx, sizeof(*t));
	size_t size = ggml_type_size(type) * (size_t)ne0;

	*t = (struct ggml_tensor){.type = type, .ne = {ne0, 1, 1, 1}, .nb = {ggml_type_size(type), size, size, size}};
	return t;
}

struct ggml_tensor *ggml_add(struct ggml_context *ctx, struct ggml_tensor *a, struct ggml_tensor *b)
{
	struct ggml_tensor *t = ggml_new_tensor_1d(ctx, a->type, a->ne[0]);

	t->op = (enum ggml_op)OP_ADD;
	t->src[0] = a;
	t->src[1] = b;
	return t;
}

/* One allocation: as in ggml, the nodes follow the struct. */
struct whole_graph {
	struct ggml_cgraph graph;
	struct ggml_tensor *nodes[GRAPH_NODES];
	struct ggml_tensor *leafs[GRAPH_NODES];
	int32_t use_counts[HASH_SLOTS];
	struct ggml_tensor *keys[HASH_SLOTS];
	uint32_t used[(HASH_SLOTS + 31) / 32];
};

struct ggml_cgraph *ggml_new_graph_custom(struct ggml_context *ctx, size_t size, bool grads)
{
	struct whole_graph *w = make(ctx, sizeof(*w));

	if (grads || size > GRAPH_NODES)
		abort();
	w->graph = (struct ggml_cgraph){.size = (int)size,
		.nodes = w->nodes,
		.leafs = w->leafs,
		.use_counts = w->use_counts,
		.hash_size = HASH_SLOTS,
		.hash_used = w->used,
		.hash_keys = w->keys};
	return &w->graph;
}

/* The tensor's slot, which is added if necessary. *known says whether it existed. */
static size_t enter(struct ggml_cgraph *g, struct ggml_tensor *t, bool *known)
{
	size_t slot = ((uintptr_t)t >> 4) % g->hash_size;

	while (g->hash_used[slot / 32] >> (slot % 32) & 1 && g->hash_keys[slot] != t)
		slot = (slot + 1) % g->hash_size;
	*known = g->hash_used[slot / 32] >> (slot % 32) & 1;
	g->hash_used[slot / 32] |= UINT32_C(1) << (slot % 32);
	g->hash_keys[slot] = t;
	return slot;
}

/* The graphs are only a few tensors deep. NOLINTNEXTLINE(misc-no-recursion) */
static void visit(struct ggml_cgraph *g, struct ggml_tensor *t)
{
	bool known;

	enter(g, t, &known);
	if (known)
		return;
	for (int i = 0; i < GGML_MAX_SRC; i++) {
		if (!t->src[i])
			continue;
		visit(g, t->src[i]);
		g->use_counts[enter(g, t->src[i], &known)]++;
	}
	if (t->op == GGML_OP_NONE)
		g->leafs[g->n_leafs++] = t;
	else
		g->nodes[g->n_nodes++] = t;
}

void ggml_build_forward_expand(struct ggml_cgraph *g, struct ggml_tensor *t)
{
	visit(g, t);
}

void ggml_graph_add_node(struct ggml_cgraph *g, struct ggml_tensor *t)
{
	g->nodes[g->n_nodes++] = t;
}

struct ggml_tensor **ggml_graph_nodes(struct ggml_cgraph *g)
{
	return g->nodes;
}

int ggml_graph_n_nodes(struct ggml_cgraph *g)
{
	return g->n_nodes;
}

struct ggml_tensor *ggml_graph_node(struct ggml_cgraph *g, int i)
{
	return g->nodes[i];
}

int ggml_graph_size(struct ggml_cgraph *g)
{
	return g->size;
}

#ifdef MOCK_STRANGE
/* The log, for the test that checks it. */
char mock_log[1024];

static void collect(enum ggml_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	snprintf(mock_log + strlen(mock_log), sizeof(mock_log) - strlen(mock_log), "%s", text);
}

void ggml_log_get(ggml_log_callback *callback, void **user)
{
	*callback = collect;
	*user = NULL;
}
#endif
