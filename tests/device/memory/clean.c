/* No client can read what another client wrote, in a server that serves all clients from one process. */
#include "device/fake_device.h"
#include "device/marker.h"
#include "device/rig.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device/memory/buffers.h"
#include "device/memory/cpu.h"
#include "device/memory/host_memory.h"
#include "device/session/staging.h"

static void one_after_the_other(struct gw_server *server, bool computes)
{
	struct rig rig;

	for (int i = 0; i < 2; i++) {
		struct gw_client *c = rig_client(&rig, server);
		marker_write(c, computes);
		rig_leave(&rig, c);
		c = rig_client(&rig, server);
		marker_expect_none(c, computes);
		rig_leave(&rig, c);
	}
	gw_server_free(server);
}

static void host_memory_is_clean(void **state)
{
	struct gw_server_options options = rig_options();

	(void)state;
	one_after_the_other(rig_server(&options), true);
}

static struct gw_server *fake_server(struct fake **fake)
{
	static ggml_backend_dev_t devices[1];
	struct gw_server_options options = rig_options();

	devices[0] = fake_device(fake);
	options.devices = devices;
	return rig_server(&options);
}

static void device_memory_is_clean(void **state)
{
	struct fake *fake;

	(void)state;
	one_after_the_other(fake_server(&fake), false);
}

static void device_memory_is_clean_with_late_copies(void **state)
{
	struct fake *fake;
	struct gw_server *server = fake_server(&fake);

	(void)state;
	fake->async = true;
	one_after_the_other(server, false);
}

static void memory_is_clean_while_another_client_is_connected(void **state)
{
	struct gw_server_options options = rig_options();
	struct gw_server *server = rig_server(&options);
	struct rig rigs[2];
	struct gw_client *a = rig_client(&rigs[0], server), *b = rig_client(&rigs[1], server);

	(void)state;
	marker_write(a, true);
	marker_expect_none(b, true);
	rig_leave(&rigs[0], a);
	rig_leave(&rigs[1], b);
	gw_server_free(server);
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

/* A transport may give the client read access to them. */
static void staging_is_clean(void **state)
{
	struct gw_device device = {.dev = rig_cpu()};

	(void)state;
	for (int round = 0; round < 3; round++) {
		struct gw_staging staging = {0};
		/* Memory that an earlier client, or the program, left on the heap. */
		uint8_t *heap[4];
		for (int i = 0; i < 4; i++) {
			heap[i] = malloc(GW_STAGING_CHUNK);
			assert_non_null(heap[i]);
			memset(heap[i], 0x5a, GW_STAGING_CHUNK);
		}
		for (int i = 0; i < 4; i++)
			free(heap[i]);
		for (int i = 0; i < 2; i++) {
			uint8_t *chunk = gw_staging_chunk(&staging, &device);
			assert_non_null(chunk);
			assert_true(all_zero(chunk, GW_STAGING_CHUNK));
			memset(chunk, 0xa5, GW_STAGING_CHUNK);
			staging.current ^= 1;
		}
		gw_staging_free(&staging);
	}
}

/* A product for which ggml first converts n F32 numbers to Q8_0, which takes most of the scratch memory. */
static struct ggml_cgraph *product(struct ggml_context *ctx, int64_t n)
{
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 8, false);
	struct ggml_tensor *a = ggml_new_tensor_2d(ctx, GGML_TYPE_Q8_0, 32, 1);
	struct ggml_tensor *b = ggml_new_tensor_2d(ctx, GGML_TYPE_F32, 32, n / 32);

	ggml_build_forward_expand(graph, ggml_mul_mat(ctx, a, b));
	return graph;
}

