/* Replays the server's side of recorded sessions to our client. The client performs the same operations as the stock
 * client and must send the same bytes, except for the ids of tensors, which are addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/scene.h"
#include "base/map.h"
#include "ggml/abi.h"
#include "wire/message.h"
#include "wire/recording.h"
#include "wire/recordings.h"

#define MAX_BUFFERS 16
#define MAX_EXCHANGES 8192

struct buffer {
	uint64_t handle;
	ggml_backend_buffer_t ggml;
};

/* A graph that the server caches, by uid. */
struct kept {
	struct kept *next;
	struct ggml_context *ctx;
	struct ggml_cgraph *graph;
};

static struct replay {
	struct fake fake;
	const struct gw_dialect *dialect;
	ggml_backend_dev_t dev;
	ggml_backend_t backend;
	struct gw_recording recording;
	struct gw_exchange all[MAX_EXCHANGES];
	size_t n;
	const struct gw_exchange *_Atomic now; /* the operation to perform */
	struct buffer buffers[MAX_BUFFERS];
	size_t n_buffers;
	struct gw_map tensors; /* our tensors, by recorded id */
	struct kept *graphs;
} r;

static ggml_backend_buffer_t buffer_of(uint64_t handle)
{
	for (size_t i = 0; i < r.n_buffers; i++)
		if (r.buffers[i].handle == handle)
			return r.buffers[i].ggml;
	return NULL;
}

static struct ggml_tensor *tensor_of(uint64_t id)
{
	void *found;

	if (id == 0)
		return NULL;
	if (gw_map_find(&r.tensors, id, &found))
		return found;
	struct ggml_tensor *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	assert_int_equal(gw_map_put(&r.tensors, id, t), GW_OK);
	return t;
}

/* Gives our tensor of that id the properties of the recorded one. */
static struct ggml_tensor *take_tensor(const struct gw_wire_tensor *t)
{
	struct ggml_tensor *out = tensor_of(t->id);
	if (!out)
		return NULL;
	*out = (struct ggml_tensor){.type = (enum ggml_type)t->type, .flags = t->flags};
	out->op = (enum ggml_op)gw_names_find(&gw_ops_101, gw_names_get(r.dialect->ops, t->op));
	memcpy(out->op_params, t->op_params, sizeof(out->op_params));
	memcpy(out->name, t->name, sizeof(out->name));
	for (int i = 0; i < GW_WIRE_DIMS; i++) {
		out->ne[i] = t->ne[i];
		out->nb[i] = t->nb[i];
	}
	for (int i = 0; i < GW_WIRE_SRC; i++)
		out->src[i] = tensor_of(t->src[i]);
	out->view_src = tensor_of(t->view_src);
	out->view_offs = t->view_offs;
	out->buffer = buffer_of(t->buffer);
	out->data = (void *)(uintptr_t)t->data;
	return out;
}

/* Replaces the ids of the recorded tensor by those of our client. */
static void rename_tensor(struct gw_wire_tensor *t)
{
	t->id = (uintptr_t)tensor_of(t->id);
	for (int i = 0; i < GW_WIRE_SRC; i++)
		t->src[i] = (uintptr_t)tensor_of(t->src[i]);
	t->view_src = (uintptr_t)tensor_of(t->view_src);
}

/* Operations of the client. */

static void do_alloc(const struct gw_exchange *x)
{
	struct gw_wire_alloc_req req;
	struct gw_wire_alloc_rsp rsp;

	assert_true(gw_wire_alloc_req_decode(x->request, x->request_size, &req));
	assert_true(gw_wire_alloc_rsp_decode(x->reply, x->reply_size, &rsp));
	ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_dev_buffer_type(r.dev), req.size);
	assert_non_null(buffer);
	assert_non_null(ggml_backend_buffer_get_base(buffer));
	assert_true(r.n_buffers < MAX_BUFFERS);
	r.buffers[r.n_buffers++] = (struct buffer){rsp.buffer, buffer};
}

