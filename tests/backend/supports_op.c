/* Which operations a device is said to run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/scene.h"

static bool supports(struct scene *s, const struct ggml_tensor *op)
{
	return ggml_backend_dev_supports_op(s->dev, op);
}

static size_t n_asked(struct scene *s)
{
	return fake_count(&s->fake, GW_CMD_EXT_SUPPORTS_OP);
}

static void test_stock_server_is_not_asked(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	scene_open(&s);
	fake_forget(&s.fake);
	assert_true(supports(&s, s.sum));
	assert_int_equal(fake_count(&s.fake, FAKE_ANY), 0);
	scene_close(&s);
}

static void test_distinct_nodes_are_asked_once(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	s.fake.extensions = 1;
	scene_open(&s);
	assert_true(supports(&s, s.sum));
	assert_true(supports(&s, s.sum));
	assert_true(supports(&s, ggml_add(s.ctx, s.b, s.a)));
	assert_int_equal(n_asked(&s), 1);
	assert_true(supports(&s, ggml_mul(s.ctx, s.a, s.b)));
	assert_int_equal(n_asked(&s), 2);
	scene_close(&s);
}

static void test_refusal_is_remembered(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	s.fake.extensions = 1;
	s.fake.supports = false;
	scene_open(&s);
	assert_false(supports(&s, s.sum));
	assert_false(supports(&s, s.sum));
	assert_int_equal(n_asked(&s), 1);
	scene_close(&s);
}

static void test_views_are_not_asked_for(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	s.fake.extensions = 1;
	s.fake.supports = false;
	scene_open(&s);
	assert_true(supports(&s, s.a));
	assert_true(supports(&s, ggml_view_1d(s.ctx, s.a, 4, 0)));
	assert_true(supports(&s, ggml_reshape_2d(s.ctx, s.a, 4, 2)));
	assert_int_equal(n_asked(&s), 0);
	scene_close(&s);
}

static void test_inexpressible_operations_are_refused_here(void **state)
{
	(void)state;
	struct scene s;

	for (uint8_t extensions = 0; extensions <= 1; extensions++) {
		fake_init(&s.fake);
		s.fake.extensions = extensions;
		scene_open(&s);
		s.sum->op = GGML_OP_MAP_CUSTOM2;
		assert_false(supports(&s, s.sum));
		s.sum->op = GGML_OP_ADD;
		s.b->ne[0] = INT64_C(1) << 32;
		assert_false(supports(&s, s.sum));
		s.b->ne[0] = 8;
		assert_int_equal(n_asked(&s), 0);
		scene_close(&s);
	}
}

/* ggml aborts when nothing supports an operation on memory of a device. */
static void test_lost_device_supports_everything(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	s.fake.extensions = 1;
	s.fake.supports = false;
	scene_open(&s);
	s.fake.die_at = fake_count(&s.fake, FAKE_ANY);
	assert_true(supports(&s, s.sum));
	assert_true(supports(&s, s.sum));
	assert_int_equal(s.fake.connections, 1);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stock_server_is_not_asked),
		cmocka_unit_test(test_distinct_nodes_are_asked_once),
		cmocka_unit_test(test_refusal_is_remembered),
		cmocka_unit_test(test_views_are_not_asked_for),
		cmocka_unit_test(test_inexpressible_operations_are_refused_here),
		cmocka_unit_test(test_lost_device_supports_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
