/* Checked arithmetic at its limits, and the monotonic clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/clock.h"

static void test_add(void **state)
{
	(void)state;
	uint64_t r = 42;
	assert_false(gw_add_u64(UINT64_MAX, 1, &r));
	assert_false(gw_add_u64(1, UINT64_MAX, &r));
	assert_true(r == 42);
	assert_true(gw_add_u64(UINT64_MAX - 1, 1, &r));
	assert_true(r == UINT64_MAX);
}

static void test_multiply(void **state)
{
	(void)state;
	uint64_t r = 42;
	assert_false(gw_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &r));
	assert_false(gw_mul_u64(UINT64_MAX, 2, &r));
	assert_true(r == 42);
	assert_true(gw_mul_u64(UINT64_MAX, 0, &r));
	assert_true(r == 0);
	assert_true(gw_mul_u64(UINT64_MAX / 5, 5, &r));
	assert_true(r == UINT64_MAX);
}

static void test_range(void **state)
{
	(void)state;
	assert_true(gw_range_ok(0, 0, 0));
	assert_true(gw_range_ok(10, 0, 10));
	assert_true(gw_range_ok(4, 6, 10));
	assert_false(gw_range_ok(4, 7, 10));
	assert_false(gw_range_ok(11, 0, 10));
	assert_false(gw_range_ok(UINT64_MAX, 2, 10));
	assert_false(gw_range_ok(2, UINT64_MAX, 10));
	assert_true(gw_range_ok(0, UINT64_MAX, UINT64_MAX));
}

static void test_clock_is_monotonic(void **state)
{
	(void)state;
	uint64_t first = gw_clock_ns();
	uint64_t last = first;
	for (int i = 0; i < 1000; i++) {
		uint64_t now = gw_clock_ns();
		assert_true(now >= last);
		last = now;
	}
	assert_true(last > first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_multiply),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_clock_is_monotonic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
