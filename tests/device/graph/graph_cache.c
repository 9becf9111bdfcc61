/* The memory of cached graphs is bounded, whatever their number. */
#include "device/graph/graph_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/graph/graph.h"

/* A graph without nodes. */
static struct gw_graph *make(void)
{
	struct gw_buffers buffers = {0};
	struct gw_graph_source source = {
		.dialect = &gw_dialect_8_0, .opmap = gw_opmap_for(&gw_dialect_8_0), .buffers = &buffers};
	struct gw_wire_graph wire = {0};
	struct gw_graph *graph = NULL;

	assert_int_equal(gw_graph_build(&source, &wire, &graph, NULL), GW_OK);
	assert_true(gw_graph_bytes(graph) > 0);
	return graph;
}

static void put(struct gw_graph_cache *cache, uint64_t uid)
{
	assert_int_equal(gw_graph_cache_put(cache, uid, make()), GW_OK);
}

static void refuse(struct gw_graph_cache *cache, uint64_t uid)
{
	struct gw_graph *graph = make();

	assert_int_equal(gw_graph_cache_put(cache, uid, graph), GW_ERR_LIMIT);
	assert_true(gw_graph_cache_get(cache, uid) != graph);
	gw_graph_free(graph);
}

static void bytes_are_bounded(void **state)
{
	(void)state;
	struct gw_graph_cache cache = {0};
	struct gw_graph *one = make();

	cache.max_bytes = 3 * gw_graph_bytes(one);
	gw_graph_free(one);
	put(&cache, 0);
	put(&cache, 1);
	put(&cache, 2);
	refuse(&cache, 3);
	assert_non_null(gw_graph_cache_get(&cache, 1));
	/* A replacement needs room for both graphs until the old one is gone. */
	refuse(&cache, 2);
	cache.max_bytes++;
	gw_graph_drop(gw_graph_cache_get(&cache, 1));
	put(&cache, 2);
	refuse(&cache, 2);
	gw_graph_cache_reap(&cache);
	put(&cache, 2);
	gw_graph_cache_free(&cache);
}

static struct gw_graph *make_from(struct gw_budget *budget, enum gw_status expected)
{
	struct gw_buffers buffers = {0};
	struct gw_graph_source source = {.dialect = &gw_dialect_8_0,
		.opmap = gw_opmap_for(&gw_dialect_8_0),
		.buffers = &buffers,
		.budget = budget};
	struct gw_wire_graph wire = {0};
	struct gw_graph *graph = NULL;

	assert_int_equal(gw_graph_build(&source, &wire, &graph, NULL), expected);
	return graph;
}

static void graphs_count_while_they_hold_memory(void **state)
{
	(void)state;
	struct gw_budget budget = {.max = gw_graph_build_bytes(0, 0)};
	struct gw_graph *graph = make_from(&budget, GW_OK);

	assert_int_equal(budget.used, gw_graph_bytes(graph));
	gw_graph_drop(graph);
	assert_int_equal(budget.used, 0);
	gw_graph_free(graph);
	budget.max--;
	assert_null(make_from(&budget, GW_ERR_LIMIT));
	assert_int_equal(budget.used, 0);
}

/* The least recently used graph is evicted first, and its number still counts. */
static void graphs_make_room_in_the_order_of_their_use(void **state)
{
	(void)state;
	struct gw_graph_cache cache = {0};

	assert_false(gw_graph_cache_evict(&cache));
	for (uint64_t uid = 0; uid <= 3; uid++)
		put(&cache, uid);
	assert_non_null(gw_graph_cache_get(&cache, 1));
	assert_true(gw_graph_cache_evict(&cache));
	assert_null(gw_graph_cache_get(&cache, 2));
	assert_true(gw_graph_cache_evict(&cache));
	assert_null(gw_graph_cache_get(&cache, 3));
	assert_true(gw_graph_cache_evict(&cache));
	assert_null(gw_graph_cache_get(&cache, 1));
	assert_false(gw_graph_cache_evict(&cache));
	assert_int_equal(cache.by_uid.count, 3);
	/* Protocols without graph numbers recompute the entry of number 0. */
	assert_non_null(gw_graph_cache_get(&cache, 0));
	gw_graph_cache_free(&cache);
}

static void usual_graphs_have_room(void **state)
{
	(void)state;
	struct gw_graph_cache cache = {0};

	for (uint64_t uid = 1; uid <= GW_GRAPH_CACHE_MAX; uid++)
		put(&cache, uid);
	assert_int_equal(cache.by_uid.count, GW_GRAPH_CACHE_MAX);
	put(&cache, GW_GRAPH_CACHE_MAX + 1);
	assert_int_equal(cache.by_uid.count, 1);
	gw_graph_cache_free(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(graphs_count_while_they_hold_memory),
		cmocka_unit_test(graphs_make_room_in_the_order_of_their_use),
		cmocka_unit_test(usual_graphs_have_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