static struct buffer *find_buffer(const struct gw_exchange *x)
{
	uint64_t handle = gw_le64(x->request); /* the first field of both commands */
	for (size_t i = 0; i < r.n_buffers; i++)
		if (r.buffers[i].handle == handle)
			return &r.buffers[i];
	fail_msg("the recording uses an unknown buffer");
	return NULL;
}

static void do_free(const struct gw_exchange *x)
{
	struct buffer *b = find_buffer(x);

	ggml_backend_buffer_free(b->ggml);
	*b = r.buffers[--r.n_buffers];
}

static void do_clear(const struct gw_exchange *x)
{
	ggml_backend_buffer_clear(find_buffer(x)->ggml, x->request[8]);
}

static void do_init(const struct gw_exchange *x)
{
	struct gw_wire_tensor t;

	assert_true(gw_wire_tensor_req_decode(r.dialect, x->request, x->request_size, &t));
	struct ggml_tensor *tensor = take_tensor(&t);
	assert_int_equal(ggml_backend_buffer_init_tensor(tensor->buffer, tensor), GGML_STATUS_SUCCESS);
}

static void do_alloc_size(const struct gw_exchange *x)
{
	struct gw_wire_node_req req;
	uint64_t size;

	assert_true(gw_wire_node_req_decode(r.dialect, x->request, x->request_size, &req));
	assert_true(gw_wire_u64_rsp_decode(x->reply, x->reply_size, &size));
	for (int i = 0; i < GW_WIRE_SRC; i++)
		take_tensor(&req.src[i]);
	struct ggml_tensor *t = take_tensor(&req.tensor);
	assert_int_equal(ggml_backend_buft_get_alloc_size(ggml_backend_dev_buffer_type(r.dev), t), size);
}

static void do_set(const struct gw_exchange *x)
{
	size_t fixed = gw_wire_set_req_size(r.dialect);
	struct gw_wire_set_req req;

	assert_true(gw_wire_set_req_decode(r.dialect, x->request, fixed, &req));
	ggml_backend_tensor_set(take_tensor(&req.tensor), x->request + fixed, req.offset, x->request_size - fixed);
}

static void do_get(const struct gw_exchange *x)
{
	struct gw_wire_get_req req;

	assert_true(gw_wire_get_req_decode(r.dialect, x->request, x->request_size, &req));
	uint8_t *got = malloc(x->reply_size + 1);
	assert_non_null(got);
	ggml_backend_tensor_get(take_tensor(&req.tensor), got, req.offset, req.size);
	assert_memory_equal(got, x->reply, x->reply_size);
	free(got);
}

static struct ggml_cgraph *make_graph(const struct gw_wire_graph *g)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	assert_non_null(kept);
	kept->next = r.graphs;
	r.graphs = kept;
	kept->ctx = scene_context(1, g->n_tensors + 1);
	kept->graph = ggml_new_graph_custom(kept->ctx, g->n_tensors + 1, false);
	kept->graph->uid = g->uid;
	return kept->graph;
}

static void do_compute(const struct gw_exchange *x)
{
	struct gw_wire_graph g;

	assert_true(gw_wire_graph_decode(r.dialect, x->request, x->request_size, &g));
	struct ggml_cgraph *graph = make_graph(&g);
	for (uint32_t i = 0; i < g.n_tensors; i++) {
		struct gw_wire_tensor t;
		gw_wire_graph_tensor(r.dialect, &g, i, &t);
		take_tensor(&t);
		if (t.use_count)
			assert_true(gw_abi_graph_set_use_count(graph, tensor_of(t.id), t.use_count));
	}
	for (uint32_t i = 0; i < g.n_nodes; i++)
		ggml_graph_add_node(graph, tensor_of(gw_wire_graph_node_id(&g, i)));
	assert_int_equal(ggml_backend_graph_compute_async(r.backend, graph), GGML_STATUS_SUCCESS);
}

static void do_recompute(const struct gw_exchange *x)
{
	struct gw_wire_recompute_req req;

	assert_true(gw_wire_recompute_req_decode(r.dialect, x->request, x->request_size, &req));
	struct kept *kept = r.graphs;
	while (kept && kept->graph->uid != req.uid)
		kept = kept->next;
	assert_non_null(kept);
	assert_int_equal(ggml_backend_graph_compute_async(r.backend, kept->graph), GGML_STATUS_SUCCESS);
}

