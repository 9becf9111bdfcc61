/* A simulated device is never faster than requested. Depending on its settings it computes like the CPU or leaves
 * results untouched. Each case runs in a separate process, because ggml loads a plug-in once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>

enum {
	WIDTH = 96,
	NODES = 3
};
/* With launch=0.02 a graph of NODES nodes takes at least 60 ms. */
#define TOLD_NS (INT64_C(20000000) * NODES)

/* A product, its activation, and the sum of both, on one device. */
struct chain {
	struct ggml_context *ctx;
	ggml_backend_buffer_t buffer;
	struct ggml_tensor *a, *b, *last;
	struct ggml_cgraph *graph;
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool chain_new(struct chain *c, ggml_backend_t backend)
{
	float values[WIDTH * WIDTH];

	c->ctx = ggml_init((struct ggml_init_params){
		.mem_size = 16 * ggml_tensor_overhead() + ggml_graph_overhead(), .no_alloc = true});
	c->a = ggml_new_tensor_2d(c->ctx, GGML_TYPE_F32, WIDTH, WIDTH);
	c->b = ggml_new_tensor_2d(c->ctx, GGML_TYPE_F32, WIDTH, WIDTH);
	struct ggml_tensor *product = ggml_mul_mat(c->ctx, c->a, c->b);
	c->last = ggml_add(c->ctx, product, ggml_gelu(c->ctx, product));
	c->graph = ggml_new_graph(c->ctx);
	ggml_build_forward_expand(c->graph, c->last);
	c->buffer = ggml_backend_alloc_ctx_tensors(c->ctx, backend);
	if (!c->buffer)
		return false;
	ggml_backend_buffer_clear(c->buffer, 0);
	for (int i = 0; i < WIDTH * WIDTH; i++)
		values[i] = (float)(i * 37 % 101) / 50 - 1;
	ggml_backend_tensor_set(c->a, values, 0, sizeof(values));
	ggml_backend_tensor_set(c->b, values, 0, sizeof(values));
	return true;
}

static void chain_result(const struct chain *c, float *values)
{
	ggml_backend_tensor_get(c->last, values, 0, ggml_nbytes(c->last));
}

static void chain_free(struct chain *c)
{
	ggml_backend_buffer_free(c->buffer);
	ggml_free(c->ctx);
}

static ggml_backend_t device_open(const char *settings)
{
	setenv("GGWIRE_SIM", settings, 1);
	if (*GGWIRE_TEST_BACKENDS)
		ggml_backend_load_all_from_path(GGWIRE_TEST_BACKENDS);
	else
		ggml_backend_load_all();
	return ggml_backend_load(GGWIRE_SIM_PLUGIN) ? ggml_backend_init_by_name("SIM0", NULL) : NULL;
}

static ggml_backend_t cpu_open(void)
{
	ggml_backend_t cpu = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, NULL);
	ggml_backend_reg_t reg = cpu ? ggml_backend_dev_backend_reg(ggml_backend_get_device(cpu)) : NULL;
	void *set = reg ? ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads") : NULL;

	if (set)
		((ggml_backend_set_n_threads_t)set)(cpu, 1);
	return cpu;
}

/* Computes two graphs one after the other. Neither finishes too early. */
static bool takes_its_time(ggml_backend_t backend, const struct chain *c)
{
	int64_t start = now_ns();
	for (int i = 0; i < 2; i++)
		if (ggml_backend_graph_compute_async(backend, c->graph) != GGML_STATUS_SUCCESS)
			return false;
	ggml_backend_synchronize(backend);
	if (now_ns() - start < 2 * TOLD_NS)
		return false;
	start = now_ns();
	return ggml_backend_graph_compute(backend, c->graph) == GGML_STATUS_SUCCESS && now_ns() - start >= TOLD_NS;
}

static bool computes_as_the_cpu(void)
{
	ggml_backend_t sim = device_open("launch=0.02,compute=1"), cpu;
	float ours[WIDTH * WIDTH], cpus[WIDTH * WIDTH];
	struct chain a, b;

	cpu = cpu_open();
	if (!sim || !cpu || !chain_new(&a, sim) || !chain_new(&b, cpu) || !takes_its_time(sim, &a))
		return false;
	ggml_backend_graph_compute(cpu, b.graph);
	chain_result(&a, ours);
	chain_result(&b, cpus);
	chain_free(&a);
	chain_free(&b);
	ggml_backend_free(sim);
	ggml_backend_free(cpu);
	for (int i = 0; i < WIDTH * WIDTH; i++)
		if (ours[i] < cpus[i] || ours[i] > cpus[i])
			return false;
	return cpus[0] < 0 || cpus[0] > 0;
}

static bool leaves_zeros(void)
{
	ggml_backend_t sim = device_open("launch=0.02");
	float values[WIDTH * WIDTH];
	struct chain c;
	bool zero = true;

	if (!sim || !chain_new(&c, sim) || !takes_its_time(sim, &c))
		return false;
	chain_result(&c, values);
	for (int i = 0; i < WIDTH * WIDTH; i++)
		zero &= values[i] == 0;
	/* Written values can be read, and cleared values are gone. */
	ggml_backend_tensor_get(c.a, values, 0, sizeof(values));
	bool kept = values[1] != 0;
	ggml_backend_buffer_clear(c.buffer, 0);
	ggml_backend_tensor_get(c.a, values, 0, sizeof(values));
	bool cleared = values[1] == 0;
	chain_free(&c);
	ggml_backend_free(sim);
	return zero && kept && cleared;
}

static bool has_so_many_devices(void)
{
	return device_open("devices=3") && ggml_backend_dev_by_name("SIM2") && !ggml_backend_dev_by_name("SIM3");
}

static bool refuses_nonsense(void)
{
	return !device_open("slow=0");
}

static bool in_a_process(bool (*check)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(check() ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_results_are_the_cpus(void **state)
{
	(void)state;
	assert_true(in_a_process(computes_as_the_cpu));
}

static void test_results_are_untouched_without_computation(void **state)
{
	(void)state;
	assert_true(in_a_process(leaves_zeros));
}

static void test_several_devices(void **state)
{
	(void)state;
	assert_true(in_a_process(has_so_many_devices));
}

static void test_nonsense_is_refused(void **state)
{
	(void)state;
	assert_true(in_a_process(refuses_nonsense));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results_are_the_cpus),
		cmocka_unit_test(test_results_are_untouched_without_computation),
		cmocka_unit_test(test_several_devices),
		cmocka_unit_test(test_nonsense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
