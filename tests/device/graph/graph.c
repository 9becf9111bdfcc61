/* Graphs give the right numbers, can be recomputed by number, and are counted as clients count them. */
#include "device/raw.h"

#include <stdlib.h>
#include <string.h>

#include "device/graph/graph.h"
#include "device/graph/graph_cache.h"
#include "ggml/abi.h"

/* y = W x + bias. W has 4 rows of 8. All tensors lie in two buffers. */
struct model {
	struct rig_buffer weights, work;
	struct gw_wire_tensor w, x, bias, product, y;
	struct gw_wire_tensor all[5];
	uint64_t nodes[2];
};

static void model_make(struct model *m, struct rig_buffer weights, struct rig_buffer work)
{
	m->weights = weights;
	m->work = work;
	m->w = rig_tensor(rig_type("f32"), &m->weights, 0, 8, 4);
	m->bias = rig_tensor(rig_type("f32"), &m->weights, 1024, 4, 1);
	m->x = rig_tensor(rig_type("f32"), &m->work, 0, 8, 1);
	m->product = rig_tensor(rig_type("f32"), &m->work, 256, 4, 1);
	m->y = rig_tensor(rig_type("f32"), &m->work, 512, 4, 1);
	m->product.op = rig_op("MUL_MAT");
	m->product.src[0] = m->w.id;
	m->product.src[1] = m->x.id;
	m->product.use_count = 1;
	m->y.op = rig_op("ADD");
	m->y.src[0] = m->product.id;
	m->y.src[1] = m->bias.id;
	memcpy(m->all, (struct gw_wire_tensor[]){m->w, m->x, m->product, m->bias, m->y}, sizeof(m->all));
	m->nodes[0] = m->product.id;
	m->nodes[1] = m->y.id;
}

static void model_load(struct gw_client *c, const struct model *m)
{
	float w[32], bias[4];

	for (int i = 0; i < 32; i++)
		w[i] = (float)i;
	for (int i = 0; i < 4; i++)
		bias[i] = (float)(100 * i);
	rig_set(c, &m->w, 0, w, sizeof(w));
	rig_set(c, &m->bias, 0, bias, sizeof(bias));
}

static void set_input(struct gw_client *c, const struct model *m, float value)
{
	float x[8];

	for (int i = 0; i < 8; i++)
		x[i] = value;
	rig_set(c, &m->x, 0, x, sizeof(x));
}

/* Row i of W sums to 64 i + 28. */
static void expect_output(struct gw_client *c, const struct model *m, float value)
{
	float y[4];

	rig_get(c, &m->y, 0, y, sizeof(y));
	for (int i = 0; i < 4; i++)
		assert_float_equal(y[i], value * (float)(64 * i + 28) + (float)(100 * i), 1e-3f);
}

static void compute(struct gw_client *c, const struct model *m, uint64_t uid)
{
	rig_compute(c, uid, m->nodes, 2, m->all, 5);
}

struct state {
	struct gw_server *server;
	struct rig rig;
	struct gw_client *client;
	struct model model;
};

static int setup(void **out)
{
	static struct state st;
	struct gw_server_options options = rig_options();

	st.server = rig_server(&options);
	st.client = rig_client(&st.rig, st.server);
	model_make(&st.model, rig_alloc(st.client, 4096), rig_alloc(st.client, 4096));
	model_load(st.client, &st.model);
	*out = &st;
	return 0;
}

static int teardown(void **in)
{
	struct state *st = *in;

	rig_leave(&st->rig, st->client);
	gw_server_free(st->server);
	return 0;
}

static void graphs_are_computed_and_recomputed(void **in)
{
	struct state *st = *in;

	set_input(st->client, &st->model, 1);
	compute(st->client, &st->model, 7);
	expect_output(st->client, &st->model, 1);
	set_input(st->client, &st->model, -2);
	rig_recompute(st->client, 7);
	expect_output(st->client, &st->model, -2);
}

