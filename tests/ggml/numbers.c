/* The numbering of the ggml that the tests run on is found, and is the one of the headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ggml/numbers.h"

static void test_numbering_is_found(void **state)
{
	(void)state;
	struct gw_error err;
	const struct gw_numbers *n = gw_numbers_get(&err);
	if (!n)
		fail_msg("%s", err.text);
	assert_ptr_equal(n->ops, &gw_ops_101);
	assert_ptr_equal(n->glus, &gw_glus_7);
	assert_int_equal(n->n_types, GGML_TYPE_COUNT);
	assert_ptr_equal(n->dialect, &gw_dialect_8_0);
}

static void test_running_numbers_are_those_of_the_headers(void **state)
{
	(void)state;
	for (uint32_t op = 0; op < GGML_OP_COUNT; op++)
		assert_int_equal(gw_op_known((enum ggml_op)op), op);
	assert_int_equal(gw_op_known(GGML_OP_COUNT), GGML_OP_COUNT);
	assert_int_equal(gw_op_known((enum ggml_op)100000), GGML_OP_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbering_is_found),
		cmocka_unit_test(test_running_numbers_are_those_of_the_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
