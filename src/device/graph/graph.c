#include "device/graph/graph.h"

#include <stdlib.h>

#include "base/map.h"
#include "device/graph/graph_order.h"
#include "device/graph/graph_rules.h"
#include "device/graph/tensor.h"
#include "ggml/abi.h"

struct gw_graph {
	struct gw_graph *link;
	void *memory; /* of ctx */
	size_t size;  /* of memory */
	struct ggml_context *ctx;
	struct ggml_cgraph *cgraph;
	struct gw_map handles; /* of the buffers in which its tensors lie */
	uint64_t work;
};

struct builder {
	const struct gw_graph_source *source;
	const struct gw_wire_graph *wire;
	struct gw_wire_tensor *described;
	struct ggml_tensor **tensors;
	struct gw_links *links;
	struct gw_map index_of_id;
	struct gw_graph *graph;
};

struct gw_graph **gw_graph_link(struct gw_graph *graph)
{
	return &graph->link;
}

struct ggml_cgraph *gw_graph_cgraph(const struct gw_graph *graph)
{
	return graph->cgraph;
}

uint64_t gw_graph_work(const struct gw_graph *graph)
{
	return graph->work ? graph->work : 1;
}

size_t gw_graph_bytes(const struct gw_graph *graph)
{
	return graph->size;
}

bool gw_graph_uses(const struct gw_graph *graph, uint64_t handle)
{
	return gw_map_find(&graph->handles, handle, NULL);
}

void gw_graph_drop(struct gw_graph *graph)
{
	if (graph->ctx)
		ggml_free(graph->ctx);
	free(graph->memory);
	gw_map_free(&graph->handles);
	*graph = (struct gw_graph){.link = graph->link};
}

bool gw_graph_is_dropped(const struct gw_graph *graph)
{
	return !graph->ctx;
}

void gw_graph_free(struct gw_graph *graph)
{
	if (!graph)
		return;
	gw_graph_drop(graph);
	free(graph);
}

/* Names the tensor and its operation in front of an error about it. */
static enum gw_status blame(const struct builder *b, uint32_t i, struct gw_error *err)
{
	const struct gw_wire_tensor *t = &b->described[i];
	const char *op = gw_names_get(b->source->dialect->ops, t->op);
	char text[GW_TENSOR_TEXT];

	return gw_error_prefix(err, "%s %s", op ? op : "unknown operation", gw_tensor_text(t, text));
}

/* ggml allocates in memory of ours, because it aborts where it cannot allocate its own. */
static enum gw_status graph_new(uint32_t n_nodes, size_t n_tensors, struct gw_graph **out)
{
	size_t capacity = n_nodes ? n_nodes : 1;
	size_t size = n_tensors * ggml_tensor_overhead() + ggml_graph_overhead_custom(capacity, false);
	struct gw_graph *graph = calloc(1, sizeof(*graph));

	if (!graph)
		return GW_ERR_NOMEM;
	graph->size = size;
	graph->memory = malloc(size);
	if (graph->memory)
		graph->ctx = ggml_init(
			(struct ggml_init_params){.mem_size = size, .mem_buffer = graph->memory, .no_alloc = true});
	if (!graph->ctx) {
		gw_graph_free(graph);
		return GW_ERR_NOMEM;
	}
	graph->cgraph = ggml_new_graph_custom(graph->ctx, capacity, false);
	*out = graph;
	return GW_OK;
}

static enum gw_status builder_init(struct builder *b)
{
	size_t n = b->wire->n_tensors + (size_t)1;

	b->described = malloc(n * sizeof(*b->described));
	b->tensors = malloc(n * sizeof(*b->tensors));
	b->links = malloc(n * sizeof(*b->links));
	if (!b->described || !b->tensors || !b->links || gw_map_reserve(&b->index_of_id, n) != GW_OK)
		return GW_ERR_NOMEM;
	size_t spares = b->source->opmap->old_states ? b->wire->n_nodes : 0;
	return graph_new(b->wire->n_nodes, b->wire->n_tensors + spares, &b->graph);
}

/* Everything but the graph. */
static void builder_free(struct builder *b)
{
	free(b->described);
	free(b->tensors);
	free(b->links);
	gw_map_free(&b->index_of_id);
}

