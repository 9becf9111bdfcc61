/* A connection that is lost at any point causes failures and zeros, never an abort. Objects created afterwards work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include <ggml-alloc.h>

#include "backend/scene.h"
#include "base/log.h"
#include "wire/extension.h"

static bool all_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Everything that a program does, regardless of failures. Returns whether all of it succeeded. */
static bool use(ggml_backend_dev_t dev, ggml_backend_t backend, ggml_backend_buffer_t buffer, struct scene *s)
{
	uint8_t data[32];
	size_t free_bytes, total;
	ggml_backend_event_t event = ggml_backend_event_new(dev);

	memset(data, 1, sizeof(data));
	ggml_backend_buffer_clear(buffer, 0);
	ggml_backend_tensor_set(s->a, data, 0, sizeof(data));
	ggml_backend_tensor_memset(s->b, 1, 0, 32);
	bool ok = ggml_backend_graph_compute_async(backend, s->graph) == GGML_STATUS_SUCCESS;
	ggml_backend_event_record(event, backend);
	ggml_backend_tensor_get_async(backend, s->sum, data, 0, sizeof(data));
	ggml_backend_event_synchronize(event);
	ggml_backend_synchronize(backend);
	ok = ok && !all_zero(data, sizeof(data));
	ggml_backend_tensor_copy_async(backend, backend, s->a, s->b);
	ggml_backend_tensor_set_2d(s->a, data, 0, 4, 2, 8, 4);
	ggml_backend_tensor_get_2d(s->a, data, 0, 4, 2, 8, 4);
	ok = ok && !all_zero(data, 8);
	ggml_backend_dev_memory(dev, &free_bytes, &total);
	ok = ok && total != 0;
	ok = ggml_backend_graph_compute(backend, s->graph) == GGML_STATUS_SUCCESS && ok;
	ggml_backend_tensor_get(s->sum, data, 0, sizeof(data));
	ok = ok && !all_zero(data, sizeof(data));
	ggml_backend_event_free(event);
	return ok;
}

/* Returns whether everything succeeded with a server that dies at the given request. */
static bool run(uint64_t die_at)
{
	struct scene s = {0};
	bool ok = false;

	fake_init(&s.fake);
	s.fake.die_at = die_at;
	s.dev = fake_device(&s.fake);
	s.fake.refuse = true; /* the client cannot reconnect */
	s.ctx = scene_context(32, 16);
	s.a = ggml_new_tensor_1d(s.ctx, GGML_TYPE_F32, 8);
	s.b = ggml_new_tensor_1d(s.ctx, GGML_TYPE_F32, 8);
	s.sum = ggml_add(s.ctx, s.a, s.b);
	s.graph = ggml_new_graph_custom(s.ctx, 16, false);
	ggml_build_forward_expand(s.graph, s.sum);
	s.backend = s.dev ? ggml_backend_dev_init(s.dev, NULL) : NULL;
	s.buffer = s.backend ? ggml_backend_alloc_ctx_tensors(s.ctx, s.backend) : NULL;
	if (s.buffer)
		ok = use(s.dev, s.backend, s.buffer, &s);
	scene_close(&s);
	return ok;
}

static void test_death_at_every_request(void **state)
{
	(void)state;
	uint64_t die_at = 0;

	while (!run(die_at))
		assert_true(++die_at < 64);
	/* DEVICE_COUNT, GET_ALIGNMENT, ALLOC, BASE, and the requests of use() */
	assert_true(die_at > 12);
	assert_true(run(FAKE_NEVER));
}

static void lose(struct scene *s)
{
	uint8_t byte = 1;

	s->fake.die_at = fake_count(&s->fake, FAKE_ANY);
	ggml_backend_tensor_get(s->a, &byte, 0, 1);
	assert_int_equal(byte, 0);
	s->fake.die_at = FAKE_NEVER;
}

static void test_lost_backend_fails_at_once(void **state)
{
	(void)state;
	struct scene s;
	uint8_t data[32];

	fake_init(&s.fake);
	scene_open(&s);
	lose(&s);
	uint64_t calls = s.fake.sends + s.fake.recvs;
	memset(data, 1, sizeof(data));
	assert_int_equal(ggml_backend_graph_compute(s.backend, s.graph), GGML_STATUS_FAILED);
	ggml_backend_tensor_get_async(s.backend, s.sum, data, 0, sizeof(data));
	ggml_backend_synchronize(s.backend);
	assert_true(all_zero(data, sizeof(data)));
	assert_int_equal(s.fake.sends + s.fake.recvs, calls);
	scene_close(&s);
}

