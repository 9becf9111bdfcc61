/* Numbers of operations and types in every version, and the names of commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/command.h"
#include "wire/ops.h"

static void assert_numbers(const struct gw_names *table, const char *const *names, const uint32_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(gw_names_find(table, names[i]), numbers[i]);
		if (numbers[i] != GW_NO_NUMBER)
			assert_string_equal(gw_names_get(table, numbers[i]), names[i]);
	}
}

/* From the protocol's description: for each version, operations before, between and after the insertions. */
static void test_operations_of_every_version(void **state)
{
	(void)state;
	enum {
		N = 17
	};
	static const char *const names[N] = {"NONE", "MUL_MAT", "RESHAPE", "GET_ROWS", "SOFT_MAX", "ROPE", "IM2COL_3D",
		"COL2IM_1D", "CONV_2D", "FLASH_ATTN_EXT", "GATED_DELTA_NET", "LIGHTNING_INDEXER", "DSV4_HC_COMB",
		"DSV4_HC_POST", "UNARY", "CUSTOM", "GLU"};
	static const uint32_t none = GW_NO_NUMBER;
	const uint32_t in_96[N] = {0, 29, 36, 40, 46, 48, 54, none, 55, 73, 85, none, none, none, 86, 90, 95};
	const uint32_t in_97[N] = {0, 29, 36, 40, 46, 48, 54, 55, 56, 74, 86, none, none, none, 87, 91, 96};
	const uint32_t in_98[N] = {0, 29, 36, 40, 46, 48, 54, 55, 56, 74, 86, 87, none, none, 88, 92, 97};
	const uint32_t in_101[N] = {0, 29, 36, 40, 46, 48, 54, 55, 56, 74, 86, 87, 88, 90, 91, 95, 100};
	assert_numbers(&gw_ops_96, names, in_96, N);
	assert_numbers(&gw_ops_97, names, in_97, N);
	assert_numbers(&gw_ops_98, names, in_98, N);
	assert_numbers(&gw_ops_101, names, in_101, N);
}

static void assert_distinct(const struct gw_names *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		if (table->names[i])
			assert_int_equal(gw_names_find(table, table->names[i]), i);
}

static void test_every_name_has_one_number(void **state)
{
	(void)state;
	assert_distinct(&gw_ops_96);
	assert_distinct(&gw_ops_97);
	assert_distinct(&gw_ops_98);
	assert_distinct(&gw_ops_101);
	assert_distinct(&gw_types_42);
	assert_distinct(&gw_types_43);
}

/* An older table equals the newest one without later insertions, in the same order. */
static void assert_older(const struct gw_names *older, uint32_t inserted)
{
	uint32_t last = 0;
	for (uint32_t i = 0; i < older->count; i++) {
		uint32_t number = gw_names_find(&gw_ops_101, older->names[i]);
		assert_true(number != GW_NO_NUMBER && (i == 0 || number > last));
		last = number;
	}
	assert_int_equal(older->count + inserted, gw_ops_101.count);
}

static void test_older_tables_keep_the_order(void **state)
{
	(void)state;
	assert_older(&gw_ops_96, 5);
	assert_older(&gw_ops_97, 4);
	assert_older(&gw_ops_98, 3);
}

static bool is_dead(uint32_t type)
{
	return type == 4 || type == 5 || (type >= 31 && type <= 33) || (type >= 36 && type <= 38);
}

static void test_types(void **state)
{
	(void)state;
	assert_int_equal(gw_types_42.count, 42);
	assert_int_equal(gw_types_43.count, 43);
	for (uint32_t i = 0; i < 42; i++) {
		assert_int_equal(gw_names_get(&gw_types_43, i) == NULL, is_dead(i));
		assert_ptr_equal(gw_names_get(&gw_types_43, i), gw_names_get(&gw_types_42, i));
	}
	assert_int_equal(gw_names_find(&gw_types_43, "f32"), 0);
	assert_int_equal(gw_names_find(&gw_types_43, "q8_0"), 8);
	assert_int_equal(gw_names_find(&gw_types_43, "bf16"), 30);
	assert_int_equal(gw_names_find(&gw_types_43, "mxfp4"), 39);
	assert_int_equal(gw_names_find(&gw_types_43, "q2_0"), 42);
	assert_true(gw_names_find(&gw_types_42, "q2_0") == GW_NO_NUMBER);
}

static void test_unknown_names_and_numbers(void **state)
{
	(void)state;
	assert_true(gw_names_find(&gw_ops_101, NULL) == GW_NO_NUMBER);
	assert_true(gw_names_find(&gw_ops_101, "") == GW_NO_NUMBER);
	assert_true(gw_names_find(&gw_ops_101, "mul_mat") == GW_NO_NUMBER);
	assert_null(gw_names_get(&gw_ops_101, 101));
	assert_null(gw_names_get(&gw_ops_101, UINT32_MAX));
	assert_null(gw_names_get(&gw_types_42, 42));
}

static void test_command_names(void **state)
{
	(void)state;
	assert_string_equal(gw_cmd_name(GW_CMD_ALLOC_BUFFER), "ALLOC_BUFFER");
	assert_string_equal(gw_cmd_name(GW_CMD_SET_TENSOR), "SET_TENSOR");
	assert_string_equal(gw_cmd_name(GW_CMD_COMM_FREE), "COMM_FREE");
	assert_string_equal(gw_cmd_name(GW_CMD_EXT_INFO), "EXT_INFO");
	for (unsigned cmd = 0; cmd < 0x200; cmd++) {
		bool known = cmd < GW_CMD_STOCK_COUNT || (cmd >= GW_CMD_EXT_FIRST && cmd < GW_CMD_EXT_END);
		assert_non_null(gw_cmd_name(cmd));
		assert_int_equal(strcmp(gw_cmd_name(cmd), "unknown") != 0, known);
	}
	assert_string_equal(gw_cmd_name(UINT32_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations_of_every_version),
		cmocka_unit_test(test_every_name_has_one_number),
		cmocka_unit_test(test_older_tables_keep_the_order),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_unknown_names_and_numbers),
		cmocka_unit_test(test_command_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
