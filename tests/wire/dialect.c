/* Which dialect serves a version, and which commands have replies in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/dialect.h"

static void test_newest(void **state)
{
	(void)state;
	bool newer = true;
	assert_ptr_equal(gw_dialect_for((struct gw_version){8, 0, 0}, &newer), &gw_dialect_8_0);
	assert_false(newer);
	assert_ptr_equal(gw_dialect_for((struct gw_version){8, 0, 0}, NULL), &gw_dialect_8_0);
}

static void test_newer_patch_or_minor_is_reported(void **state)
{
	(void)state;
	bool newer = false;
	assert_ptr_equal(gw_dialect_for((struct gw_version){8, 0, 1}, &newer), &gw_dialect_8_0);
	assert_true(newer);
	newer = false;
	assert_ptr_equal(gw_dialect_for((struct gw_version){8, 255, 255}, &newer), &gw_dialect_8_0);
	assert_true(newer);
}

static void test_unknown_majors_have_no_dialect(void **state)
{
	(void)state;
	static const uint8_t majors[] = {0, 1, 2, 3, 9, 255};
	for (size_t i = 0; i < sizeof(majors); i++)
		assert_null(gw_dialect_for((struct gw_version){majors[i], 0, 0}, NULL));
}

/* The server's version has the requested major number and is not newer than the request. */
static void test_answers_match_the_request(void **state)
{
	(void)state;
	for (unsigned major = 0; major < 256; major++) {
		for (unsigned minor = 0; minor < 4; minor++) {
			struct gw_version version = {(uint8_t)major, (uint8_t)minor, 9};
			const struct gw_dialect *d = gw_dialect_for(version, NULL);
			if (!d)
				continue;
			assert_int_equal(d->version.major, major);
			assert_true(d->version.minor <= minor);
			assert_true(d->n_commands <= GW_CMD_STOCK_COUNT);
			assert_non_null(d->ops);
			assert_non_null(d->types);
		}
	}
}

static void assert_version(const char *text, uint8_t major, uint8_t minor, uint8_t patch)
{
	const struct gw_dialect *d = gw_dialect_parse(text);
	assert_non_null(d);
	assert_int_equal(d->version.major, major);
	assert_int_equal(d->version.minor, minor);
	assert_int_equal(d->version.patch, patch);
	assert_ptr_equal(gw_dialect_for(d->version, NULL), d);
}

static void test_versions_as_users_write_them(void **state)
{
	(void)state;
	assert_version("4.0", 4, 0, 0);
	assert_version("4.0.0", 4, 0, 0);
	assert_version("4.0.1", 4, 0, 1);
	assert_version("4.0.2", 4, 0, 2);
	assert_version("4.0.3", 4, 0, 3);
	assert_version("5.0", 5, 0, 0);
	assert_version("5.1", 5, 1, 0);
	assert_version("5.1.0", 5, 1, 0);
	assert_version("6.0", 6, 0, 0);
	assert_version("7.0", 7, 0, 0);
	assert_version("8.0", 8, 0, 0);
	static const char *const unknown[] = {
		"", "4", "4.", "4.0.4", "4.1", "04.0", "4.0 ", " 4.0", "8.0.0.0", "9.0", "x"};
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_null(gw_dialect_parse(unknown[i]));
}

static void test_list_is_in_order_and_ends_with_the_newest(void **state)
{
	(void)state;
	size_t n = 0;
	while (gw_dialect_at(n))
		n++;
	assert_int_equal(n, 9);
	assert_null(gw_dialect_at(n + 1));
	assert_ptr_equal(gw_dialect_at(n - 1), &gw_dialect_8_0);
	for (size_t i = 1; i < n; i++) {
		struct gw_version a = gw_dialect_at(i - 1)->version, b = gw_dialect_at(i)->version;
		assert_true((a.major << 16 | a.minor << 8 | a.patch) < (b.major << 16 | b.minor << 8 | b.patch));
	}
}

