/* The newest tables have the names that ggml prints, for every number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ggml.h>

#include "wire/ops.h"

static void test_operations(void **state)
{
	(void)state;
	if (GGML_OP_COUNT != 101)
		skip(); /* this ggml has other numbers */
	assert_int_equal(gw_ops_101.count, GGML_OP_COUNT);
	for (uint32_t i = 0; i < GGML_OP_COUNT; i++)
		assert_string_equal(gw_names_get(&gw_ops_101, i), ggml_op_name((enum ggml_op)i));
}

/* ggml gives removed types a block size of 0 and marks their names. */
static void test_types(void **state)
{
	(void)state;
	if (GGML_TYPE_COUNT != 43)
		skip();
	assert_int_equal(gw_types_43.count, GGML_TYPE_COUNT);
	for (uint32_t i = 0; i < GGML_TYPE_COUNT; i++) {
		const char *name = gw_names_get(&gw_types_43, i);
		if (ggml_blck_size((enum ggml_type)i) == 0)
			assert_null(name);
		else
			assert_string_equal(name, ggml_type_name((enum ggml_type)i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
