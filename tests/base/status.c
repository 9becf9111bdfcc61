/* Errors keep their status, name their cause, and never overflow their text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"

static void test_every_status_has_its_own_text(void **state)
{
	(void)state;
	for (int i = GW_OK; i <= GW_ERR_COMPUTE; i++) {
		const char *text = gw_status_text((enum gw_status)i);
		assert_non_null(text);
		assert_string_not_equal(text, gw_status_text((enum gw_status)9999));
		for (int j = GW_OK; j < i; j++)
			assert_string_not_equal(text, gw_status_text((enum gw_status)j));
	}
}

static void test_set_formats_and_returns_status(void **state)
{
	(void)state;
	struct gw_error err;
	assert_int_equal(gw_error_set(&err, GW_ERR_LIMIT, "%s has %d", "queue", 7), GW_ERR_LIMIT);
	assert_int_equal(err.status, GW_ERR_LIMIT);
	assert_string_equal(err.text, "queue has 7");
	assert_int_equal(gw_error_set(NULL, GW_ERR_NOMEM, "unseen"), GW_ERR_NOMEM);
}

static void test_errno_text_follows(void **state)
{
	(void)state;
	struct gw_error err;
	assert_int_equal(gw_error_errno(&err, GW_ERR_SYSTEM, ENOENT, "open %s", "x"), GW_ERR_SYSTEM);
	assert_string_equal(err.text, "open x: No such file or directory");
	assert_int_equal(gw_error_errno(NULL, GW_ERR_LOST, ECONNRESET, "unseen"), GW_ERR_LOST);
}

static void test_prefix_is_prepended(void **state)
{
	(void)state;
	struct gw_error err;
	gw_error_set(&err, GW_ERR_PROTOCOL, "bad size");
	assert_int_equal(gw_error_prefix(&err, "%s:%u", "host", 50052u), GW_ERR_PROTOCOL);
	assert_int_equal(err.status, GW_ERR_PROTOCOL);
	assert_string_equal(err.text, "host:50052: bad size");
	assert_int_equal(gw_error_prefix(NULL, "unseen"), GW_ERR_SYSTEM);
}

static void assert_full_of(const struct gw_error *err, char c)
{
	assert_int_equal(strlen(err->text), sizeof(err->text) - 1);
	for (size_t i = 0; i < sizeof(err->text) - 1; i++)
		assert_int_equal(err->text[i], c);
}

static void test_long_texts_are_cut(void **state)
{
	(void)state;
	char longer[2 * sizeof(((struct gw_error *)0)->text)];
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';

	struct {
		struct gw_error err;
		char behind[8];
	} guarded;
	memcpy(guarded.behind, "guarded", sizeof(guarded.behind));
	gw_error_set(&guarded.err, GW_ERR_SYSTEM, "%s", longer);
	assert_full_of(&guarded.err, 'a');
	gw_error_errno(&guarded.err, GW_ERR_SYSTEM, EPIPE, "%s", longer);
	assert_full_of(&guarded.err, 'a');

	gw_error_set(&guarded.err, GW_ERR_SYSTEM, "b");
	gw_error_prefix(&guarded.err, "%s", longer);
	assert_full_of(&guarded.err, 'a');

	/* The end is cut off. */
	gw_error_set(&guarded.err, GW_ERR_SYSTEM, "%s", longer);
	gw_error_prefix(&guarded.err, "front");
	assert_int_equal(strlen(guarded.err.text), sizeof(guarded.err.text) - 1);
	assert_memory_equal(guarded.err.text, "front: aaa", 10);
	assert_string_equal(guarded.behind, "guarded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status_has_its_own_text),
		cmocka_unit_test(test_set_formats_and_returns_status),
		cmocka_unit_test(test_errno_text_follows),
		cmocka_unit_test(test_prefix_is_prepended),
		cmocka_unit_test(test_long_texts_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