static enum gw_status locate(struct builder *b, const struct gw_wire_tensor *t, uint64_t nbytes,
	struct ggml_tensor *out, struct gw_error *err)
{
	const struct gw_buffer *buffer = t->buffer ? gw_buffers_find(b->source->buffers, t->buffer) : NULL;

	if (!buffer && t->data)
		return gw_error_set(err, GW_ERR_PROTOCOL, "it has address 0x%llx in unknown buffer %llu",
			(unsigned long long)t->data, (unsigned long long)t->buffer);
	if (!buffer)
		return GW_OK;
	enum gw_status st = gw_tensor_place(t, nbytes, buffer, true, out, err);
	if (st == GW_OK)
		st = gw_map_put(&b->graph->handles, buffer->handle, NULL);
	return st == GW_ERR_NOMEM ? gw_error_set(err, st, "out of memory") : st;
}

static enum gw_status add_tensor(struct builder *b, uint32_t i, struct gw_error *err)
{
	struct gw_wire_tensor *t = &b->described[i];
	struct ggml_tensor shape;
	uint64_t nbytes;

	gw_wire_graph_tensor(b->source->dialect, b->wire, i, t);
	if (gw_map_find(&b->index_of_id, t->id, NULL))
		return gw_error_set(err, GW_ERR_PROTOCOL, "its id 0x%llx occurs twice", (unsigned long long)t->id);
	enum gw_status st = gw_tensor_shape(b->source->opmap, t, &shape, &nbytes, err);
	if (st == GW_OK)
		st = locate(b, t, nbytes, &shape, err);
	if (st != GW_OK)
		return st;
	/* A tensor that is no node is never executed: what made it may be the client's own function. */
	if (gw_rules_op_is_custom(shape.op))
		shape.op = GGML_OP_NONE;
	b->tensors[i] = ggml_new_tensor_1d(b->graph->ctx, GGML_TYPE_I8, 1);
	*b->tensors[i] = shape;
	return gw_map_put(&b->index_of_id, t->id, (void *)(uintptr_t)i);
}

/* The place of an id that is not 0. */
static bool find(const struct builder *b, uint64_t id, uint32_t *index)
{
	void *value;

	if (!gw_map_find(&b->index_of_id, id, &value))
		return false;
	*index = (uint32_t)(uintptr_t)value;
	return true;
}

static enum gw_status link_to(
	const struct builder *b, uint64_t id, struct ggml_tensor **tensor, uint32_t *link, struct gw_error *err)
{
	*tensor = NULL;
	*link = GW_NO_LINK;
	if (id == 0)
		return GW_OK;
	if (!find(b, id, link))
		return gw_error_set(err, GW_ERR_PROTOCOL, "it refers to unknown tensor 0x%llx", (unsigned long long)id);
	*tensor = b->tensors[*link];
	return GW_OK;
}

static enum gw_status link_tensor(struct builder *b, uint32_t i, struct gw_error *err)
{
	const struct gw_wire_tensor *t = &b->described[i];
	struct ggml_tensor *tensor = b->tensors[i];
	struct gw_links *links = &b->links[i];

	for (int s = 0; s < GW_WIRE_SRC; s++) {
		enum gw_status st = link_to(b, t->src[s], &tensor->src[s], &links->to[s], err);
		if (st != GW_OK)
			return st;
	}
	tensor->view_offs = t->view_offs;
	return link_to(b, t->view_src, &tensor->view_src, &links->to[GW_WIRE_SRC], err);
}

static enum gw_status add_tensors(struct builder *b, struct gw_error *err)
{
	for (uint32_t i = 0; i < b->wire->n_tensors; i++)
		if (add_tensor(b, i, err) != GW_OK)
			return blame(b, i, err);
	for (uint32_t i = 0; i < b->wire->n_tensors; i++)
		if (link_tensor(b, i, err) != GW_OK)
			return blame(b, i, err);
	for (uint32_t i = 0; i < b->wire->n_tensors; i++)
		if (b->tensors[i]->view_src && gw_rules_check_view(b->tensors[i], err) != GW_OK)
			return blame(b, i, err);
	return GW_OK;
}

static enum gw_status check_order(const struct builder *b, struct gw_error *err)
{
	bool cyclic;

