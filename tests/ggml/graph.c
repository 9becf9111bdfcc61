/* We read and write the private members of a graph as ggml does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ggml/abi.h"
#include "ggml/layout.h"

#define N_NODES 500
#define CAPACITY ((size_t)2 * N_NODES)

static struct ggml_context *new_context(void)
{
	struct ggml_init_params params = {
		.mem_size = ggml_tensor_overhead() * (CAPACITY + 16) + 2 * ggml_graph_overhead_custom(CAPACITY, false),
		.no_alloc = true,
	};
	return ggml_init(params);
}

/* Node i adds the first tensor to node i - 1. */
static struct ggml_cgraph *new_chain(struct ggml_context *ctx, struct ggml_tensor *first, struct ggml_tensor **last)
{
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, CAPACITY, false);
	struct ggml_tensor *t = first;

	for (int i = 0; i < N_NODES; i++)
		t = ggml_add(ctx, t, first);
	ggml_build_forward_expand(graph, t);
	*last = t;
	return graph;
}

static void test_use_counts_of_a_chain(void **state)
{
	(void)state;
	struct ggml_context *ctx = new_context();
	struct ggml_tensor *first = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 4);
	struct ggml_tensor *last;
	struct ggml_cgraph *graph = new_chain(ctx, first, &last);

	assert_int_equal(ggml_graph_n_nodes(graph), N_NODES);
	for (int i = 0; i < N_NODES; i++) {
		struct ggml_tensor *node = ggml_graph_node(graph, i);
		assert_int_equal(gw_abi_graph_use_count(graph, node), node == last ? 0 : 1);
	}
	assert_int_equal(gw_abi_graph_use_count(graph, first), N_NODES + 1);
	ggml_free(ctx);
}

static void test_unknown_tensor_is_unused(void **state)
{
	(void)state;
	struct ggml_context *ctx = new_context();
	struct ggml_tensor *first = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 4);
	struct ggml_tensor *stranger = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 4);
	struct ggml_tensor *last;
	struct ggml_cgraph *graph = new_chain(ctx, first, &last);

	assert_int_equal(gw_abi_graph_use_count(graph, stranger), 0);
	ggml_free(ctx);
}

static void test_uid_is_read(void **state)
{
	(void)state;
	struct ggml_context *ctx = new_context();
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 8, false);

	assert_int_equal(gw_abi_graph_uid(graph), 0);
	graph->uid = UINT64_C(0x1122334455667788);
	assert_true(gw_abi_graph_uid(graph) == UINT64_C(0x1122334455667788));
	ggml_free(ctx);
}

static void test_entered_count_is_found_by_ggml_and_us(void **state)
{
	(void)state;
	struct ggml_context *ctx = new_context();
	struct ggml_tensor *first = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 4);
	struct ggml_tensor *sum = ggml_add(ctx, first, first);
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 8, false);

	assert_true(gw_abi_graph_set_use_count(graph, sum, 3));
	assert_int_equal(gw_abi_graph_use_count(graph, sum), 3);
	assert_false(gw_abi_graph_set_use_count(graph, sum, 4));
	assert_int_equal(gw_abi_graph_use_count(graph, sum), 3);
	/* ggml treats tensors in the hash set as visited. */
	ggml_build_forward_expand(graph, sum);
	assert_int_equal(ggml_graph_n_nodes(graph), 0);
	ggml_free(ctx);
}

static void test_full_set_is_refused(void **state)
{
	(void)state;
	struct ggml_context *ctx = new_context();
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 8, false);
	size_t n = graph->visited_hash_set.size;

	for (size_t i = 0; i < n; i++)
		assert_true(gw_abi_graph_set_use_count(graph, ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 4), 1));
	struct ggml_tensor *more = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 4);
	assert_false(gw_abi_graph_set_use_count(graph, more, 1));
	assert_int_equal(gw_abi_graph_use_count(graph, more), 0);
	ggml_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_use_counts_of_a_chain),
		cmocka_unit_test(test_unknown_tensor_is_unused),
		cmocka_unit_test(test_uid_is_read),
		cmocka_unit_test(test_entered_count_is_found_by_ggml_and_us),
		cmocka_unit_test(test_full_set_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
