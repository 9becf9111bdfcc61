/* Parameters pass between versions where they mean the same, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ggml/layout.h"
#include "ggml/opmap.h"

static const struct gw_opmap *map(const char *version)
{
	return gw_opmap_for(gw_dialect_parse(version));
}

/* One word is value, the others are 0. */
static bool passes(const char *version, enum ggml_op op, unsigned word, int32_t value)
{
	int32_t in[GW_PARAMS] = {0}, out[GW_PARAMS], back[GW_PARAMS];
	in[word] = value;
	if (gw_opmap_params_to_wire(map(version), op, in, out, NULL) != GW_OK) {
		assert_int_not_equal(gw_opmap_params_to_local(map(version), op, in, back, NULL), GW_OK);
		return false;
	}
	assert_int_equal(out[word], value);
	assert_int_equal(gw_opmap_params_to_local(map(version), op, out, back, NULL), GW_OK);
	assert_int_equal(back[word], value);
	return true;
}

/* In a row of versions, which all know the words of 4.0, a later word passes in 8.0 only. */
static void assert_later(enum ggml_op op, unsigned word, int32_t value)
{
	assert_false(passes("4.0", op, word, value));
	assert_false(passes("4.0.3", op, word, value));
	assert_false(passes("7.0", op, word, value));
	assert_true(passes("8.0", op, word, value));
}

static void assert_common(enum ggml_op op, unsigned word, int32_t value)
{
	assert_true(passes("4.0", op, word, value));
	assert_true(passes("7.0", op, word, value));
	assert_true(passes("8.0", op, word, value));
}

static void test_later_words_pass_in_8_0_only(void **state)
{
	(void)state;
	assert_later(GGML_OP_ROPE, 15, 32);
	assert_later(GGML_OP_ROPE_BACK, 15, 32);
	assert_later(GGML_OP_FLASH_ATTN_EXT, 4, 512);
	assert_later(GGML_OP_MUL_MAT, 3, GGML_PREC_Q8);
	assert_later(GGML_OP_MUL_MAT_ID, 3, GGML_PREC_F32);
	assert_later(GGML_OP_ADD, 0, 1);
	assert_common(GGML_OP_ROPE, 14, 7);
	assert_common(GGML_OP_FLASH_ATTN_EXT, 2, 1);
	assert_common(GGML_OP_CONV_3D, 11, 9);
}

static void test_later_precisions_pass_in_8_0_only(void **state)
{
	(void)state;
	static const int32_t later[] = {GGML_PREC_BF16, GGML_PREC_F16, GGML_PREC_Q8, GGML_PREC_Q4};
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		assert_later(GGML_OP_MUL_MAT, 0, later[i]);
		assert_later(GGML_OP_FLASH_ATTN_EXT, 3, later[i]);
	}
	assert_common(GGML_OP_MUL_MAT, 0, GGML_PREC_F32);
	assert_common(GGML_OP_FLASH_ATTN_EXT, 3, GGML_PREC_F32);
}

static void test_variants_pass_by_name(void **state)
{
	(void)state;
	for (int32_t i = 0; i < GGML_UNARY_OP_COUNT; i++)
		assert_common(GGML_OP_UNARY, 0, i);
	for (int32_t i = 0; i < GGML_GLU_OP_SWIGLU_CLAMP; i++)
		assert_common(GGML_OP_GLU, 0, i);
	assert_later(GGML_OP_GLU, 0, GGML_GLU_OP_SWIGLU_CLAMP);
	assert_false(passes("4.0", GGML_OP_UNARY, 0, GGML_UNARY_OP_COUNT));
	assert_false(passes("4.0", GGML_OP_UNARY, 0, -1));
}

/* Before there was a number of states there was one; and who knows the number must see it. */
static void test_number_of_states_is_1_on_both_sides(void **state)
{
	(void)state;
	static const enum ggml_op ops[] = {GGML_OP_GATED_DELTA_NET, GGML_OP_SSM_SCAN};
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		int32_t none[GW_PARAMS] = {0}, one[GW_PARAMS] = {1}, out[GW_PARAMS];
		assert_int_equal(gw_opmap_params_to_local(map("4.0"), ops[i], none, out, NULL), GW_OK);
		assert_memory_equal(out, one, sizeof(one));
		assert_int_equal(gw_opmap_params_to_wire(map("4.0"), ops[i], one, out, NULL), GW_OK);
		assert_memory_equal(out, one, sizeof(one));
		assert_int_equal(gw_opmap_params_to_local(map("8.0"), ops[i], none, out, NULL), GW_OK);
		assert_memory_equal(out, none, sizeof(none));
		assert_later(ops[i], 0, 2);
	}
}

static void test_young_operations_pass_in_8_0_only(void **state)
{
	(void)state;
	static const enum ggml_op young[] = {
		GGML_OP_LIGHTNING_INDEXER, GGML_OP_DSV4_HC_COMB, GGML_OP_DSV4_HC_PRE, GGML_OP_DSV4_HC_POST};
	for (size_t i = 0; i < sizeof(young) / sizeof(young[0]); i++) {
		int32_t in[GW_PARAMS] = {0}, out[GW_PARAMS];
		assert_int_not_equal(gw_opmap_params_to_wire(map("7.0"), young[i], in, out, NULL), GW_OK);
		assert_int_equal(gw_opmap_params_to_wire(map("8.0"), young[i], in, out, NULL), GW_OK);
	}
}

static void test_what_nobody_computes_passes_as_it_is(void **state)
{
	(void)state;
	assert_common(GGML_OP_VIEW, 1, 77);
	assert_common(GGML_OP_PERMUTE, 3, 3);
	assert_common(GGML_OP_NONE, 15, -1);
}

static void test_the_word_is_named(void **state)
{
	(void)state;
	int32_t in[GW_PARAMS] = {[4] = 512}, out[GW_PARAMS];
	struct gw_error err;
	assert_int_equal(
		gw_opmap_params_to_wire(map("4.0"), GGML_OP_FLASH_ATTN_EXT, in, out, &err), GW_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "parameter 4 has the value 512"));
}

static void test_larger_results_are_expected_as_the_version_does(void **state)
{
	(void)state;
	assert_true(gw_opmap_may_expand(map("4.0"), GGML_OP_MUL_MAT_ID));
	assert_true(gw_opmap_may_expand(map("4.0"), GGML_OP_FLASH_ATTN_EXT));
	assert_false(gw_opmap_may_expand(map("4.0"), GGML_OP_MUL_MAT));
	for (uint32_t op = 0; op < GGML_OP_COUNT; op++)
		assert_int_equal(gw_opmap_may_expand(map("8.0"), (enum ggml_op)op),
			ggml_op_alloc_size_may_expand((enum ggml_op)op));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_later_words_pass_in_8_0_only),
		cmocka_unit_test(test_later_precisions_pass_in_8_0_only),
		cmocka_unit_test(test_variants_pass_by_name),
		cmocka_unit_test(test_number_of_states_is_1_on_both_sides),
		cmocka_unit_test(test_young_operations_pass_in_8_0_only),
		cmocka_unit_test(test_what_nobody_computes_passes_as_it_is),
		cmocka_unit_test(test_the_word_is_named),
		cmocka_unit_test(test_larger_results_are_expected_as_the_version_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
