/* Settings of a simulated device, and how long it takes for a node, compared with manual calculations. */
#include "cluster/cost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct ggml_context *ctx;

static void assert_close(double value, double expected)
{
	assert_true(value >= expected * (1 - 1e-9) && value <= expected * (1 + 1e-9));
}

static int context_new(void **state)
{
	(void)state;
	ctx = ggml_init((struct ggml_init_params){.mem_size = 64 * ggml_tensor_overhead(), .no_alloc = true});
	return ctx ? 0 : -1;
}

static int context_free(void **state)
{
	(void)state;
	ggml_free(ctx);
	return 0;
}

static void test_settings_are_taken_by_name(void **state)
{
	struct sim_settings s;
	const char *bad;

	(void)state;
	assert_true(
		sim_settings_parse("flops=2e12,bytes=1e9,launch=1e-3,work=4,slow=20,devices=3,compute=1", &s, &bad));
	assert_close(s.flops, 2e12);
	assert_close(s.bytes, 1e9);
	assert_close(s.launch, 1e-3);
	assert_close(s.work, 4);
	assert_close(s.slow, 20);
	assert_close(s.devices, 3);
	assert_close(s.compute, 1);
	assert_true(sim_settings_parse(NULL, &s, &bad));
	assert_close(s.slow, 1);
	assert_true(sim_settings_parse("", &s, &bad));
}

static void test_unknown_settings_are_refused(void **state)
{
	static const char *const texts[] = {"speed=1", "flops", "flops=", "flops=fast", "slow=2x", "slow=1,devices=99",
		"launch=-1", "bytes=nan", "slow=2 ,work=1", ",slow=1", "flop=1e12"};
	struct sim_settings s = {.slow = 7};
	const char *bad;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_false(sim_settings_parse(texts[i], &s, &bad));
	assert_close(s.slow, 7);
	sim_settings_parse("slow=1,devices=99", &s, &bad);
	assert_string_equal(bad, "devices=99");
}

static void test_the_longer_of_arithmetic_and_memory_counts(void **state)
{
	struct sim_settings s = {.flops = 1e9, .bytes = 1e30, .launch = 0, .work = 1, .slow = 1};
	struct ggml_tensor *a = ggml_new_tensor_2d(ctx, GGML_TYPE_F32, 100, 50);
	struct ggml_tensor *b = ggml_new_tensor_2d(ctx, GGML_TYPE_F32, 100, 10);
	struct ggml_tensor *product = ggml_mul_mat(ctx, a, b), *sum = ggml_add(ctx, b, b);

	(void)state;
	assert_close(sim_node_seconds(&s, product), 2.0 * 100 * 50 * 10 / 1e9);
	assert_close(sim_node_seconds(&s, sum), 1000 / 1e9);
	s.bytes = 1e9;
	s.flops = 1e30;
	assert_close(sim_node_seconds(&s, product), 4.0 * (5000 + 1000 + 500) / 1e9);
	assert_close(sim_node_seconds(&s, sum), 4.0 * 3000 / 1e9);
	/* The matrix represents a larger one, the other operand does not. */
	s.work = 3;
	s.slow = 10;
	s.launch = 1e-6;
	assert_close(sim_node_seconds(&s, product), 10 * (4.0 * (15000 + 1000 + 500) / 1e9 + 1e-6));
	assert_close(sim_node_seconds(&s, sum), 10 * (4.0 * 3000 / 1e9 + 1e-6));
}

static void test_views_and_untouched_rows_cost_nothing(void **state)
{
	struct sim_settings s = {.flops = 1e30, .bytes = 1e9, .launch = 0, .work = 1, .slow = 1};
	struct ggml_tensor *table = ggml_new_tensor_2d(ctx, GGML_TYPE_F32, 64, 1000);
	struct ggml_tensor *rows = ggml_new_tensor_1d(ctx, GGML_TYPE_I32, 2);

	(void)state;
	assert_close(sim_node_seconds(&s, ggml_get_rows(ctx, table, rows)), 2.0 * 2 * 64 * 4 / 1e9);
	s.launch = 1;
	assert_close(sim_node_seconds(&s, ggml_view_1d(ctx, table, 64, 0)), 0);
	assert_close(sim_node_seconds(&s, ggml_reshape_1d(ctx, table, 64000)), 0);
	assert_close(sim_node_seconds(&s, ggml_transpose(ctx, table)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_are_taken_by_name),
		cmocka_unit_test(test_unknown_settings_are_refused),
		cmocka_unit_test(test_the_longer_of_arithmetic_and_memory_counts),
		cmocka_unit_test(test_views_and_untouched_rows_cost_nothing),
	};
	return cmocka_run_group_tests(tests, context_new, context_free);
}