static void graphs_without_a_number_are_computed(void **in)
{
	struct state *st = *in;

	for (int i = 0; i < 200; i++) {
		if (i % 50 == 0)
			set_input(st->client, &st->model, (float)i);
		compute(st->client, &st->model, 0);
	}
	expect_output(st->client, &st->model, 150);
}

static void empty_graphs_are_computed(void **in)
{
	struct state *st = *in;

	rig_compute(st->client, 1, NULL, 0, NULL, 0);
	rig_recompute(st->client, 1);
	rig_get(st->client, &st->model.y, 0, NULL, 0);
}

/* test-backend-ops repeats a node to time an operation. */
static void a_node_may_occur_again(void **in)
{
	struct state *st = *in;
	uint64_t nodes[4] = {st->model.nodes[0], st->model.nodes[1], st->model.nodes[1], st->model.nodes[1]};

	set_input(st->client, &st->model, 3);
	rig_compute(st->client, 1, nodes, 4, st->model.all, 5);
	expect_output(st->client, &st->model, 3);
}

/* ggml_cast makes the result one of its own sources. */
static void a_cast_may_name_itself(void **in)
{
	struct state *st = *in;
	struct gw_wire_tensor half = rig_tensor(rig_type("f16"), &st->model.work, 1024, 8, 1);
	struct gw_wire_tensor tensors[2];
	uint16_t got[8];

	half.op = rig_op("CPY");
	half.src[0] = st->model.x.id;
	half.src[1] = half.id;
	tensors[0] = st->model.x;
	tensors[1] = half;
	set_input(st->client, &st->model, 1);
	rig_compute(st->client, 1, &half.id, 1, tensors, 2);
	rig_get(st->client, &half, 0, got, sizeof(got));
	assert_int_equal(got[0], 0x3c00);
	assert_int_equal(got[7], 0x3c00);
}

/* Operations without the flag COMPUTE belong to the graph, but are not computed and need no memory. */
static void nodes_without_the_compute_flag_are_skipped(void **in)
{
	struct state *st = *in;
	struct gw_wire_tensor idle = rig_tensor(rig_type("f32"), NULL, 0, 4, 1);
	struct gw_wire_tensor tensors[6];
	uint64_t nodes[3] = {idle.id, st->model.nodes[0], st->model.nodes[1]};

	idle.op = rig_op("SQR");
	idle.flags = 0;
	idle.src[0] = st->model.bias.id;
	memcpy(tensors, st->model.all, sizeof(st->model.all));
	tensors[5] = idle;
	set_input(st->client, &st->model, 2);
	rig_compute(st->client, 1, nodes, 3, tensors, 6);
	expect_output(st->client, &st->model, 2);
}

/* Views, one of them empty and at the very end, and a tensor outside the graph that is only viewed. */
static void views_are_followed(void **in)
{
	struct state *st = *in;
	struct gw_wire_tensor half = rig_tensor(rig_type("f32"), &st->model.weights, 64, 8, 2);
	struct gw_wire_tensor none = rig_tensor(rig_type("f32"), &st->model.weights, 128, 8, 0);
	struct gw_wire_tensor far = rig_tensor(rig_type("f32"), NULL, 0, 8, 2);
	struct gw_wire_tensor far_view = rig_tensor(rig_type("f32"), NULL, 0, 8, 1);
	struct gw_wire_tensor out = rig_tensor(rig_type("f32"), &st->model.work, 1024, 2, 1);
	float got[2];

	half.op = none.op = far_view.op = rig_op("VIEW");
	half.src[0] = none.src[0] = half.view_src = none.view_src = st->model.w.id;
	half.view_offs = 64;
	none.view_offs = 128;
	far_view.src[0] = far_view.view_src = far.id;
	far_view.view_offs = 32;
	out.op = rig_op("MUL_MAT");
	out.src[0] = half.id;
	out.src[1] = st->model.x.id;
	struct gw_wire_tensor tensors[] = {st->model.w, st->model.x, half, none, far, far_view, out};
	uint64_t nodes[] = {half.id, none.id, far_view.id, out.id};
	set_input(st->client, &st->model, 1);
	rig_compute(st->client, 1, nodes, 4, tensors, 7);
	rig_get(st->client, &out, 0, got, sizeof(got));
	assert_float_equal(got[0], 64 * 2 + 28, 1e-3f);
	assert_float_equal(got[1], 64 * 3 + 28, 1e-3f);
}

