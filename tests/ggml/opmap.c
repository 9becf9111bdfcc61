/* Numbers on the wire and in the running ggml are translated by name, in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ggml/opmap.h"

static const struct gw_opmap *map_8_0(void)
{
	return gw_opmap_for(&gw_dialect_8_0);
}

static void test_every_local_op_round_trips(void **state)
{
	(void)state;
	for (uint32_t op = 0; op < GGML_OP_COUNT; op++) {
		uint32_t wire = gw_opmap_op_wire(map_8_0(), (enum ggml_op)op);
		assert_int_not_equal(wire, GW_NO_NUMBER);
		assert_int_equal(gw_opmap_op_local(map_8_0(), wire), op);
		assert_string_equal(gw_names_get(gw_dialect_8_0.ops, wire), ggml_op_name((enum ggml_op)op));
	}
}

static void test_every_live_local_type_round_trips(void **state)
{
	(void)state;
	for (uint32_t type = 0; type < GGML_TYPE_COUNT; type++) {
		uint32_t wire = gw_opmap_type_wire(map_8_0(), (enum ggml_type)type);
		if (ggml_blck_size((enum ggml_type)type) == 0) {
			assert_int_equal(wire, GW_NO_NUMBER);
			continue;
		}
		assert_int_not_equal(wire, GW_NO_NUMBER);
		assert_int_equal(gw_opmap_type_local(map_8_0(), wire), type);
	}
}

static void test_renumbered_ops_follow_their_names(void **state)
{
	(void)state;
	static struct gw_dialect old;
	old = gw_dialect_8_0;
	old.ops = &gw_ops_96;
	const struct gw_opmap *m = gw_opmap_for(&old);

	assert_int_equal(gw_opmap_op_wire(m, GGML_OP_UNARY), 86);
	assert_int_equal(gw_opmap_op_local(m, 86), GGML_OP_UNARY);
	assert_int_equal(gw_opmap_op_wire(m, GGML_OP_FLASH_ATTN_EXT), 73);
	assert_int_equal(gw_opmap_op_wire(m, GGML_OP_LIGHTNING_INDEXER), GW_NO_NUMBER);
	assert_int_equal(gw_opmap_op_local(m, 96), GW_NO_NUMBER);
}

static void test_numbers_out_of_range_have_no_partner(void **state)
{
	(void)state;
	assert_int_equal(gw_opmap_op_local(map_8_0(), 101), GW_NO_NUMBER);
	assert_int_equal(gw_opmap_op_local(map_8_0(), GW_OPMAP_MAX), GW_NO_NUMBER);
	assert_int_equal(gw_opmap_op_local(map_8_0(), UINT32_MAX), GW_NO_NUMBER);
	assert_int_equal(gw_opmap_type_local(map_8_0(), UINT32_MAX), GW_NO_NUMBER);
	assert_int_equal(gw_opmap_type_local(map_8_0(), 4), GW_NO_NUMBER);
}

static void test_map_is_built_once(void **state)
{
	(void)state;
	assert_ptr_equal(map_8_0(), map_8_0());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_local_op_round_trips),
		cmocka_unit_test(test_every_live_local_type_round_trips),
		cmocka_unit_test(test_renumbered_ops_follow_their_names),
		cmocka_unit_test(test_numbers_out_of_range_have_no_partner),
		cmocka_unit_test(test_map_is_built_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
