/* The reply cache compares whole keys and is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/answers/reply_cache.h"

static void test_answers_are_found_by_their_key(void **state)
{
	(void)state;
	struct gw_reply_cache a;
	uint64_t value = 0;

	gw_reply_cache_init(&a);
	gw_reply_cache_put(&a, "abc", 3, 1);
	gw_reply_cache_put(&a, "abd", 3, 2);
	gw_reply_cache_put(&a, "abc", 2, 3);
	assert_true(gw_reply_cache_find(&a, "abc", 3, &value));
	assert_int_equal(value, 1);
	assert_true(gw_reply_cache_find(&a, "abd", 3, &value));
	assert_int_equal(value, 2);
	assert_true(gw_reply_cache_find(&a, "ab", 2, &value));
	assert_int_equal(value, 3);
	assert_false(gw_reply_cache_find(&a, "a", 1, &value));
	gw_reply_cache_clear(&a);
	assert_false(gw_reply_cache_find(&a, "abc", 3, &value));
	gw_reply_cache_clear(&a);
}

static void test_cache_is_bounded(void **state)
{
	(void)state;
	struct gw_reply_cache a;
	uint64_t value;

	gw_reply_cache_init(&a);
	for (uint32_t i = 0; i <= GW_REPLY_CACHE_MAX; i++) {
		gw_reply_cache_put(&a, &i, sizeof(i), i);
		assert_true(a.count <= GW_REPLY_CACHE_MAX);
	}
	uint32_t last = GW_REPLY_CACHE_MAX, first = 0;
	assert_true(gw_reply_cache_find(&a, &last, sizeof(last), &value));
	assert_int_equal(value, GW_REPLY_CACHE_MAX);
	assert_false(gw_reply_cache_find(&a, &first, sizeof(first), &value));
	gw_reply_cache_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_are_found_by_their_key),
		cmocka_unit_test(test_cache_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
