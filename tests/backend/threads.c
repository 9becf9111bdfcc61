/* Several threads share a connection while buffers are created and freed. Also runs under ThreadSanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include <ggml-alloc.h>

#include "backend/scene.h"

#define N_THREADS 4
#define N_ROUNDS 40

struct worker {
	struct scene *s;
	uint64_t uid;
	unsigned n_failed;
};

static bool round_trip(struct worker *w, ggml_backend_t backend)
{
	struct ggml_context *ctx = scene_context(8, 16);
	struct ggml_tensor *a = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 8);
	struct ggml_tensor *sum = ggml_add(ctx, a, a);
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 16, false);
	ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors(ctx, backend);
	uint8_t data[32] = {0}, expected[32];
	bool ok;

	memset(expected, FAKE_BYTE, sizeof(expected));
	ggml_build_forward_expand(graph, sum);
	graph->uid = w->uid;
	ggml_backend_tensor_set_async(backend, a, data, 0, sizeof(data));
	ok = ggml_backend_graph_compute_async(backend, graph) == GGML_STATUS_SUCCESS;
	ok = ggml_backend_graph_compute_async(backend, graph) == GGML_STATUS_SUCCESS && ok;
	ggml_backend_tensor_get_async(backend, sum, data, 0, sizeof(data));
	ggml_backend_synchronize(backend);
	ok = memcmp(data, expected, sizeof(data)) == 0 && ok;
	ok = ggml_backend_dev_supports_op(w->s->dev, sum) && ok;
	ggml_backend_buffer_free(buffer);
	ggml_free(ctx);
	return ok;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	ggml_backend_t backend = ggml_backend_dev_init(w->s->dev, NULL);

	for (int i = 0; i < N_ROUNDS; i++)
		w->n_failed += !round_trip(w, backend);
	ggml_backend_free(backend);
	return NULL;
}

static void test_threads_share_a_connection(void **state)
{
	(void)state;
	struct scene s;
	struct worker workers[N_THREADS];
	pthread_t threads[N_THREADS];

	fake_init(&s.fake);
	s.fake.extensions = 1;
	scene_open(&s);
	for (uint64_t i = 0; i < N_THREADS; i++) {
		workers[i] = (struct worker){.s = &s, .uid = i + 1};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].n_failed, 0);
	}
	assert_int_equal(s.fake.connections, 1);
	assert_int_equal(fake_count(&s.fake, GW_CMD_GRAPH_COMPUTE) + fake_count(&s.fake, GW_CMD_GRAPH_RECOMPUTE),
		2 * N_THREADS * N_ROUNDS);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_share_a_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
