#include "device/graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "device/graph/bounds.h"
#include "device/graph/graph_order.h"
#include "device/graph/graph_rules.h"
#include "device/graph/tensor.h"
#include "device/rules/graph_indices.h"
#include "device/rules/op_judge.h"
#include "ggml/abi.h"
#include "ggml/numbers.h"

enum role {
	SOURCE, /* or nothing at all */
	NODE,
	JUDGED_NODE,
};

struct builder {
	const struct gw_graph_source *source;
	const struct gw_wire_graph *wire;
	struct gw_map index_of_id;
	uint32_t *nodes; /* the tensors that are nodes, in their order */
	struct gw_links *links;
	struct gw_walk walk;
	struct ggml_tensor **tensors; /* NULL: no node depends on it */
	uint8_t *roles;               /* enum role */
	uint64_t taken;               /* bytes of the budget, for all of the above */
	struct gw_graph *graph;
	uint32_t n_used; /* of its tensors */
};

/* Names the tensor and its operation in front of an error about it. */
static enum gw_status blame(const struct builder *b, uint32_t i, struct gw_error *err)
{
	struct gw_wire_tensor t;
	char text[GW_TENSOR_TEXT];

	gw_wire_graph_tensor(b->source->dialect, b->wire, i, &t);
	const char *op = gw_names_get(b->source->dialect->ops, t.op);
	return gw_error_prefix(err, "%s %s", op ? op : "unknown operation", gw_tensor_text(&t, text));
}

static enum gw_status no_memory(const struct builder *b, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_NOMEM, "out of memory for a graph of %u nodes and %u tensors", b->wire->n_nodes,
		b->wire->n_tensors);
}

/* Takes bytes of the client's memory, to be counted in *taken. */
static enum gw_status take(const struct builder *b, uint64_t bytes, uint64_t *taken, struct gw_error *err)
{
	struct gw_budget *budget = b->source->budget;

	if (!gw_budget_take(budget, bytes))
		return gw_budget_refuse(budget, bytes, "the graph", err);
	*taken += bytes;
	return GW_OK;
}

static size_t graph_bytes(uint32_t n_nodes)
{
	return ggml_graph_overhead_custom(n_nodes ? n_nodes : 1, false);
}

static size_t object_bytes(uint32_t n_nodes, uint32_t n_tensors)
{
	return graph_bytes(n_nodes) + (n_tensors + (size_t)1) * sizeof(struct ggml_tensor);
}

/* What is needed only while a graph is rebuilt. */
static uint64_t builder_bytes(uint32_t n_nodes, uint32_t n_tensors)
{
	return (n_nodes + UINT64_C(1)) * sizeof(uint32_t) + gw_map_bytes_for(n_tensors + (size_t)1) +
	       gw_walk_bytes(n_tensors) +
	       (n_tensors + UINT64_C(1)) * (sizeof(struct gw_links) + sizeof(struct ggml_tensor *) + sizeof(uint8_t));
}

uint64_t gw_graph_build_bytes(uint32_t n_nodes, uint32_t n_tensors)
{
	return sizeof(struct gw_graph) + builder_bytes(n_nodes, n_tensors) + object_bytes(n_nodes, n_tensors);
}

/* ggml allocates in memory of ours, because it aborts where it cannot allocate its own. */
static enum gw_status graph_init(struct gw_graph *graph, uint32_t n_nodes, uint32_t n_tensors)
{
	size_t size = graph_bytes(n_nodes);

	graph->memory = calloc(1, size);
	graph->tensors = malloc((n_tensors + (size_t)1) * sizeof(*graph->tensors));
	if (!graph->memory || !graph->tensors)
		return GW_ERR_NOMEM;
	graph->ctx =
		ggml_init((struct ggml_init_params){.mem_size = size, .mem_buffer = graph->memory, .no_alloc = true});
	if (!graph->ctx)
		return GW_ERR_NOMEM;
	graph->cgraph = ggml_new_graph_custom(graph->ctx, n_nodes ? n_nodes : 1, false);
	return GW_OK;
}

/* Makes the graph, with room for that many tensors. */
static enum gw_status graph_new(struct builder *b, uint32_t n_tensors, struct gw_error *err)
{
	size_t size = object_bytes(b->wire->n_nodes, n_tensors);