/* Requests that a client sends on its own have no entry. */
static void (*const actions[])(const struct gw_exchange *) = {
	[GW_CMD_ALLOC_BUFFER] = do_alloc,
	[GW_CMD_FREE_BUFFER] = do_free,
	[GW_CMD_BUFFER_CLEAR] = do_clear,
	[GW_CMD_SET_TENSOR] = do_set,
	[GW_CMD_GET_TENSOR] = do_get,
	[GW_CMD_GRAPH_COMPUTE] = do_compute,
	[GW_CMD_INIT_TENSOR] = do_init,
	[GW_CMD_GET_ALLOC_SIZE] = do_alloc_size,
	[GW_CMD_GRAPH_RECOMPUTE] = do_recompute,
};

static bool is_told(unsigned cmd)
{
	return cmd < sizeof(actions) / sizeof(actions[0]) && actions[cmd];
}

/* The recorded server. */

/* Finds the next recorded exchange with the same request. Handles are reused. */
static const struct gw_exchange *find_same(const struct fake_request *request)
{
	size_t from = r.now ? (size_t)(r.now - r.all) : 0;

	for (size_t i = from; i < r.n; i++)
		if (r.all[i].cmd == request->cmd && r.all[i].request_size == request->size &&
			memcmp(r.all[i].request, request->body, request->size) == 0)
			return &r.all[i];
	return NULL;
}

/* Replies as recorded, both to the performed operations and to the client's own requests. */
static bool script(void *user, const struct fake_request *request, const void **body, size_t *size)
{
	const struct gw_exchange *x = r.now;

	(void)user;
	if (!x || x->cmd != request->cmd)
		x = is_told(request->cmd) ? NULL : find_same(request);
	if (!x || x->answered != GW_REPLY_BODY)
		return false;
	*body = x->reply;
	*size = x->reply_size;
	return true;
}

/* Comparison of the requests. */

/* The recorded body as our client has to send it. The result is malloc'ed. */
static uint8_t *renamed(const struct gw_exchange *x)
{
	uint8_t *body = malloc(x->request_size + 1);
	struct gw_wire_graph g;
	size_t at = 0, n = 0;

	assert_non_null(body);
	memcpy(body, x->request, x->request_size);
	if (x->cmd == GW_CMD_GRAPH_COMPUTE) {
		assert_true(gw_wire_graph_decode(r.dialect, body, x->request_size, &g));
		for (uint32_t i = 0; i < g.n_nodes; i++) {
			uint64_t id = gw_wire_graph_node_id(&g, i);
			gw_put_le64(body + (g.node_ids - body) + (size_t)8 * i, (uintptr_t)tensor_of(id));
		}
		at = (size_t)(g.tensors - body);
		n = g.n_tensors;
	} else if (x->cmd == GW_CMD_SET_TENSOR || x->cmd == GW_CMD_GET_TENSOR || x->cmd == GW_CMD_INIT_TENSOR) {
		n = 1;
	} else if (x->cmd == GW_CMD_GET_ALLOC_SIZE) {
		at = 4;
		n = 1 + GW_WIRE_SRC;
	}
	for (size_t i = 0; i < n; i++) {
		uint8_t *raw = body + at + i * GW_WIRE_TENSOR_SIZE;
		struct gw_wire_tensor t;
		gw_wire_tensor_decode(r.dialect, raw, &t);
		rename_tensor(&t);
		if (x->cmd == GW_CMD_GET_ALLOC_SIZE)
			t.buffer = t.data = 0; /* our client leaves out the location of sources */
		gw_wire_tensor_encode(r.dialect, &t, raw);
	}
	return body;
}

static void fail_at(const struct gw_exchange *x, const struct fake_request *sent, const uint8_t *expected)
{
	size_t i = 0;

	while (i < x->request_size && sent->body[i] == expected[i])
		i++;
	fail_msg("%s %zu: byte %zu of %zu is 0x%02x, not 0x%02x", gw_cmd_name(x->cmd), (size_t)(x - r.all), i,
		x->request_size, sent->body[i], expected[i]);
}

