/* Computing graphs. */
#include "device/graph/graph.h"
#include "device/commands/commands.h"
#include "wire/message.h"

/* Memory for a body grows with what has arrived, not with what was announced. */
#define FIRST_READ ((uint64_t)256 << 10)

/* A body buffer larger than this is given back after use. */
#define KEEP_MAX ((size_t)16 << 20)

/* Graphs that were replaced, while the device may still compute them, before it is waited for. */
#define RETIRED_MAX 64

/* device: whose graph it will be; NULL: it is not a graph. */
static bool has_room(struct gw_session *s, struct gw_device *device, uint64_t bytes)
{
	return bytes <= gw_budget_left(&s->budget) && (!device || gw_graph_cache_has_room(&device->graphs, bytes));
}

/* Drops a graph, of this device first. */
static bool evict(struct gw_session *s, struct gw_device *device)
{
	bool dropped = device && gw_graph_cache_evict(&device->graphs);

	for (size_t i = 0; !dropped && i < s->server->n_devices; i++)
		dropped = gw_graph_cache_evict(&s->devices[i].graphs);
	return dropped;
}

/* A client of llama.cpp comes back to few of its graphs, and cannot say to which. */
void gw_make_room(struct gw_session *s, struct gw_device *device, uint64_t bytes)
{
	if (has_room(s, device, bytes))
		return;
	gw_session_synchronize(s);
	while (!has_room(s, device, bytes) && evict(s, device))
		;
}

static enum gw_status read_body(struct gw_session *s, struct gw_error *err)
{
	struct gw_buf *body = &s->body;
	uint64_t size = gw_connection_left(s->peer);

	gw_make_room(s, NULL, size > s->body_taken ? size - s->body_taken : 0);
	if (!gw_budget_resize(&s->budget, &s->body_taken, size > body->capacity ? size : body->capacity))
		return gw_budget_refuse(&s->budget, size, "the request", err);
	body->len = 0;
	while (gw_connection_left(s->peer) > 0) {
		uint64_t n = body->len > FIRST_READ ? body->len : FIRST_READ;
		if (n > gw_connection_left(s->peer))
			n = gw_connection_left(s->peer);
		if (gw_buf_reserve(body, n) != GW_OK)
			return gw_error_set(
				err, GW_ERR_NOMEM, "no memory for %llu more bytes of a graph", (unsigned long long)n);
		enum gw_status st = gw_connection_read(s->peer, body->data + body->len, n, err);
		if (st != GW_OK)
			return st;
		body->len += n;
	}
	return GW_OK;
}

/* Keeps the graph, so that it is there while the device computes it, and launches it. */
static enum gw_status keep_and_launch(
	struct gw_session *s, struct gw_device *device, uint64_t uid, struct gw_graph *graph, struct gw_error *err)
{
	if (device->graphs.n_retired >= RETIRED_MAX)
		gw_device_synchronize(device);
	enum gw_status st = gw_graph_cache_put(&device->graphs, uid, graph);
	if (st != GW_OK) {
		gw_graph_free(graph);
		return gw_error_set(err, st,
			st == GW_ERR_LIMIT ? "the graph alone holds too much memory" : "no memory to keep a graph");
	}
	s->loading = 0;
	s->computed = true;
	return gw_device_launch(device, graph, err);
}

static enum gw_status compute(struct gw_session *s, const struct gw_buf *body, struct gw_error *err)
{
	struct gw_wire_graph wire;
	struct gw_graph *graph;

	if (!gw_wire_graph_decode(s->dialect, body->data, body->len, &wire))
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "%zu bytes do not hold the nodes and tensors they announce", body->len);
	struct gw_device *device = gw_session_device(s, wire.device, err);
	if (!device)
		return GW_ERR_PROTOCOL;
	gw_make_room(s, device, gw_graph_build_bytes(wire.n_nodes, wire.n_tensors));
	struct gw_graph_source source = {.dialect = s->dialect,
		.opmap = s->opmap,
		.buffers = &s->buffers,
		.budget = &s->budget,
		.dev = device->dev};
	enum gw_status st = gw_graph_build(&source, &wire, &graph, err);
	return st == GW_OK ? keep_and_launch(s, device, wire.uid, graph, err) : st;
}

enum gw_status gw_do_graph_compute(struct gw_session *s, struct gw_error *err)
{
	enum gw_status st = read_body(s, err);

	if (st == GW_OK)
		st = compute(s, &s->body, err);
	if (s->body.capacity > KEEP_MAX || !gw_budget_resize(&s->budget, &s->body_taken, s->body.capacity)) {
		gw_buf_free(&s->body);
		gw_budget_resize(&s->budget, &s->body_taken, 0);
	}
	return st;
}

enum gw_status gw_do_graph_recompute(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_wire_recompute_req req;

	if (!gw_wire_recompute_req_decode(s->dialect, body, size, &req))
		return gw_refuse_body(size, err);
	struct gw_device *device = gw_session_device(s, req.device, err);
	if (!device)
		return GW_ERR_PROTOCOL;
	/* A graph without a number is kept only where the protocol has no numbers. */
	struct gw_graph *graph = NULL;
	if (req.uid != 0 || !s->dialect->graph_uid)
		graph = gw_graph_cache_get(&device->graphs, req.uid);
	if (!graph)
		return gw_error_set(err, GW_ERR_PROTOCOL,
			"graph %llu of device %u is not cached: it was never sent, its buffers were freed, or it "
			"made room for others",
			(unsigned long long)req.uid, req.device);
	s->computed = true;
	return gw_device_launch(device, graph, err);
}
