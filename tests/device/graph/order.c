/* The check finds every cycle, and reports nothing else, at any depth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device/graph/graph_order.h"

static struct gw_links *links_new(uint32_t n)
{
	struct gw_links *links = malloc(n * sizeof(*links));

	assert_non_null(links);
	memset(links, 0xff, n * sizeof(*links));
	for (uint32_t i = 0; i < n; i++)
		links[i].n = GW_LINKS;
	return links;
}

static bool cyclic(const struct gw_links *links, uint32_t n)
{
	struct gw_walk w;
	bool found = false;

	assert_int_equal(gw_walk_begin(&w, links, n), GW_OK);
	for (uint32_t i = 0; i < n && !found; i++)
		found = !gw_walk_from(&w, i);
	gw_walk_end(&w);
	return found;
}

static void only_dependencies_are_visited(void **state)
{
	struct gw_links *links = links_new(5);
	struct gw_walk w;

	(void)state;
	links[3].to[2] = 1;
	links[1].to[GW_LINKS - 1] = 4;
	links[0].to[0] = 3;
	assert_int_equal(gw_walk_begin(&w, links, 5), GW_OK);
	assert_true(gw_walk_from(&w, 3));
	assert_false(gw_walk_visited(&w, 0));
	assert_true(gw_walk_visited(&w, 1));
	assert_false(gw_walk_visited(&w, 2));
	assert_true(gw_walk_visited(&w, 3));
	assert_true(gw_walk_visited(&w, 4));
	gw_walk_end(&w);
	free(links);
}

/* Deep enough to overflow the stack of a recursive check. */
#define DEPTH 1000000

static void a_long_chain_is_no_cycle(void **state)
{
	struct gw_links *links = links_new(DEPTH);

	(void)state;
	for (uint32_t i = 0; i + 1 < DEPTH; i++)
		links[i].to[i % GW_LINKS] = i + 1;
	assert_false(cyclic(links, DEPTH));
	links[DEPTH - 1].to[0] = 0;
	assert_true(cyclic(links, DEPTH));
	free(links);
}

static void shared_sources_are_no_cycle(void **state)
{
	struct gw_links *links = links_new(64);

	(void)state;
	for (uint32_t i = 0; i + 1 < 64; i++)
		for (int s = 0; s < GW_LINKS; s++)
			links[i].to[s] = i + 1;
	assert_false(cyclic(links, 64));
	free(links);
}

static void a_node_that_names_itself_is_no_cycle(void **state)
{
	struct gw_links *links = links_new(2);

	(void)state;
	links[0].to[1] = 0;
	links[0].to[0] = 1;
	assert_false(cyclic(links, 2));
	free(links);
}

static void two_nodes_that_name_each_other_are_a_cycle(void **state)
{
	struct gw_links *links = links_new(3);

	(void)state;
	links[1].to[0] = 2;
	links[2].to[GW_LINKS - 1] = 1;
	assert_true(cyclic(links, 3));
	free(links);
}

static void an_empty_graph_has_no_cycle(void **state)
{
	struct gw_links *links = links_new(1);

	(void)state;
	assert_false(cyclic(links, 0));
	free(links);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_chain_is_no_cycle),
		cmocka_unit_test(shared_sources_are_no_cycle),
		cmocka_unit_test(a_node_that_names_itself_is_no_cycle),
		cmocka_unit_test(two_nodes_that_name_each_other_are_a_cycle),
		cmocka_unit_test(an_empty_graph_has_no_cycle),
		cmocka_unit_test(only_dependencies_are_visited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
