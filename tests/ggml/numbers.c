/* We detect the numbering of the ggml that runs the tests, and it equals our constants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

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
	assert_int_equal(n->release.major, 0);
	assert_int_equal(n->release.minor, 27);
}

/* Compares each line of the header that defines an operation with the table of names. */
static void test_constants_are_those_of_the_newest_numbering(void **state)
{
	(void)state;
	FILE *file = fopen(GGWIRE_TEST_DATA "/../../src/ggml/constants.h", "r");
	char line[256], name[64];
	uint32_t number, n = 0;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "#define GGML_OP_%63s ((enum ggml_op)%u)", name, &number) != 2)
			continue;
		assert_int_equal(number, n);
		assert_string_equal(name, gw_names_get(&gw_ops_101, n));
		n++;
	}
	fclose(file);
	assert_int_equal(n, gw_ops_101.count);
	assert_int_equal(GGML_OP_COUNT, gw_ops_101.count);
	assert_int_equal(GGML_GLU_OP_COUNT, gw_glus_7.count);
	assert_int_equal(GGML_TYPE_COUNT, gw_types_43.count);
}

static void test_running_numbers_are_those_of_the_constants(void **state)
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
		cmocka_unit_test(test_constants_are_those_of_the_newest_numbering),
		cmocka_unit_test(test_running_numbers_are_those_of_the_constants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