/* Kernels should not read scratch memory before they write it, but a mistake must not leak another client's bytes. */
static void scratch_memory_is_clean_and_counted(void **state)
{
	struct gw_budget budget = {.max = 1 << 20};
	ggml_backend_t backend = ggml_backend_dev_init(rig_cpu(), NULL);
	struct ggml_context *ctx = ggml_init((struct ggml_init_params){.mem_size = 1 << 16, .no_alloc = true});
	struct gw_error err = {0};
	struct gw_cpu *cpu;

	(void)state;
	assert_int_equal(gw_cpu_new(rig_cpu(), 1, &budget, &cpu), GW_OK);
	const struct gw_host_memory *scratch = gw_cpu_scratch(cpu);
	for (int64_t n = 1 << 10; n <= 1 << 18; n *= 4) {
		assert_int_equal(gw_cpu_plan(cpu, product(ctx, n), &err), GW_OK);
		assert_true(scratch->n_bytes >= (size_t)n && budget.used >= (uint64_t)n);
		assert_true(all_zero(scratch->pages, scratch->n_bytes));
		memset(scratch->pages, 0xa5, scratch->n_bytes);
	}
	/* A smaller graph keeps the scratch memory, and a graph that is too large releases it. */
	uint64_t used = budget.used;
	assert_int_equal(gw_cpu_plan(cpu, product(ctx, 1 << 10), &err), GW_OK);
	assert_int_equal(budget.used, used);
	assert_int_equal(gw_cpu_plan(cpu, product(ctx, 1 << 20), &err), GW_ERR_LIMIT);
	assert_int_equal(budget.used, 0);
	gw_cpu_free(cpu);
	ggml_free(ctx);
	ggml_backend_free(backend);
}

/* Returns the signal that ends a process when it reads, or writes, the byte. */
static int signal_of_touching(volatile uint8_t *byte, bool writes)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		/* A sanitizer would catch the signal and print a report. */
		signal(SIGSEGV, SIG_DFL);
		uint8_t value = *byte;
		if (writes)
			*byte = 1;
		_exit(value);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void nothing_is_beside_host_memory(void **state)
{
	static const size_t sizes[] = {1, 63, 64, 65, 4095, 4096, 4097, 100000, 1 << 20};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct gw_host_memory m;
		assert_int_equal(gw_host_memory_map(sizes[i], &m), GW_OK);
		uint8_t *end = m.pages + m.n_bytes;
		assert_int_equal((uintptr_t)m.data % GW_HOST_MEMORY_ALIGN, 0);
		assert_true(end - (m.data + sizes[i]) < GW_HOST_MEMORY_ALIGN);
		assert_true(all_zero(m.pages, m.n_bytes));
		assert_int_equal(signal_of_touching(m.data, true), 0);
		assert_int_equal(signal_of_touching(m.data + sizes[i] - 1, true), 0);
		assert_int_equal(signal_of_touching(m.pages - 1, false), SIGSEGV);
		assert_int_equal(signal_of_touching(end, false), 0);
		assert_int_equal(signal_of_touching(end, true), SIGSEGV);
		assert_int_equal(signal_of_touching(end + page - 1, true), SIGSEGV);
		assert_int_equal(signal_of_touching(end + page, false), SIGSEGV);
		gw_host_memory_unmap(&m);
		assert_null(m.data);
	}
}

static void impossible_sizes_are_refused(void **state)
{
	struct gw_host_memory m;

	(void)state;
	assert_int_equal(gw_host_memory_map(SIZE_MAX, &m), GW_ERR_NOMEM);
	assert_int_equal(gw_host_memory_map(SIZE_MAX / 2, &m), GW_ERR_NOMEM);
	assert_int_equal(gw_host_memory_map((size_t)1 << 60, &m), GW_ERR_NOMEM);
}

/* Otherwise the kernel's limit on mappings would stop the next mmap anywhere in the process, even in ggml. */
static void buffers_end_before_mappings_do(void **state)
{
	struct gw_server_options options = rig_options();
	struct gw_server *server = rig_server(&options);
	struct rig rig;
	struct gw_client *c = rig_client(&rig, server);
	uint32_t n = 0;

	(void)state;
	while (n <= GW_BUFFERS_MAX && rig_alloc(c, 5000).handle)
		n++;
	assert_int_equal(n, GW_BUFFERS_MAX);
	/* The server and its process still have room for what they need. */
	struct rig other;
	struct gw_client *d = rig_client(&other, server);
	struct rig_buffer b = rig_alloc(d, 1 << 20);
	assert_int_not_equal(b.handle, 0);
	rig_leave(&other, d);
	rig_leave(&rig, c);
	gw_server_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_memory_is_clean),
		cmocka_unit_test(device_memory_is_clean),
		cmocka_unit_test(device_memory_is_clean_with_late_copies),
		cmocka_unit_test(memory_is_clean_while_another_client_is_connected),
		cmocka_unit_test(staging_is_clean),
		cmocka_unit_test(scratch_memory_is_clean_and_counted),
		cmocka_unit_test(nothing_is_beside_host_memory),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(buffers_end_before_mappings_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
