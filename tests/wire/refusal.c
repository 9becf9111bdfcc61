/* Every reason has a sentence with its remedy, and no size of a reply is mistaken for a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/command.h"
#include "wire/message.h"
#include "wire/refusal.h"

static void every_reason_has_a_sentence(void **state)
{
	(void)state;
	char texts[GW_EXT_REASON_TLS + 2][GW_EXT_REFUSAL_TEXT];
	for (uint32_t i = 0; i < GW_EXT_REASON_TLS + 2; i++) {
		const struct gw_ext_refusal refusal = {.reason = i, .limit = 64};
		const char *text = gw_ext_refusal_text(&refusal, texts[i]);
		assert_ptr_equal(text, texts[i]);
		assert_int_equal(strncmp(text, "refused: ", 9), 0);
		/* A remedy follows the cause, and the text is not cut. */
		assert_true(strlen(text) < GW_EXT_REFUSAL_TEXT - 1);
		assert_true(i > GW_EXT_REASON_TLS || strchr(text, ';'));
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(text, texts[k]);
	}
	assert_non_null(strstr(texts[GW_EXT_REASON_FULL], "all 64 client slots"));
	assert_non_null(strstr(texts[GW_EXT_REASON_HOST], "this host already has 64 connections"));
	assert_non_null(strstr(texts[GW_EXT_REASON_TLS + 1], "gives reason 9,"));
}

static void unknown_limits_are_left_out(void **state)
{
	(void)state;
	char text[GW_EXT_REFUSAL_TEXT];
	for (uint32_t i = 0; i <= GW_EXT_REASON_TLS; i++) {
		const struct gw_ext_refusal refusal = {.reason = i};
		assert_null(strpbrk(gw_ext_refusal_text(&refusal, text), "0123456789"));
	}
}

static void only_its_sizes_are_refusals(void **state)
{
	(void)state;
	static const uint64_t others[] = {0, GW_WIRE_HELLO_RSP, UINT32_MAX, GW_REPLY_REFUSED - 1,
		GW_REPLY_REFUSED + UINT16_MAX + 1, GW_REPLY_ALIVE};
	struct gw_ext_refusal refusal = {.reason = 77};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(gw_reply_is_refusal(others[i], &refusal));
	assert_int_equal(refusal.reason, 77);
	assert_true(gw_reply_is_refusal(GW_REPLY_REFUSED + GW_EXT_REASON_STOPPING, &refusal));
	assert_int_equal(refusal.reason, GW_EXT_REASON_STOPPING);
	assert_true(gw_reply_is_refusal(GW_REPLY_REFUSED + UINT16_MAX, &refusal));
	assert_int_equal(refusal.reason, UINT16_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_sentence),
		cmocka_unit_test(unknown_limits_are_left_out),
		cmocka_unit_test(only_its_sizes_are_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
