/* Untrusted text reaches a terminal as one line of valid UTF-8 without control characters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void assert_character(const char *text, size_t bytes, uint32_t expected)
{
	uint32_t c = 0;
	assert_int_equal(gw_utf8_decode(text, strlen(text), &c), bytes);
	assert_int_equal(c, expected);
}

static void test_characters_are_decoded(void **state)
{
	(void)state;
	assert_character("a", 1, 'a');
	assert_character("\x7f", 1, 0x7f);
	assert_character("\xc2\x80", 2, 0x80);
	assert_character("\xdf\xbfz", 2, 0x7ff);
	assert_character("\xe0\xa0\x80", 3, 0x800);
	assert_character("\xe2\x84\xa2", 3, 0x2122);
	assert_character("\xef\xbf\xbf", 3, 0xffff);
	assert_character("\xf0\x90\x80\x80", 4, 0x10000);
	assert_character("\xf4\x8f\xbf\xbf", 4, 0x10ffff);
}

static void test_invalid_utf8_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
		"\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "\xc3", "\xc3z",
		"\xe2\x84", "\xe2z\xa2", "\xf0\x90\x80"};
	uint32_t c;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(gw_utf8_decode(wrong[i], strlen(wrong[i]), &c), 0);
	assert_int_equal(gw_utf8_decode("a", 0, &c), 0);
	assert_int_equal(gw_utf8_decode("\xe2\x84\xa2", 2, &c), 0);
}

static void assert_safe(const char *text, const char *expected)
{
	char out[64];
	assert_string_equal(gw_text_safe(text, out, sizeof(out)), expected);
}

static void test_text_cannot_control_the_terminal(void **state)
{
	(void)state;
	assert_safe("CPU Radeon\xe2\x84\xa2", "CPU Radeon\xe2\x84\xa2");
	assert_safe("", "");
	assert_safe("\x1b[2J\x1b]0;x\x07", "?[2J?]0;x?");
	assert_safe("a\nb\rc\td\x7f", "a?b?c?d?");
	assert_safe("\xc2\x9b"
		    "31m",
		"?31m");
	assert_safe("\x9b"
		    "31m",
		"?31m");
	assert_safe("x\xe2\x80\xaegpj.exe", "x?gpj.exe");
	assert_safe("x\xe2\x80\xa8y\xef\xbb\xbfz", "x?y?z");
	assert_safe("\xe2\x84", "??");
}

static void test_long_text_is_cut_between_characters(void **state)
{
	(void)state;
	char out[6];
	memset(out, 'x', sizeof(out));
	assert_string_equal(gw_text_safe("abc\xe2\x84\xa2", out, sizeof(out)), "abc");
	assert_string_equal(gw_text_safe("ab\xe2\x84\xa2z", out, sizeof(out)), "ab\xe2\x84\xa2");
	assert_string_equal(gw_text_safe("abcdefgh", out, sizeof(out)), "abcde");
	assert_string_equal(gw_text_safe("abcdefgh", out, 1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters_are_decoded),
		cmocka_unit_test(test_invalid_utf8_is_refused),
		cmocka_unit_test(test_text_cannot_control_the_terminal),
		cmocka_unit_test(test_long_text_is_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
