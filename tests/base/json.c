/* The output is valid JSON, whatever the text contains. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static void assert_written(struct gw_json *j, const char *expected)
{
	struct gw_buf *out = j->out;
	assert_int_equal(gw_json_end(j), GW_OK);
	assert_int_equal(gw_buf_append(out, "", 1), GW_OK);
	assert_string_equal((const char *)out->data, expected);
	gw_buf_free(out);
}

static void test_values_nest(void **state)
{
	(void)state;
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_json_text(&j, "name", "RPC0");
	gw_json_array(&j, "empty");
	gw_json_array_end(&j);
	gw_json_array(&j, "list");
	gw_json_u64(&j, NULL, UINT64_MAX);
	gw_json_object(&j, NULL);
	gw_json_object_end(&j);
	gw_json_object(&j, NULL);
	gw_json_bool(&j, "a", true);
	gw_json_bool(&j, "b", false);
	gw_json_null(&j, "c");
	gw_json_object_end(&j);
	gw_json_array_end(&j);
	gw_json_text(&j, "none", NULL);
	gw_json_object_end(&j);
	assert_written(&j, "{\"name\":\"RPC0\",\"empty\":[],\"list\":[18446744073709551615,{},"
			   "{\"a\":true,\"b\":false,\"c\":null}],\"none\":null}\n");
}

static void assert_text(const char *text, const char *expected)
{
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_text(&j, NULL, text);
	assert_written(&j, expected);
}

static void test_text_cannot_leave_its_string(void **state)
{
	(void)state;
	assert_text("", "\"\"\n");
	assert_text("a \"b\" \\ c", "\"a \\u0022b\\u0022 \\u005c c\"\n");
	assert_text("\x01\n\x1b[0m\x7f", "\"\\u0001\\u000a\\u001b[0m\\u007f\"\n");
	assert_text("</script>", "\"\\u003c/script>\"\n");
	assert_text("\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"\n");
	assert_text("\xc2\x9b\xe2\x80\xae", "\"\\u009b\\u202e\"\n");
	assert_text("Radeon\xe2\x84\xa2 \xf0\x9f\x98\x80", "\"Radeon\xe2\x84\xa2 \xf0\x9f\x98\x80\"\n");
}

static void test_invalid_utf8_is_replaced(void **state)
{
	(void)state;
	assert_text("a\xff"
		    "b",
		"\"a\\ufffdb\"\n");
	assert_text("\xc0\xaf", "\"\\ufffd\\ufffd\"\n");
	assert_text("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"\n");
	assert_text("cut \xe2\x84", "\"cut \\ufffd\\ufffd\"\n");
}

static void test_keys_are_escaped_too(void **state)
{
	(void)state;
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_json_u64(&j, "a\"b", 1);
	gw_json_object_end(&j);
	assert_written(&j, "{\"a\\u0022b\":1}\n");
}

static void assert_number(double value, int decimals, const char *expected)
{
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_number(&j, NULL, value, decimals);
	assert_written(&j, expected);
}

static void test_numbers_are_plain(void **state)
{
	(void)state;
	assert_number(0, 0, "0\n");
	assert_number(1.25, 1, "1.2\n");
	assert_number(-3.5, 3, "-3.500\n");
	assert_number(1e9, 6, "1000000000.000000\n");
	assert_number((double)NAN, 3, "null\n");
	assert_number((double)INFINITY, 3, "null\n");

	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_number(&j, NULL, 1.7976931348623157e308, 9);
	assert_int_equal(gw_json_end(&j), GW_OK);
	assert_int_equal(out.len, 309 + 1 + 9 + 1);
	gw_buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_nest),
		cmocka_unit_test(test_text_cannot_leave_its_string),
		cmocka_unit_test(test_invalid_utf8_is_replaced),
		cmocka_unit_test(test_keys_are_escaped_too),
		cmocka_unit_test(test_numbers_are_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
