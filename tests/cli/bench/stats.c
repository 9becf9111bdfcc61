/* Durations: minimum, maximum and mean cover all samples, percentiles the latest ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/stats.h"

#define MS UINT64_C(1000000)

static void statistics_of_no_samples_are_zero(void **state)
{
	(void)state;
	struct gw_stats s = {0};
	assert_true(gw_stats_min_ms(&s) == 0 && gw_stats_avg_ms(&s) == 0 && gw_stats_max_ms(&s) == 0);
	assert_true(gw_stats_percentile_ms(&s, 99) == 0);
	gw_stats_free(&s);
}

static void percentiles_use_sorted_samples(void **state)
{
	(void)state;
	struct gw_stats s = {0};
	for (uint64_t i = 1000; i >= 1; i--)
		assert_int_equal(gw_stats_add(&s, i * MS), GW_OK);
	assert_true(gw_stats_min_ms(&s) == 1 && gw_stats_max_ms(&s) == 1000 && gw_stats_avg_ms(&s) == 500.5);
	assert_true(gw_stats_percentile_ms(&s, 50) == 500);
	assert_true(gw_stats_percentile_ms(&s, 99) == 990);
	assert_true(gw_stats_percentile_ms(&s, 100) == 1000);
	assert_true(gw_stats_percentile_ms(&s, 0) == 1);
	gw_stats_free(&s);
	assert_int_equal(gw_stats_add(&s, MS), GW_OK);
	assert_true(gw_stats_percentile_ms(&s, 99) == 1);
	gw_stats_free(&s);
}

static void a_long_run_keeps_the_latest_samples(void **state)
{
	(void)state;
	struct gw_stats s = {0};
	assert_int_equal(gw_stats_add(&s, 100 * MS), GW_OK);
	for (size_t i = 0; i < GW_STATS_KEPT; i++)
		assert_int_equal(gw_stats_add(&s, 2 * MS), GW_OK);
	assert_int_equal(s.capacity, GW_STATS_KEPT);
	assert_true(gw_stats_max_ms(&s) == 100);
	assert_true(gw_stats_percentile_ms(&s, 100) == 2);
	gw_stats_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statistics_of_no_samples_are_zero),
		cmocka_unit_test(percentiles_use_sorted_samples),
		cmocka_unit_test(a_long_run_keeps_the_latest_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
