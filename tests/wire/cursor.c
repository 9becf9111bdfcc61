/* Readers and writers stay inside their range, and the first error is sticky. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/cursor.h"

static const uint8_t counting[15] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void test_little_endian_both_ways(void **state)
{
	(void)state;
	struct gw_rd r = gw_rd_init(counting, sizeof(counting));
	assert_int_equal(gw_rd_u8(&r), 1);
	assert_int_equal(gw_rd_u32(&r), 0x05040302);
	assert_true(gw_rd_u64(&r) == UINT64_C(0x0d0c0b0a09080706));
	assert_int_equal(gw_rd_left(&r), 2);
	assert_false(gw_rd_done(&r));
	assert_ptr_equal(gw_rd_bytes(&r, 2), counting + 13);
	assert_true(gw_rd_done(&r));

	uint8_t out[13];
	struct gw_wr w = gw_wr_init(out, sizeof(out));
	gw_wr_u8(&w, 1);
	gw_wr_u32(&w, 0x05040302);
	assert_false(gw_wr_done(&w));
	gw_wr_u64(&w, UINT64_C(0x0d0c0b0a09080706));
	assert_true(gw_wr_done(&w));
	assert_memory_equal(out, counting, sizeof(out));
}

static void test_reader_error_sticks(void **state)
{
	(void)state;
	struct gw_rd r = gw_rd_init(counting, 7);
	assert_true(gw_rd_u64(&r) == 0);
	assert_int_equal(gw_rd_u8(&r), 0);
	assert_null(gw_rd_bytes(&r, 1));
	assert_int_equal(gw_rd_left(&r), 0);
	assert_false(gw_rd_done(&r));

	r = gw_rd_init(counting, sizeof(counting));
	assert_null(gw_rd_bytes(&r, SIZE_MAX));
	assert_false(gw_rd_done(&r));
}

static void test_writer_error_sticks(void **state)
{
	(void)state;
	uint8_t out[8] = {0};
	struct gw_wr w = gw_wr_init(out, 7);
	gw_wr_u64(&w, UINT64_MAX);
	gw_wr_u8(&w, 0xff);
	gw_wr_bytes(&w, counting, 3);
	assert_false(gw_wr_done(&w));
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
}

static void test_an_empty_range_is_valid(void **state)
{
	(void)state;
	struct gw_rd r = gw_rd_init(NULL, 0);
	assert_true(gw_rd_done(&r));
	assert_int_equal(gw_rd_u8(&r), 0);
	assert_false(gw_rd_done(&r));
	r = gw_rd_init(NULL, 0);
	assert_non_null(gw_rd_bytes(&r, 0));
	assert_true(gw_rd_done(&r));

	uint8_t out;
	struct gw_wr w = gw_wr_init(&out, 0);
	gw_wr_bytes(&w, NULL, 0);
	assert_true(gw_wr_done(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_little_endian_both_ways),
		cmocka_unit_test(test_reader_error_sticks),
		cmocka_unit_test(test_writer_error_sticks),
		cmocka_unit_test(test_an_empty_range_is_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