	b->graph = calloc(1, sizeof(*b->graph));
	if (!b->graph)
		return no_memory(b, err);
	b->graph->budget = b->source->budget;
	enum gw_status st = take(b, sizeof(*b->graph) + size, &b->graph->taken, err);
	if (st == GW_OK && graph_init(b->graph, b->wire->n_nodes, n_tensors) != GW_OK)
		st = no_memory(b, err);
	return st;
}

static enum gw_status builder_init(struct builder *b, struct gw_error *err)
{
	uint32_t n_tensors = b->wire->n_tensors;
	size_t n = n_tensors + (size_t)1;

	enum gw_status st = take(b, builder_bytes(b->wire->n_nodes, n_tensors), &b->taken, err);
	if (st != GW_OK)
		return st;
	b->nodes = malloc((b->wire->n_nodes + (size_t)1) * sizeof(*b->nodes));
	b->tensors = calloc(n, sizeof(struct ggml_tensor *));
	b->roles = calloc(n, sizeof(*b->roles));
	b->links = malloc(n * sizeof(*b->links));
	if (!b->nodes || !b->tensors || !b->roles || !b->links || gw_map_reserve(&b->index_of_id, n) != GW_OK ||
		gw_walk_begin(&b->walk, b->links, n_tensors) != GW_OK)
		return no_memory(b, err);
	return GW_OK;
}

/* Everything but the graph. */
static void builder_free(struct builder *b)
{
	free(b->nodes);
	free(b->tensors);
	free(b->roles);
	free(b->links);
	gw_walk_end(&b->walk);
	gw_map_free(&b->index_of_id);
	gw_budget_give(b->source->budget, b->taken);
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
	if (buffer->dev != b->source->dev)
		return gw_error_set(err, GW_ERR_PROTOCOL, "it is in a buffer of another device, %s",
			ggml_backend_dev_name(buffer->dev));
	enum gw_status st = gw_tensor_place(t, nbytes, buffer, true, out, err);
	if (st == GW_OK)
		st = gw_map_put(&b->graph->handles, buffer->handle, NULL);
	return st == GW_ERR_NOMEM ? gw_error_set(err, st, "out of memory") : st;
}

/* Devices pass over operations without the flag COMPUTE. */
static bool is_passed_over(const struct ggml_tensor *node)
{
	return gw_op_executes(node->op) && !(node->flags & GGML_TENSOR_FLAG_COMPUTE);
}

/* Whether the node's operation is one that can be executed here. */
static enum gw_status check_op(const struct builder *b, const struct gw_wire_tensor *t, struct gw_error *err)
{
	uint32_t local = gw_opmap_op_local(b->source->opmap, t->op);

	if (local == GW_NO_NUMBER)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "this server has no operation %u", t->op);
	if (gw_rules_op_is_custom((enum ggml_op)local))
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "a function of the client cannot be called here");
	return GW_OK;
}

static void point(const struct builder *b, const struct gw_links *links, struct ggml_tensor *tensor)
{
	for (uint32_t s = 0; s < links->n && s < GW_WIRE_SRC; s++)
		if (links->to[s] != GW_NO_LINK)
			tensor->src[s] = b->tensors[links->to[s]];
	if (links->to[GW_WIRE_SRC] != GW_NO_LINK)
		tensor->view_src = b->tensors[links->to[GW_WIRE_SRC]];
}

/* Whether a device may be told how often a node's result is used, with which it merges nodes and leaves results out.
 * Rows that a sort puts in order are used unseen (graph_indices.c), so they must really be written. */
static bool may_be_merged(const struct ggml_tensor *node)
{
	enum ggml_op op = gw_op_known(node->op);

	return !is_passed_over(node) && op != GGML_OP_ARGSORT && op != GGML_OP_TOP_K;
}

static enum gw_status fill_tensor(struct builder *b, uint32_t i, struct gw_error *err)
{
	struct gw_wire_tensor t;
	struct ggml_tensor *tensor = b->tensors[i];
	uint64_t nbytes;

