/* The tests' JSON parser accepts valid JSON and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/json_check.h"

static void valid_json_is_accepted(void **state)
{
	(void)state;
	static const char *const good[] = {"{}", " [ ] \n", "null", "-0.5e+3", "0", "\"\\u00e9\\n\"",
		"{\"a\":[1,2,{\"b\":null}],\"c\":\"\xc3\xa9\"}", "[true,false]"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(json_is_valid(good[i]));
}

static void invalid_json_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "{", "{\"a\":}", "{\"a\" 1}", "{a:1}", "[1,]", "[1 2]", "01", "1.", "+1",
		"nan", "\"\n\"", "\"\\x\"", "\"\\u12\"", "\"\xff\"", "\"a", "{} {}", "{\"a\":1,}", "'a'", "."};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (json_is_valid(bad[i]))
			fail_msg("%s", bad[i]);
}

static void members_are_found(void **state)
{
	(void)state;
	static const char text[] = "{\"a\": {\"b\": [10, {\"c\": \"x\\\"y\"}]}, \"ab\": -1.5, \"n\": null}";
	char out[16];
	assert_true(json_get(text, "a.b.1.c", out, sizeof(out)));
	assert_string_equal(out, "x\\\"y");
	assert_true(json_get(text, "n", out, sizeof(out)));
	assert_string_equal(out, "null");
	assert_true(json_number(text, "a.b.0") == 10);
	assert_true(json_number(text, "ab") == -1.5);
	assert_false(json_get(text, "b", out, sizeof(out)));
	assert_false(json_get(text, "a.b.2", out, sizeof(out)));
	assert_false(json_get(text, "ab.c", out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_json_is_accepted),
		cmocka_unit_test(invalid_json_is_refused),
		cmocka_unit_test(members_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
