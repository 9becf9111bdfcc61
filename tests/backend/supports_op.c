/* Which operations a device reports as supported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backend/scene.h"
#include "base/log.h"
#include "wire/extension.h"

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

/* scores = k * q for a micro-batch of n_tokens with n_kv tokens before it or at the same time. */
static const struct ggml_tensor *scores(struct ggml_context *ctx, int64_t n_kv, int64_t n_tokens, bool dense)
{
	struct ggml_tensor *cache = ggml_new_tensor_3d(ctx, GGML_TYPE_F16, 64, 8, 4096);
	struct ggml_tensor *k = ggml_view_3d(ctx, cache, 64, n_kv, 8, cache->nb[2], cache->nb[1], 0);
	struct ggml_tensor *q = ggml_new_tensor_3d(ctx, GGML_TYPE_F32, 64, n_tokens, 8);

	if (dense)
		k->nb[1] = k->nb[0] * 64;
	return ggml_mul_mat(ctx, k, q);
}

static void test_one_question_per_shape_if_only_the_shape_matters(void **state)
{
	(void)state;
	struct scene s;
	struct ggml_context *ctx = scene_context(64, 1);

	fake_init(&s.fake);
	s.fake.extensions = 1;
	s.fake.device_flags = GW_EXT_DEVICE_SHAPES;
	scene_open(&s);
	for (int64_t n_kv = 512; n_kv <= 4096; n_kv += 1024)
		assert_true(supports(&s, scores(ctx, n_kv, 256, false)));
	assert_int_equal(n_asked(&s), 1);
	/* A single column, equal extents, a different divisor, rows without gaps: each may affect the answer. */
	supports(&s, scores(ctx, 512, 1, false));
	assert_int_equal(n_asked(&s), 2);
	supports(&s, scores(ctx, 256, 256, false));
	assert_int_equal(n_asked(&s), 3);
	supports(&s, scores(ctx, 520, 256, false));
	assert_int_equal(n_asked(&s), 4);
	supports(&s, scores(ctx, 512, 256, true));
	assert_int_equal(n_asked(&s), 5);
	ggml_free(ctx);
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
	assert_false(supports(&s, s.loose));
	assert_false(supports(&s, s.loose));
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
		s.loose->op = GGML_OP_MAP_CUSTOM2;
		assert_false(supports(&s, s.loose));
		s.loose->op = GGML_OP_ADD;
		s.b->ne[0] = INT64_C(1) << 32;
		assert_false(supports(&s, s.loose));
		s.b->ne[0] = 8;
		assert_int_equal(n_asked(&s), 0);
		scene_close(&s);
	}
}

static char lines[4096];

static void keep_line(enum gw_log_level level, const char *line, void *user)
{
	(void)level;
	(void)user;
	strncat(lines, line, sizeof(lines) - strlen(lines) - 2);
	strcat(lines, "\n");
}

/* ggml's scheduler aborts if no backend supports an operation whose result already has memory. The plug-in reports
 * support and refuses the graph instead, with a log line that says why. */
static void test_placed_operations_are_supported_and_fail(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	s.fake.extensions = 1;
	scene_open(&s);
	s.fake.supports = false;
	ggml_set_name(s.sum, "result");
	assert_true(supports(&s, s.sum));
	assert_false(supports(&s, s.loose));
	/* A view of a tensor with memory has memory, too. */
	struct ggml_tensor *view = ggml_view_1d(s.ctx, s.a, 4, 0);
	assert_true(supports(&s, ggml_cpy(s.ctx, s.b, s.a)));
	assert_true(supports(&s, ggml_cpy(s.ctx, ggml_view_1d(s.ctx, s.b, 4, 0), view)));
	/* So does a tensor that a program places in a buffer without memory to measure sizes. */
	ggml_backend_buffer_t dummy = ggml_backend_buft_alloc_buffer(ggml_backend_dev_buffer_type(s.dev), 0);
	s.loose->buffer = dummy;
	assert_true(supports(&s, s.loose));
	s.loose->buffer = NULL;
	ggml_backend_buffer_free(dummy);
	fake_forget(&s.fake);
	*lines = 0;
	gw_log_set_sink(keep_line, NULL);
	assert_int_equal(ggml_backend_graph_compute(s.backend, s.graph), GGML_STATUS_FAILED);
	gw_log_set_sink(NULL, NULL);
	assert_non_null(
		strstr(lines, "ADD of node 'result': the server's device, which has its memory, does not support it"));
	assert_non_null(strstr(lines, "RPC0[fake:"));
	assert_int_equal(fake_count(&s.fake, GW_CMD_GRAPH_COMPUTE), 0);
	/* The connection stays usable. */
	s.sum->op = GGML_OP_SUB;
	assert_int_equal(ggml_backend_graph_compute(s.backend, s.graph), GGML_STATUS_SUCCESS);
	assert_int_equal(s.fake.connections, 1);
	scene_close(&s);
}

/* Memory on another device is no reason to claim support. */
static void test_operations_placed_elsewhere_are_not_supported(void **state)
{
	(void)state;
	struct scene s, other;

	fake_init(&s.fake);
	fake_init(&other.fake);
	s.fake.extensions = other.fake.extensions = 1;
	scene_open(&s);
	scene_open(&other);
	s.fake.supports = false;
	assert_false(supports(&s, other.sum));
	ggml_backend_buffer_t host = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), 64);
	s.loose->buffer = host;
	assert_false(supports(&s, s.loose));
	ggml_backend_buffer_free(host);
	scene_close(&s);
	scene_close(&other);
}

/* ggml aborts when no backend supports an operation on memory of a device. */
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
		cmocka_unit_test(test_one_question_per_shape_if_only_the_shape_matters),
		cmocka_unit_test(test_refusal_is_remembered),
		cmocka_unit_test(test_views_are_not_asked_for),
		cmocka_unit_test(test_inexpressible_operations_are_refused_here),
		cmocka_unit_test(test_placed_operations_are_supported_and_fail),
		cmocka_unit_test(test_operations_placed_elsewhere_are_not_supported),
		cmocka_unit_test(test_lost_device_supports_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
