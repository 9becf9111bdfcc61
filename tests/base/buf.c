/* A buffer keeps its contents when it grows, and refuses impossible sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_appended_bytes_stay(void **state)
{
	(void)state;
	struct gw_buf buf = {0};
	for (uint32_t i = 0; i < 20000; i++)
		assert_int_equal(gw_buf_append(&buf, &i, sizeof(i)), GW_OK);
	assert_int_equal(buf.len, 20000 * sizeof(uint32_t));
	assert_true(buf.capacity >= buf.len);
	for (uint32_t i = 0; i < 20000; i++)
		assert_memory_equal(buf.data + i * sizeof(i), &i, sizeof(i));
	gw_buf_free(&buf);
}

static void test_reserved_room_does_not_move(void **state)
{
	(void)state;
	struct gw_buf buf = {0};
	assert_int_equal(gw_buf_reserve(&buf, 5000), GW_OK);
	assert_int_equal(buf.len, 0);
	const uint8_t *data = buf.data;
	for (int i = 0; i < 5000; i++)
		assert_int_equal(gw_buf_append(&buf, "x", 1), GW_OK);
	assert_ptr_equal(buf.data, data);
	gw_buf_free(&buf);
}

static void test_empty_appends_are_allowed(void **state)
{
	(void)state;
	struct gw_buf buf = {0};
	assert_int_equal(gw_buf_append(&buf, NULL, 0), GW_OK);
	assert_int_equal(gw_buf_reserve(&buf, 0), GW_OK);
	assert_null(buf.data);
	gw_buf_free(&buf);
}

static void test_impossible_sizes_change_nothing(void **state)
{
	(void)state;
	struct gw_buf buf = {0};
	assert_int_equal(gw_buf_append(&buf, "abc", 3), GW_OK);
	struct gw_buf before = buf;
	assert_int_equal(gw_buf_reserve(&buf, SIZE_MAX), GW_ERR_NOMEM);
	assert_int_equal(gw_buf_reserve(&buf, SIZE_MAX - 3), GW_ERR_NOMEM);
	assert_int_equal(gw_buf_reserve(&buf, SIZE_MAX / 2), GW_ERR_NOMEM);
	assert_memory_equal(&buf, &before, sizeof(buf));
	assert_memory_equal(buf.data, "abc", 3);
	gw_buf_free(&buf);
}

static void test_free_leaves_a_usable_buffer(void **state)
{
	(void)state;
	struct gw_buf buf = {0};
	assert_int_equal(gw_buf_append(&buf, "abc", 3), GW_OK);
	gw_buf_free(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf.capacity, 0);
	assert_int_equal(gw_buf_append(&buf, "de", 2), GW_OK);
	assert_memory_equal(buf.data, "de", 2);
	gw_buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appended_bytes_stay),
		cmocka_unit_test(test_reserved_room_does_not_move),
		cmocka_unit_test(test_empty_appends_are_allowed),
		cmocka_unit_test(test_impossible_sizes_change_nothing),
		cmocka_unit_test(test_free_leaves_a_usable_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