	if (gw_links_find_cycle(b->links, b->wire->n_tensors, &cyclic) != GW_OK)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	return cyclic ? gw_error_set(err, GW_ERR_PROTOCOL, "its tensors depend on each other in a circle") : GW_OK;
}

static enum gw_status check_op(const struct builder *b, uint32_t i, struct gw_error *err)
{
	uint32_t local = gw_opmap_op_local(b->source->opmap, b->described[i].op);

	if (local == GW_NO_NUMBER)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "this server has no operation %u", b->described[i].op);
	if (gw_rules_op_is_custom((enum ggml_op)local))
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "a function of the client cannot be called here");
	return GW_OK;
}

/* Gives a node the parameters and sources that say here what the client means, and judges it. */
static enum gw_status take_node(const struct builder *b, struct ggml_tensor *node, struct gw_error *err)
{
	const struct gw_opmap *map = b->source->opmap;
	struct ggml_tensor *spare =
		gw_opmap_needs_spare(map, node->op) ? ggml_new_tensor_1d(b->graph->ctx, GGML_TYPE_I8, 1) : NULL;

	enum gw_status st = gw_opmap_node_to_local(map, node, spare, err);
	return st == GW_OK ? gw_rules_check_node(b->source->dev, node, err) : st;
}

/* Sums that overflow are no measure of anything any more, but harmless. */
static void count_work(struct gw_graph *graph, const struct ggml_tensor *node)
{
	uint64_t n = (uint64_t)ggml_nelements(node);

	if (node->op == GGML_OP_MUL_MAT || node->op == GGML_OP_MUL_MAT_ID)
		n *= (uint64_t)node->src[0]->ne[0];
	if (gw_op_executes(node->op))
		graph->work += n;
}

/* Enters one node. Operations without the flag COMPUTE are those that devices pass over. */
static enum gw_status add_node(struct builder *b, uint32_t i, struct gw_error *err)
{
	struct ggml_tensor *node = b->tensors[i];
	enum gw_status st = check_op(b, i, err);

	if (st == GW_OK && gw_op_executes(node->op)) {
		if (!(node->flags & GGML_TENSOR_FLAG_COMPUTE))
			return GW_OK;
		st = take_node(b, node, err);
	}
	if (st != GW_OK)
		return st;
	ggml_graph_add_node(b->graph->cgraph, node);
	count_work(b->graph, node);
	if (b->source->dialect->use_count)
		gw_abi_graph_set_use_count(b->graph->cgraph, node, b->described[i].use_count);
	return GW_OK;
}

static enum gw_status add_nodes(struct builder *b, struct gw_error *err)
{
	for (uint32_t n = 0; n < b->wire->n_nodes; n++) {
		uint64_t id = gw_wire_graph_node_id(b->wire, n);
		uint32_t i;
		if (id == 0 || !find(b, id, &i))
			return gw_error_set(
				err, GW_ERR_PROTOCOL, "node %u is unknown tensor 0x%llx", n, (unsigned long long)id);
		if (add_node(b, i, err) != GW_OK)
			return blame(b, i, err);
	}
	return GW_OK;
}

static enum gw_status build(struct builder *b, struct gw_error *err)
{
	if (builder_init(b) != GW_OK)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory for a graph of %u nodes", b->wire->n_nodes);
	enum gw_status st = add_tensors(b, err);
	if (st == GW_OK)
		st = check_order(b, err);
	if (st == GW_OK)
		st = add_nodes(b, err);
	return st;
}

enum gw_status gw_graph_build(const struct gw_graph_source *source, const struct gw_wire_graph *wire,
	struct gw_graph **out, struct gw_error *err)
{
	struct builder b = {.source = source, .wire = wire};

	if (wire->n_nodes > GW_GRAPH_MAX || wire->n_tensors > GW_GRAPH_MAX)
		return gw_error_set(err, GW_ERR_LIMIT, "%u nodes, %u tensors: more than %u", wire->n_nodes,
			wire->n_tensors, GW_GRAPH_MAX);
	enum gw_status st = build(&b, err);
	builder_free(&b);
	if (st != GW_OK) {
		gw_graph_free(b.graph);
		return st;
	}
	*out = b.graph;
	return GW_OK;
}