	gw_wire_graph_tensor(b->source->dialect, b->wire, i, &t);
	enum gw_status st = gw_tensor_shape(b->source->opmap, &t, tensor, &nbytes, err);
	if (st == GW_OK)
		st = locate(b, &t, nbytes, tensor, err);
	if (st == GW_OK && b->roles[i] == NODE)
		st = check_op(b, &t, err);
	if (st != GW_OK)
		return st;
	/* A tensor that is no node is never executed: what made it may be the client's own function. */
	if (gw_rules_op_is_custom(tensor->op))
		tensor->op = GGML_OP_NONE;
	tensor->view_offs = t.view_offs;
	point(b, &b->links[i], tensor);
	if (b->roles[i] == NODE && b->source->dialect->use_count && may_be_merged(tensor))
		gw_abi_graph_set_use_count(b->graph->cgraph, tensor, t.use_count);
	return GW_OK;
}

/* The place of an id that is not 0, which is most often at or right after `near`. */
static bool find(const struct builder *b, uint64_t id, uint32_t near, uint32_t *index)
{
	uint64_t value;

	for (uint32_t i = near; i < b->wire->n_tensors && i - near < 2; i++)
		if (gw_wire_graph_tensor_id(b->wire, i) == id) {
			*index = i;
			return true;
		}
	if (!gw_map_find_u64(&b->index_of_id, id, &value))
		return false;
	*index = (uint32_t)value;
	return true;
}

static enum gw_status index_tensor(struct builder *b, uint32_t i, struct gw_error *err)
{
	uint64_t id = gw_wire_graph_tensor_id(b->wire, i);
	enum gw_status st = gw_map_put(&b->index_of_id, id, (void *)(uintptr_t)i);

	if (st == GW_OK && b->index_of_id.count == i)
		st = gw_error_set(err, GW_ERR_PROTOCOL, "its id 0x%llx occurs twice", (unsigned long long)id);
	return st;
}

static enum gw_status link_to(const struct builder *b, uint64_t id, uint32_t near, uint32_t *link, struct gw_error *err)
{
	*link = GW_NO_LINK;
	if (id != 0 && !find(b, id, near, link))
		return gw_error_set(err, GW_ERR_PROTOCOL, "it refers to unknown tensor 0x%llx", (unsigned long long)id);
	return GW_OK;
}

static enum gw_status link_tensor(struct builder *b, uint32_t i, struct gw_error *err)
{
	uint64_t ids[GW_LINKS];
	struct gw_links *links = &b->links[i];
	enum gw_status st = GW_OK;
	uint32_t near = i < 2 ? 0 : i - 2;

	gw_wire_graph_links(b->wire, i, ids);
	links->n = 0;
	for (uint32_t l = 0; st == GW_OK && l < GW_LINKS; l++) {
		st = link_to(b, ids[l], near, &links->to[l], err);
		if (ids[l] != 0)
			links->n = l + 1;
	}
	return st;
}

static enum gw_status walk_from_nodes(struct builder *b, struct gw_error *err)
{
	uint32_t near = 0;

	for (uint32_t n = 0; n < b->wire->n_nodes; n++) {
		uint64_t id = gw_wire_graph_node_id(b->wire, n);
		uint32_t i;
		if (id == 0 || !find(b, id, near, &i))
			return gw_error_set(
				err, GW_ERR_PROTOCOL, "node %u is unknown tensor 0x%llx", n, (unsigned long long)id);
		if (!gw_walk_from(&b->walk, i))
			return gw_error_set(err, GW_ERR_PROTOCOL, "its tensors form a cycle");
		b->roles[i] = NODE;
		b->nodes[n] = i;
		near = i + 1;
	}
	return GW_OK;
}

/* Finds out what the nodes depend on. */
static enum gw_status walk(struct builder *b, struct gw_error *err)
{
	for (uint32_t i = 0; i < b->wire->n_tensors; i++)
		if (index_tensor(b, i, err) != GW_OK)
			return blame(b, i, err);
	for (uint32_t i = 0; i < b->wire->n_tensors; i++)
		if (link_tensor(b, i, err) != GW_OK)
			return blame(b, i, err);
	return walk_from_nodes(b, err);
}

static uint32_t count_visited(const struct builder *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->wire->n_tensors; i++)
		n += gw_walk_visited(&b->walk, i);
	return n;
}

