/* The client encodes graphs as stock clients do: sources first, each tensor once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "backend/backend_state.h"
#include "backend/graph.h"
#include "backend/scene.h"
#include "wire/message.h"

static void decode(struct fake *f, size_t index, struct gw_wire_graph *g)
{
	const struct fake_request *r = fake_request(f, GW_CMD_GRAPH_COMPUTE, index);

	assert_non_null(r);
	assert_true(gw_wire_graph_decode(&gw_dialect_newest, r->body, r->size, g));
}

static void tensor_at(const struct gw_wire_graph *g, uint32_t i, struct gw_wire_tensor *t)
{
	gw_wire_graph_tensor(&gw_dialect_newest, g, i, t);
}

static uint64_t id_of(const struct ggml_tensor *t)
{
	return (uint64_t)(uintptr_t)t;
}

static void test_sources_come_before_what_needs_them(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_graph g;
	struct gw_wire_tensor t;

	fake_init(&s.fake);
	scene_open(&s);
	scene_set_uid(&s, 77);
	assert_int_equal(ggml_backend_graph_compute(s.backend, s.graph), GGML_STATUS_SUCCESS);
	decode(&s.fake, 0, &g);
	assert_int_equal(g.device, 0);
	assert_int_equal(g.uid, 77);
	assert_int_equal(g.n_nodes, 1);
	assert_int_equal(g.n_tensors, 3);
	assert_true(gw_wire_graph_node_id(&g, 0) == id_of(s.sum));
	tensor_at(&g, 0, &t);
	assert_true(t.id == id_of(s.a));
	assert_int_equal(t.use_count, 1);
	tensor_at(&g, 1, &t);
	assert_true(t.id == id_of(s.b));
	tensor_at(&g, 2, &t);
	assert_true(t.id == id_of(s.sum));
	assert_int_equal(t.op, gw_names_find(&gw_ops_101, "ADD"));
	assert_true(t.src[0] == id_of(s.a) && t.src[1] == id_of(s.b) && t.src[2] == 0);
	assert_int_equal(t.buffer, 1);
	assert_true(t.data == (uint64_t)(uintptr_t)s.sum->data);
	scene_close(&s);
}

static void test_viewed_tensor_comes_after_sources(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_graph g;
	struct gw_wire_tensor t;

	fake_init(&s.fake);
	scene_open(&s);
	struct ggml_context *ctx = scene_context(8, 8);
	struct ggml_tensor *view = ggml_view_1d(ctx, s.b, 4, 16);
	struct ggml_tensor *copy = ggml_cpy(ctx, ggml_view_1d(ctx, s.a, 4, 0), view);
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 8, false);
	ggml_graph_add_node(graph, copy);
	assert_int_equal(ggml_backend_graph_compute(s.backend, graph), GGML_STATUS_SUCCESS);
	decode(&s.fake, 0, &g);
	assert_int_equal(g.n_nodes, 1);
	/* a, its view, b, its view, and the copy, which is also a view of b */
	assert_int_equal(g.n_tensors, 5);
	const uint64_t order[] = {id_of(s.a), id_of(copy->src[0]), id_of(s.b), id_of(view), id_of(copy)};
	for (uint32_t i = 0; i < 5; i++) {
		tensor_at(&g, i, &t);
		assert_true(t.id == order[i]);
	}
	assert_true(t.view_src == id_of(s.b));
	assert_int_equal(t.view_offs, 16);
	ggml_free(ctx);
	scene_close(&s);
}

static void test_shared_tensors_are_sent_once(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_graph g;

	fake_init(&s.fake);
	scene_open(&s);
	struct ggml_context *ctx = scene_context(64, 64);
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 64, false);
	struct ggml_tensor *t = s.a;
	for (int i = 0; i < 20; i++)
		t = ggml_add(ctx, t, t);
	ggml_build_forward_expand(graph, t);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ggml_backend_graph_compute(s.backend, graph), GGML_STATUS_SUCCESS);
		decode(&s.fake, (size_t)i, &g);
		assert_int_equal(g.n_nodes, 20);
		assert_int_equal(g.n_tensors, 21);
	}
	ggml_free(ctx);
	scene_close(&s);
}