static void test_unreachable_server_has_no_memory(void **state)
{
	(void)state;
	struct scene s;
	size_t free_bytes = 1, total = 1;

	fake_init(&s.fake);
	scene_open(&s);
	lose(&s);
	s.fake.refuse = true;
	ggml_backend_dev_memory(s.dev, &free_bytes, &total);
	assert_int_equal(free_bytes, 0);
	assert_int_equal(total, 0);
	assert_null(ggml_backend_alloc_buffer(s.backend, 64));
	assert_null(ggml_backend_dev_init(s.dev, NULL));
	scene_close(&s);
}

static void keep_line(enum gw_log_level level, const char *line, void *user)
{
	(void)level;
	snprintf(user, 512, "%s", line);
}

/* The client learns that all of the server's slots are in use before it loads anything. */
static void test_full_server_is_told_and_not_used(void **state)
{
	(void)state;
	struct fake fake;
	char line[512] = "";

	fake_init(&fake);
	fake.extensions = 1;
	fake.server_flags = GW_EXT_SERVER_FULL;
	/* It gives no reason, as servers did before there were any. */
	gw_log_set_sink(keep_line, line);
	assert_null(fake_device(&fake));
	gw_log_set_sink(NULL, NULL);
	assert_non_null(strstr(line, "refused: no client slot is free"));
	assert_non_null(strstr(line, "--max-clients-per-host"));
	fake_free(&fake);
}

static void test_new_buffer_and_backend_get_a_new_connection(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	scene_open(&s);
	lose(&s);
	ggml_backend_t backend = ggml_backend_dev_init(s.dev, NULL);
	assert_non_null(backend);
	assert_int_equal(s.fake.connections, 2);
	struct ggml_context *ctx = scene_context(8, 16);
	struct ggml_tensor *a = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 8);
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 16, false);
	struct ggml_tensor *sum = ggml_add(ctx, a, a);
	ggml_build_forward_expand(graph, sum);
	ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors(ctx, backend);
	assert_non_null(buffer);
	assert_int_equal(s.fake.connections, 2);
	assert_int_equal(ggml_backend_graph_compute(backend, graph), GGML_STATUS_SUCCESS);

	/* The contents of the old buffer are lost, also for the new backend; the old backend cannot use the new
	 * buffer. */
	assert_int_equal(ggml_backend_graph_compute(s.backend, graph), GGML_STATUS_FAILED);
	sum->src[1] = s.a;
	assert_int_equal(ggml_backend_graph_compute(backend, graph), GGML_STATUS_FAILED);
	sum->src[1] = a;
	assert_int_equal(ggml_backend_graph_compute(backend, graph), GGML_STATUS_SUCCESS);
	ggml_backend_buffer_free(buffer);
	ggml_backend_free(backend);
	ggml_free(ctx);
	scene_close(&s);
}

static void expect_refusals(struct scene *s)
{
	s->fake.alloc_limit = 1000;
	assert_null(ggml_backend_alloc_buffer(s->backend, 1001));
	s->fake.bad_base = true;
	assert_null(ggml_backend_alloc_buffer(s->backend, 64));
	s->fake.bad_base = false;
	fake_forget(&s->fake);
	ggml_backend_buffer_t buffer = ggml_backend_alloc_buffer(s->backend, 64);
	assert_non_null(buffer);
	ggml_backend_buffer_free(buffer);
}

static void test_refused_allocation_is_null(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	scene_open(&s);
	expect_refusals(&s);
	scene_close(&s);
}

static void test_allocation_takes_one_request_if_possible(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	s.fake.extensions = 1;
	s.fake.server_flags = GW_EXT_SERVER_ALLOC;
	scene_open(&s);
	expect_refusals(&s);
	assert_int_equal(fake_count(&s.fake, GW_CMD_EXT_ALLOC), 1);
	assert_int_equal(fake_count(&s.fake, GW_CMD_ALLOC_BUFFER), 0);
	assert_int_equal(fake_count(&s.fake, GW_CMD_BUFFER_GET_BASE), 0);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_death_at_every_request),
		cmocka_unit_test(test_lost_backend_fails_at_once),
		cmocka_unit_test(test_unreachable_server_has_no_memory),
		cmocka_unit_test(test_full_server_is_told_and_not_used),
		cmocka_unit_test(test_new_buffer_and_backend_get_a_new_connection),
		cmocka_unit_test(test_refused_allocation_is_null),
		cmocka_unit_test(test_allocation_takes_one_request_if_possible),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