/* Sources that nodes may get in addition. */
static uint32_t count_spares(const struct builder *b)
{
	return b->source->opmap->old_states ? b->wire->n_nodes : 0;
}

/* One of the graph's tensors, not yet written. */
static struct ggml_tensor *next_tensor(struct builder *b)
{
	return &b->graph->tensors[b->n_used++];
}

static enum gw_status add_tensors(struct builder *b, struct gw_error *err)
{
	for (uint32_t i = 0; i < b->wire->n_tensors; i++)
		if (gw_walk_visited(&b->walk, i))
			b->tensors[i] = next_tensor(b);
	for (uint32_t i = 0; i < b->wire->n_tensors; i++)
		if (b->tensors[i] && fill_tensor(b, i, err) != GW_OK)
			return blame(b, i, err);
	for (uint32_t i = 0; i < b->wire->n_tensors; i++)
		if (b->tensors[i] && b->tensors[i]->view_src && gw_view_check(b->tensors[i], err) != GW_OK)
			return blame(b, i, err);
	return GW_OK;
}

/* Gives a node the parameters and sources that say here what the client means, and judges it. */
static enum gw_status take_node(struct builder *b, struct ggml_tensor *node, struct gw_error *err)
{
	const struct gw_opmap *map = b->source->opmap;
	struct ggml_tensor *spare = gw_opmap_needs_spare(map, node->op) ? next_tensor(b) : NULL;

	enum gw_status st = gw_opmap_node_to_local(map, node, spare, err);
	if (st != GW_OK)
		return st;
	gw_op_rules_drop_hints(node);
	return gw_rules_check_node(b->source->dev, node, err);
}

/* A sum that overflows is meaningless but harmless. */
static void count_work(struct gw_graph *graph, const struct ggml_tensor *node)
{
	uint64_t n = (uint64_t)ggml_nelements(node);

	if (node->op == GGML_OP_MUL_MAT || node->op == GGML_OP_MUL_MAT_ID)
		n *= (uint64_t)node->src[0]->ne[0];
	if (gw_op_executes(node->op))
		graph->work += n;
}

/* Enters a node, which is judged once, however often it is listed. Devices pass over results without elements, too. */
static enum gw_status add_node(struct builder *b, uint32_t i, struct gw_error *err)
{
	struct ggml_tensor *node = b->tensors[i];
	enum gw_status st = GW_OK;

	if (is_passed_over(node))
		return GW_OK;
	if (b->roles[i] == NODE && gw_op_executes(node->op))
		st = take_node(b, node, err);
	if (st != GW_OK)
		return st;
	b->roles[i] = JUDGED_NODE;
	if (gw_op_executes(node->op) && gw_tensor_is_empty(node))
		return GW_OK;
	ggml_graph_add_node(b->graph->cgraph, node);
	count_work(b->graph, node);
	return GW_OK;
}

static enum gw_status add_nodes(struct builder *b, struct gw_error *err)
{
	for (uint32_t n = 0; n < b->wire->n_nodes; n++)
		if (add_node(b, b->nodes[n], err) != GW_OK)
			return blame(b, b->nodes[n], err);
	return GW_OK;
}

static enum gw_status make_plan(const struct builder *b, struct gw_error *err)
{
	struct gw_graph *graph = b->graph;
	enum gw_status st = gw_index_plan_make(
		ggml_graph_nodes(graph->cgraph), (uint32_t)ggml_graph_n_nodes(graph->cgraph), &graph->plan, err);

	if (st != GW_OK)
		return st;
	return take(b,
		graph->plan.n_checks * sizeof(*graph->plan.checks) + graph->plan.n_cuts * sizeof(*graph->plan.cuts),
		&graph->taken, err);
}

static enum gw_status build(struct builder *b, struct gw_error *err)
{
	enum gw_status st = builder_init(b, err);
	if (st == GW_OK)
		st = walk(b, err);
	if (st == GW_OK)
		st = graph_new(b, count_visited(b) + count_spares(b), err);
	if (st == GW_OK)
		st = add_tensors(b, err);
	if (st == GW_OK)
		st = add_nodes(b, err);
	if (st == GW_OK)
		st = take(b, gw_map_bytes(&b->graph->handles), &b->graph->taken, err);
	return st == GW_OK ? make_plan(b, err) : st;
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