/* Recursion over this chain would overflow a thread's stack. */
static void test_deep_chain_needs_no_stack(void **state)
{
	(void)state;
	enum {
		N = 200000
	};
	struct scene s;
	struct gw_graph_encoder encoder = {0};
	struct gw_error err;

	fake_init(&s.fake);
	scene_open(&s);
	struct ggml_tensor *chain = calloc(N, sizeof(*chain));
	for (size_t i = 0; i < N; i++) {
		chain[i] = *s.sum;
		chain[i].src[0] = i ? &chain[i - 1] : NULL;
		chain[i].src[1] = NULL;
	}
	struct ggml_context *ctx = scene_context(8, 8);
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 8, false);
	ggml_graph_add_node(graph, &chain[N - 1]);
	assert_int_equal(gw_graph_encode(&encoder, gw_backend_of(s.backend)->conn, 0, 0, graph, &err), GW_OK);
	assert_int_equal(encoder.n_order, N);
	assert_ptr_equal(encoder.order[0], &chain[0]);
	assert_ptr_equal(encoder.order[N - 1], &chain[N - 1]);
	gw_graph_encoder_free(&encoder);
	ggml_free(ctx);
	free(chain);
	scene_close(&s);
}

static void test_other_memory_has_no_place(void **state)
{
	(void)state;
	struct scene s, other;
	struct gw_wire_graph g;
	struct gw_wire_tensor t;

	fake_init(&s.fake);
	scene_open(&s);
	fake_init(&other.fake);
	scene_open(&other);
	s.sum->src[0] = other.a;
	assert_int_equal(ggml_backend_graph_compute(s.backend, s.graph), GGML_STATUS_SUCCESS);
	decode(&s.fake, 0, &g);
	tensor_at(&g, 0, &t);
	assert_true(t.id == id_of(other.a));
	assert_int_equal(t.buffer, 0);
	assert_int_equal(t.data, 0);
	tensor_at(&g, 1, &t);
	assert_int_equal(t.buffer, 1);
	scene_close(&s);
	scene_close(&other);
}

static void refused(struct scene *s)
{
	size_t before = fake_count(&s->fake, GW_CMD_GRAPH_COMPUTE);
	assert_int_equal(ggml_backend_graph_compute(s->backend, s->graph), GGML_STATUS_FAILED);
	ggml_backend_synchronize(s->backend);
	assert_int_equal(fake_count(&s->fake, GW_CMD_GRAPH_COMPUTE), before);
}

static void test_inexpressible_graphs_are_refused(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	scene_open(&s);
	s.sum->op = GGML_OP_MAP_CUSTOM1;
	refused(&s);
	s.sum->op = GGML_OP_ADD;
	s.sum->ne[0] = INT64_C(1) << 33;
	refused(&s);
	s.sum->ne[0] = 8;
	s.sum->ne[1] = 2;
	s.sum->nb[1] = (size_t)1 << 33;
	refused(&s);
	s.sum->ne[1] = 1;
	assert_int_equal(ggml_backend_graph_compute(s.backend, s.graph), GGML_STATUS_SUCCESS);
	scene_close(&s);
}

static void test_empty_graph_is_not_sent(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	scene_open(&s);
	struct ggml_context *ctx = scene_context(8, 8);
	assert_int_equal(
		ggml_backend_graph_compute(s.backend, ggml_new_graph_custom(ctx, 8, false)), GGML_STATUS_SUCCESS);
	assert_int_equal(fake_count(&s.fake, GW_CMD_GRAPH_COMPUTE), 0);
	ggml_free(ctx);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources_come_before_what_needs_them),
		cmocka_unit_test(test_viewed_tensor_comes_after_sources),
		cmocka_unit_test(test_shared_tensors_are_sent_once),
		cmocka_unit_test(test_deep_chain_needs_no_stack),
		cmocka_unit_test(test_other_memory_has_no_place),
		cmocka_unit_test(test_inexpressible_graphs_are_refused),
		cmocka_unit_test(test_empty_graph_is_not_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