static void graphs_outlive_other_buffers(void **in)
{
	struct state *st = *in;
	struct rig_buffer other = rig_alloc(st->client, 4096);
	struct model second;

	model_make(&second, other, st->model.work);
	compute(st->client, &st->model, 1);
	compute(st->client, &second, 2);
	rig_free(st->client, &other);
	set_input(st->client, &st->model, 5);
	rig_recompute(st->client, 1);
	expect_output(st->client, &st->model, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A raw client, so that the tests can examine refusals. */
struct raw_state {
	struct gw_server *server;
	struct raw raw;
	struct model model;
};

static int raw_setup(void **out)
{
	static struct raw_state st;
	struct gw_server_options options = rig_options();

	st.server = rig_server(&options);
	raw_start(&st.raw, st.server, &gw_dialect_8_0);
	model_make(&st.model, raw_alloc(&st.raw, 4096), raw_alloc(&st.raw, 4096));
	*out = &st;
	return 0;
}

static int raw_teardown(void **in)
{
	gw_server_free(((struct raw_state *)*in)->server);
	return 0;
}

static void raw_compute(struct raw_state *st, uint64_t uid)
{
	size_t size;
	void *body = rig_graph(&gw_dialect_8_0, 0, uid, st->model.nodes, 2, st->model.all, 5, &size);

	raw_send(&st->raw, GW_CMD_GRAPH_COMPUTE, body, size);
	free(body);
}

static void raw_recompute(struct raw_state *st, uint64_t uid)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_recompute_req req = {.uid = uid};

	raw_send(&st->raw, GW_CMD_GRAPH_RECOMPUTE, out, gw_wire_recompute_req_encode(&gw_dialect_8_0, &req, out));
}

static void raw_free(struct raw_state *st, const struct rig_buffer *b)
{
	uint8_t out[GW_WIRE_MAX_FIXED];

	raw_send(&st->raw, GW_CMD_FREE_BUFFER, out, gw_wire_buffer_req_encode(b->handle, out));
}

static void graphs_of_freed_buffers_are_gone(void **in)
{
	struct raw_state *st = *in;

	raw_compute(st, 1);
	raw_free(st, &st->model.weights);
	raw_recompute(st, 1);
	raw_end_refused(&st->raw, GW_ERR_PROTOCOL, "GRAPH_RECOMPUTE", "graph 1 of device 0");
}

static void graphs_without_a_number_are_not_kept(void **in)
{
	struct raw_state *st = *in;

	raw_compute(st, 0);
	raw_recompute(st, 0);
	raw_end_refused(&st->raw, GW_ERR_PROTOCOL, "GRAPH_RECOMPUTE", "graph 0");
}

static void fill_cache(struct raw_state *st)
{
	for (uint64_t uid = 1; uid <= GW_GRAPH_CACHE_MAX; uid++)
		raw_compute(st, uid);
}

/* A known number replaces its graph without freeing an entry: the next new number clears the cache. */
static void all_graphs_are_kept_up_to_the_limit(void **in)
{
	struct raw_state *st = *in;

	fill_cache(st);
	for (uint64_t uid = 1; uid <= GW_GRAPH_CACHE_MAX; uid++)
		raw_recompute(st, uid);
	raw_end_clean(&st->raw);
}

static void one_graph_more_clears_all_others(void **in)
{
	struct raw_state *st = *in;

	fill_cache(st);
	raw_compute(st, 5000);
	raw_recompute(st, 5000);
	raw_recompute(st, GW_GRAPH_CACHE_MAX);
	raw_end_refused(&st->raw, GW_ERR_PROTOCOL, "GRAPH_RECOMPUTE", "graph 1024");
}

/* At the limit even a known number clears the cache first: both sides check the count before the number. */
static void a_known_graph_at_the_limit_clears_too(void **in)
{
	struct raw_state *st = *in;

	fill_cache(st);
	raw_compute(st, 3);
	raw_recompute(st, 3);
	raw_recompute(st, 4);
	raw_end_refused(&st->raw, GW_ERR_PROTOCOL, "GRAPH_RECOMPUTE", "graph 4 ");
}

/* Entries whose buffers were freed still count. */
static void dropped_graphs_are_counted(void **in)
{
	struct raw_state *st = *in;
	struct rig_buffer weights = raw_alloc(&st->raw, 4096);

	fill_cache(st);
	raw_free(st, &st->model.weights);
	model_make(&st->model, weights, st->model.work);
	raw_compute(st, 5000);
	raw_compute(st, 5001);
	raw_recompute(st, 5000);
	raw_recompute(st, 1);
	raw_end_refused(&st->raw, GW_ERR_PROTOCOL, "GRAPH_RECOMPUTE", "graph 1 ");
}

/* Row numbers from a sort are not checked before they are used, so no device may merge the sort into another node. */
static void sorts_have_no_use_counts(void **state)
{
	struct gw_buffers buffers;
	struct gw_buffer *memory;
	struct gw_error err = {0};
	struct gw_wire_graph wire;
	struct gw_graph *graph;
	size_t size;

	(void)state;
	gw_buffers_init(&buffers, NULL);
	assert_int_equal(gw_buffers_alloc(&buffers, rig_cpu(), 4096, &memory), GW_OK);
	const struct rig_buffer buffer = {memory->handle, memory->vbase, memory->size};
	struct gw_wire_tensor all[3] = {
		rig_tensor(rig_type("f32"), &buffer, 0, 8, 4),
		rig_tensor(rig_type("f32"), &buffer, 256, 8, 4),
		rig_tensor(rig_type("i32"), &buffer, 512, 8, 4),
	};
	all[1].op = rig_op("SOFT_MAX");
	all[1].src[0] = all[0].id;
	all[1].op_params[0] = 0x3f800000; /* 1.0f */
	all[2].op = rig_op("ARGSORT");
	all[2].src[0] = all[1].id;
	all[1].use_count = all[2].use_count = 1;
	const uint64_t nodes[2] = {all[1].id, all[2].id};
	void *body = rig_graph(&gw_dialect_8_0, 0, 1, nodes, 2, all, 3, &size);
	assert_true(gw_wire_graph_decode(&gw_dialect_8_0, body, size, &wire));
	const struct gw_graph_source source = {.dialect = &gw_dialect_8_0,
		.opmap = gw_opmap_for(&gw_dialect_8_0),
		.buffers = &buffers,
		.dev = rig_cpu()};
	if (gw_graph_build(&source, &wire, &graph, &err) != GW_OK)
		fail_msg("%s", err.text);
	struct ggml_cgraph *built = gw_graph_cgraph(graph);
	assert_int_equal(gw_abi_graph_use_count(built, ggml_graph_node(built, 0)), 1);
	assert_int_equal(gw_abi_graph_use_count(built, ggml_graph_node(built, 1)), 0);
	gw_graph_free(graph);
	free(body);
	gw_buffers_free(&buffers);
}

#define RAW(name) cmocka_unit_test_setup_teardown(name, raw_setup, raw_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(graphs_are_computed_and_recomputed),
		TEST(graphs_without_a_number_are_computed),
		TEST(empty_graphs_are_computed),
		TEST(a_node_may_occur_again),
		TEST(a_cast_may_name_itself),
		TEST(nodes_without_the_compute_flag_are_skipped),
		TEST(views_are_followed),
		TEST(graphs_outlive_other_buffers),
		cmocka_unit_test(sorts_have_no_use_counts),
		RAW(graphs_of_freed_buffers_are_gone),
		RAW(graphs_without_a_number_are_not_kept),
		RAW(all_graphs_are_kept_up_to_the_limit),
		RAW(one_graph_more_clears_all_others),
		RAW(a_known_graph_at_the_limit_clears_too),
		RAW(dropped_graphs_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
