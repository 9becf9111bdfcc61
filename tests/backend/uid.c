/* The client reruns a graph by uid if the server has it, and both agree on which graphs the server has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backend/scene.h"

static void compute(struct scene *s, uint64_t uid)
{
	scene_set_uid(s, uid);
	assert_int_equal(ggml_backend_graph_compute(s->backend, s->graph), GGML_STATUS_SUCCESS);
}

static void expect(struct scene *s, size_t computes, size_t recomputes)
{
	assert_int_equal(fake_count(&s->fake, GW_CMD_GRAPH_COMPUTE), computes);
	assert_int_equal(fake_count(&s->fake, GW_CMD_GRAPH_RECOMPUTE), recomputes);
}

static void open_stock(struct scene *s)
{
	fake_init(&s->fake);
	scene_open(s);
}

static void test_second_time_sends_only_the_uid(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	compute(&s, 5);
	compute(&s, 5);
	compute(&s, 6);
	compute(&s, 5);
	expect(&s, 2, 2);
	scene_close(&s);
}

/* The uid under which the server got its number'th graph. */
static uint64_t uid_of(struct scene *s, size_t number)
{
	struct gw_wire_graph g;
	const struct fake_request *r = fake_request(&s->fake, GW_CMD_GRAPH_COMPUTE, number);

	assert_true(gw_wire_graph_decode(&gw_dialect_8_0, r->body, r->size, &g));
	return g.uid;
}

/* The first time it is sent as stock clients send it, the second time under a uid. */
static void test_same_graph_without_uid_is_kept(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	compute(&s, 0);
	expect(&s, 1, 0);
	compute(&s, 0);
	expect(&s, 2, 0);
	compute(&s, 0);
	compute(&s, 5);
	compute(&s, 0);
	expect(&s, 3, 2);
	assert_int_equal(uid_of(&s, 0), 0);
	assert_int_equal(uid_of(&s, 1), UINT64_MAX);
	scene_close(&s);
}

/* Any difference counts, and no other graph is taken for the one that the server keeps. */
static void test_another_graph_without_uid_is_sent(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	for (int i = 0; i < 3; i++)
		compute(&s, 0);
	expect(&s, 2, 1);
	s.sum->op_params[15] = 1;
	compute(&s, 0);
	expect(&s, 3, 1);
	s.sum->op_params[15] = 0;
	compute(&s, 0);
	expect(&s, 4, 1);
	assert_int_equal(uid_of(&s, 3), 0);
	scene_close(&s);
}

static void test_graph_without_uid_is_sent_again_after_a_free(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	for (int i = 0; i < 3; i++)
		compute(&s, 0);
	ggml_backend_buffer_free(ggml_backend_alloc_buffer(s.backend, 64));
	compute(&s, 0);
	compute(&s, 0);
	expect(&s, 3, 2);
	scene_close(&s);
}

static void test_stock_mode_sends_every_graph_without_uid(void **state)
{
	(void)state;
	struct scene s;

	setenv("GGML_RPC_STOCK", "1", 1);
	open_stock(&s);
	for (int i = 0; i < 3; i++)
		compute(&s, 0);
	expect(&s, 3, 0);
	assert_int_equal(uid_of(&s, 2), 0);
	scene_close(&s);
	unsetenv("GGML_RPC_STOCK");
}

/* The server clears its table when a graph arrives while the table holds 1024, even if the graph is one of them. */
static void test_table_is_cleared_at_1024(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	for (uint64_t uid = 1; uid <= 1024; uid++)
		compute(&s, uid);
	compute(&s, 1);
	compute(&s, 1024);
	expect(&s, 1024, 2);
	compute(&s, 1025);
	compute(&s, 1025);
	expect(&s, 1025, 3);
	compute(&s, 1);
	expect(&s, 1026, 3);
	scene_close(&s);
}

static void free_some_buffer(struct scene *s)
{
	ggml_backend_buffer_free(ggml_backend_alloc_buffer(s->backend, 64));
}

static void test_freed_buffer_makes_graphs_stale(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	compute(&s, 5);
	free_some_buffer(&s);
	compute(&s, 5);
	compute(&s, 5);
	expect(&s, 2, 1);
	scene_close(&s);
}

/* Resending a graph replaces it: the count stays the same, but a full table is cleared first. */
static void test_stale_graphs_still_count(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	for (uint64_t uid = 1; uid <= 1023; uid++)
		compute(&s, uid);
	free_some_buffer(&s);
	compute(&s, 1);    /* resent: still 1023 */
	compute(&s, 1024); /* 1024 */
	compute(&s, 1);
	expect(&s, 1025, 1);
	compute(&s, 2); /* stale and resent: the table is cleared, 1 */
	compute(&s, 1);
	expect(&s, 1027, 1);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_time_sends_only_the_uid),
		cmocka_unit_test(test_same_graph_without_uid_is_kept),
		cmocka_unit_test(test_another_graph_without_uid_is_sent),
		cmocka_unit_test(test_graph_without_uid_is_sent_again_after_a_free),
		cmocka_unit_test(test_stock_mode_sends_every_graph_without_uid),
		cmocka_unit_test(test_table_is_cleared_at_1024),
		cmocka_unit_test(test_freed_buffer_makes_graphs_stale),
		cmocka_unit_test(test_stale_graphs_still_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