static void assert_said(const struct gw_exchange *x, const struct fake_request *sent)
{
	uint8_t *expected = renamed(x);

	if (!sent || sent->cmd != x->cmd || sent->size != x->request_size)
		fail_msg("expected %s %zu of %zu bytes, the client sent %s of %zu", gw_cmd_name(x->cmd),
			(size_t)(x - r.all), x->request_size, sent ? gw_cmd_name(sent->cmd) : "nothing",
			sent ? sent->size : 0);
	if (memcmp(sent->body, expected, x->request_size) != 0)
		fail_at(x, sent, expected);
	free(expected);
}

/* The next request that belongs to an operation, or NULL. */
static const struct fake_request *next_told(const struct fake_request *from)
{
	while (from && !is_told(from->cmd))
		from = from->next;
	return from;
}

/* Checks that the client sent all recorded requests, in that order, and nothing else. It may skip a request for a size
 * that it already knows. Tensors are compared in the state of that time, because ids are reused. */
static const struct fake_request *check(const struct gw_exchange *x, const struct fake_request *sent)
{
	sent = next_told(sent);
	if (x->cmd == GW_CMD_GET_ALLOC_SIZE && (!sent || sent->cmd != GW_CMD_GET_ALLOC_SIZE))
		return sent;
	assert_said(x, sent);
	return sent->next;
}

static void load(const char *version, const char *name)
{
	char path[512];
	enum gw_recording_step step;

	memset(&r, 0, sizeof(r));
	r.dialect = gw_dialect_parse(version);
	snprintf(path, sizeof(path), "%s/%s/%s.rec", GGWIRE_TEST_DATA, version, name);
	if (!gw_recording_load(&r.recording, path))
		fail_msg("cannot read %s", path);
	while ((step = gw_recording_next(&r.recording, r.dialect, &r.all[r.n])) == GW_RECORDING_EXCHANGE) {
		if (r.all[r.n].cmd != GW_CMD_HELLO)
			r.n++;
		assert_true(r.n < MAX_EXCHANGES);
	}
	assert_int_equal(step, GW_RECORDING_END);
}

static void close_all(void)
{
	size_t pos = 0;
	uint64_t id;
	void *tensor;
	ggml_backend_free(r.backend);
	while (r.n_buffers > 0)
		ggml_backend_buffer_free(r.buffers[--r.n_buffers].ggml);
	while (r.graphs) {
		struct kept *kept = r.graphs;
		r.graphs = kept->next;
		ggml_free(kept->ctx);
		free(kept);
	}
	while (gw_map_next(&r.tensors, &pos, &id, &tensor))
		free(tensor);
	gw_map_free(&r.tensors);
	fake_free(&r.fake);
}

static void replay(const char *version, const char *name)
{
	unsigned n_told = 0;

	load(version, name);
	fake_init(&r.fake);
	r.fake.version = r.dialect->version;
	r.fake.script = script;
	r.dev = fake_device(&r.fake);
	assert_non_null(r.dev);
	r.backend = ggml_backend_dev_init(r.dev, NULL);
	fake_forget(&r.fake);
	for (size_t i = 0; i < r.n; i++) {
		r.now = &r.all[i];
		if (!is_told(r.all[i].cmd))
			continue;
		actions[r.all[i].cmd](&r.all[i]);
		n_told++;
	}
	size_t memory;
	ggml_backend_dev_memory(r.dev, &memory, &memory); /* flushes the send queue */
	const struct fake_request *sent = fake_request(&r.fake, FAKE_ANY, 0);
	for (size_t i = 0; i < r.n; i++)
		if (is_told(r.all[i].cmd))
			sent = check(&r.all[i], sent);
	assert_null(next_told(sent));
	print_message("%s/%s: %u requests\n", version, name, n_told);
	close_all();
	gw_recording_free(&r.recording);
}

EACH_VERSION(replay);

int main(void)
{
	return cmocka_run_group_tests(version_tests, NULL, NULL);
}