static void test_answers_of_8_0(void **state)
{
	(void)state;
	const struct gw_dialect *d = &gw_dialect_8_0;
	static const enum gw_reply expected[GW_CMD_STOCK_COUNT] = {
		[GW_CMD_ALLOC_BUFFER] = GW_REPLY_BODY,
		[GW_CMD_GET_ALIGNMENT] = GW_REPLY_BODY,
		[GW_CMD_GET_MAX_SIZE] = GW_REPLY_BODY,
		[GW_CMD_BUFFER_GET_BASE] = GW_REPLY_BODY,
		[GW_CMD_SET_TENSOR_HASH] = GW_REPLY_BODY,
		[GW_CMD_GET_TENSOR] = GW_REPLY_BODY,
		[GW_CMD_COPY_TENSOR] = GW_REPLY_BODY,
		[GW_CMD_GET_DEVICE_MEMORY] = GW_REPLY_BODY,
		[GW_CMD_GET_ALLOC_SIZE] = GW_REPLY_BODY,
		[GW_CMD_HELLO] = GW_REPLY_BODY,
		[GW_CMD_DEVICE_COUNT] = GW_REPLY_BODY,
		[GW_CMD_GET_TENSOR_2D] = GW_REPLY_BODY,
		[GW_CMD_COMM_INIT] = GW_REPLY_BODY,
	};
	for (unsigned cmd = 0; cmd < GW_CMD_STOCK_COUNT; cmd++) {
		assert_true(gw_dialect_has(d, cmd));
		assert_int_equal(gw_dialect_reply(d, cmd), expected[cmd]);
	}
	assert_false(gw_dialect_has(d, GW_CMD_STOCK_COUNT));
	assert_false(gw_dialect_has(d, GW_CMD_EXT_INFO));
	assert_int_equal(gw_dialect_reply(d, GW_CMD_STOCK_COUNT), GW_REPLY_NONE);
	assert_int_equal(gw_dialect_reply(d, UINT32_MAX), GW_REPLY_NONE);
	assert_int_equal(gw_dialect_reply(d, GW_CMD_EXT_INFO), GW_REPLY_BODY);
	assert_int_equal(gw_dialect_reply(d, GW_CMD_EXT_SUPPORTS_OP), GW_REPLY_BODY);
}

/* A new version needs only a new row: its replies and features follow from the data. */
static void test_a_row_decides(void **state)
{
	(void)state;
	struct gw_dialect row = gw_dialect_8_0;
	row.n_commands = GW_CMD_MEMSET_TENSOR + 1;
	row.empty_reply = 1u << GW_CMD_FREE_BUFFER | 1u << GW_CMD_MEMSET_TENSOR | 1u << GW_CMD_COMM_FREE;
	assert_int_equal(gw_dialect_reply(&row, GW_CMD_FREE_BUFFER), GW_REPLY_EMPTY);
	assert_int_equal(gw_dialect_reply(&row, GW_CMD_MEMSET_TENSOR), GW_REPLY_EMPTY);
	assert_int_equal(gw_dialect_reply(&row, GW_CMD_BUFFER_CLEAR), GW_REPLY_NONE);
	assert_int_equal(gw_dialect_reply(&row, GW_CMD_HELLO), GW_REPLY_BODY);
	assert_false(gw_dialect_has(&row, GW_CMD_SET_TENSOR_2D));
	assert_int_equal(gw_dialect_reply(&row, GW_CMD_GET_TENSOR_2D), GW_REPLY_NONE);
	assert_int_equal(gw_dialect_reply(&row, GW_CMD_COMM_FREE), GW_REPLY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newest),
		cmocka_unit_test(test_newer_patch_or_minor_is_reported),
		cmocka_unit_test(test_unknown_majors_have_no_dialect),
		cmocka_unit_test(test_answers_match_the_request),
		cmocka_unit_test(test_versions_as_users_write_them),
		cmocka_unit_test(test_list_is_in_order_and_ends_with_the_newest),
		cmocka_unit_test(test_answers_of_8_0),
		cmocka_unit_test(test_a_row_decides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
