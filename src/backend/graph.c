#include "backend/graph.h"

#include <stdlib.h>
#include <string.h>

#include "backend/encode.h"
#include "ggml/abi.h"

/* A tensor on the way down: its next child is src[next], or at GGML_MAX_SRC view_src. */
struct gw_graph_frame {
	const struct ggml_tensor *tensor;
	int next;
};

/* Makes *array hold at least n elements of size bytes. */
static bool grow(void *array, size_t *capacity, size_t n, size_t size)
{
	void **memory = array;

	if (n <= *capacity)
		return true;
	size_t more = *capacity < 512 ? 1024 : *capacity * 2;
	if (more < n)
		more = n;
	void *p = more <= SIZE_MAX / size ? realloc(*memory, more * size) : NULL;
	if (!p)
		return false;
	*memory = p;
	*capacity = more;
	return true;
}

static size_t slot_of(const struct gw_graph_encoder *e, const struct ggml_tensor *t)
{
	/* The high bits of the product are the well-mixed ones. */
	uint64_t mixed = ((uint64_t)(uintptr_t)t >> 4) * UINT64_C(0x9e3779b97f4a7c15);
	size_t slot = (size_t)(mixed >> 32) & (e->seen_capacity - 1);

	while (e->marks[slot] == e->epoch && e->seen[slot] != t)
		slot = (slot + 1) & (e->seen_capacity - 1);
	return slot;
}

static bool grow_seen(struct gw_graph_encoder *e)
{
	struct gw_graph_encoder old = *e;
	size_t capacity = e->seen_capacity ? e->seen_capacity * 2 : 4096;
	const struct ggml_tensor **seen = calloc(capacity, sizeof(const struct ggml_tensor *));
	uint32_t *marks = calloc(capacity, sizeof(*marks));

	if (!seen || !marks) {
		free((void *)seen);
		free(marks);
		return false;
	}
	e->seen = seen;
	e->marks = marks;
	e->seen_capacity = capacity;
	for (size_t i = 0; i < old.seen_capacity; i++) {
		if (old.marks[i] != e->epoch)
			continue;
		size_t slot = slot_of(e, old.seen[i]);
		e->seen[slot] = old.seen[i];
		e->marks[slot] = e->epoch;
	}
	free((void *)old.seen);
	free(old.marks);
	return true;
}

static void start(struct gw_graph_encoder *e)
{
	e->n_order = 0;
	e->depth = 0;
	e->n_seen = 0;
	if (++e->epoch == 0) { /* old marks would count again */
		if (e->marks)
			memset(e->marks, 0, e->seen_capacity * sizeof(*e->marks));
		e->epoch = 1;
	}
}

/* Puts a tensor on the stack, unless it was there before. */
static bool enter(struct gw_graph_encoder *e, const struct ggml_tensor *t)
{
	if (!t)
		return true;
	if ((e->n_seen + 1) * 2 > e->seen_capacity && !grow_seen(e))
		return false;
	size_t slot = slot_of(e, t);
	if (e->marks[slot] == e->epoch)
		return true;
	if (!grow(&e->stack, &e->stack_capacity, e->depth + 1, sizeof(*e->stack)))
		return false;
	e->seen[slot] = t;
	e->marks[slot] = e->epoch;
	e->n_seen++;
	e->stack[e->depth++] = (struct gw_graph_frame){t, 0};
	return true;
}

/* Appends what is reachable from root, sources before the view's tensor before the tensor itself, as stock clients do.
 */
static bool walk(struct gw_graph_encoder *e, const struct ggml_tensor *root)
{
	if (!enter(e, root))
		return false;
	while (e->depth) {
		struct gw_graph_frame *top = &e->stack[e->depth - 1];
		const struct ggml_tensor *t = top->tensor;

		if (top->next <= GGML_MAX_SRC) {
			int next = top->next++;
			if (!enter(e, next < GGML_MAX_SRC ? t->src[next] : t->view_src))
				return false;
			continue;
		}
		if (!grow(&e->order, &e->order_capacity, e->n_order + 1, sizeof(const struct ggml_tensor *)))
			return false;
		e->order[e->n_order++] = t;
		e->depth--;
	}
	return true;
}

static enum gw_status encode_tensors(struct gw_graph_encoder *e, const struct gw_remote_conn *conn,
	const struct ggml_cgraph *graph, uint8_t *out, struct gw_error *err)
{
	struct gw_wire_tensor wire;

	for (size_t i = 0; i < e->n_order; i++) {
		enum gw_status status = gw_encode_tensor(conn, e->order[i], &wire, err);
		if (status != GW_OK)
			return status;
		if (conn->dialect->use_count)
			wire.use_count = gw_abi_graph_use_count(graph, e->order[i]);
		gw_wire_tensor_encode(conn->dialect, &wire, out + i * GW_WIRE_TENSOR_SIZE);
	}
	return GW_OK;
}

enum gw_status gw_graph_encode(struct gw_graph_encoder *e, const struct gw_remote_conn *conn, uint32_t device,
	uint64_t uid, struct ggml_cgraph *graph, struct gw_error *err)
{
	uint32_t n_nodes = (uint32_t)ggml_graph_n_nodes(graph);
	struct ggml_tensor **nodes = ggml_graph_nodes(graph);
	uint8_t *ids, *tensors;
	size_t size;

	start(e);
	for (uint32_t i = 0; i < n_nodes; i++) {
		enum gw_status status = gw_encode_check_node(conn, nodes[i], err);
		if (status != GW_OK)
			return status;
		if (!walk(e, nodes[i]))
			return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	}
	if (e->n_order > UINT32_MAX || !gw_wire_graph_size(conn->dialect, n_nodes, (uint32_t)e->n_order, &size))
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "the graph is too large for the protocol");
	e->body.len = 0;
	if (gw_buf_reserve(&e->body, size) != GW_OK)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	gw_wire_graph_begin(conn->dialect, device, uid, n_nodes, (uint32_t)e->n_order, e->body.data, &ids, &tensors);
	for (uint32_t i = 0; i < n_nodes; i++)
		gw_put_le64(ids + (size_t)i * 8, (uint64_t)(uintptr_t)nodes[i]);
	e->body.len = size;
	return encode_tensors(e, conn, graph, tensors, err);
}

void gw_graph_encoder_free(struct gw_graph_encoder *e)
{
	gw_buf_free(&e->body);
	free((void *)e->order);
	free(e->stack);
	free((void *)e->seen);
	free(e->marks);
	*e = (struct gw_graph_encoder){0};
}
