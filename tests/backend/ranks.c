/* However many servers add up, whatever the size and the format: every rank has the same bits, and they are the right
 * ones. The servers are real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "backend/ranks.h"
#include "device/peers/sum.h"

#define ELEMENTS 300000
#define BF16_FROM 32768

static struct serving servers[RANKS_MAX];
static size_t n_servers; /* that run */
static float values[RANKS_MAX][ELEMENTS], expected[ELEMENTS], got[ELEMENTS];
static uint64_t seed = 1;

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* At least so many servers run from now on. */
static void need(size_t n)
{
	for (; n_servers < n; n_servers++)
#ifdef RANKS_TLS
		ranks_serve_tls(&servers[n_servers], 1);
#else
		ranks_serve(&servers[n_servers], 1, NULL);
#endif
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_servers; i++)
		serving_end(&servers[i]);
	return 0;
}

/* Of very different sizes, so that the order of additions matters. */
static float number(void)
{
	uint64_t bits = next();
	float value = (float)(int32_t)(bits >> 32);
	return value * (bits & 1 ? 1e-9F : bits & 2 ? 1e3F : 1e-3F);
}

static float round_to_bf16(float value)
{
	uint16_t rounded;
	gw_sum_to_bf16(&value, &rounded, 1);
	gw_sum_from_bf16(&rounded, &value, 1);
	return value;
}

/* The sum in the order of servers, of which each adds up its own ranks first. */
static float sum_of(const struct ranks *r, const size_t *which, size_t i, bool bf16)
{
	bool seen[RANKS_MAX] = {false};
	float sum = 0;
	for (size_t j = 0, n = 0; j < r->n; j++) {
		float own = 0;
		size_t n_own = 0;
		if (seen[which[j]])
			continue;
		seen[which[j]] = true;
		for (size_t k = j; k < r->n; k++)
			if (which[k] == which[j] && (r->rank[k].tensor->flags & GGML_TENSOR_FLAG_COMPUTE))
				own = n_own++ ? own + values[k][i] : values[k][i];
		own = bf16 ? round_to_bf16(own) : own;
		sum = n++ ? sum + own : own;
	}
	return sum;
}

/* Two steps in BF16 round the sum, too. */
static void check_sum(const struct ranks *r, const size_t *which, size_t n, bool bf16)
{
	ggml_backend_tensor_get(r->rank[0].tensor, got, 0, n * sizeof(float));
	for (size_t i = 0; i < n; i++)
		expected[i] = sum_of(r, which, i, bf16);
	if (bf16 && n > 0 && memcmp(got, expected, n * sizeof(float)) != 0)
		for (size_t i = 0; i < n; i++)
			expected[i] = round_to_bf16(expected[i]);
	assert_memory_equal(got, expected, n * sizeof(float));
}

static void check(struct ranks *r, const size_t *which, size_t n, bool bf16)
{
	ranks_resize(r, n);
	for (size_t j = 0; j < r->n; j++) {
		struct ggml_tensor *t = r->rank[j].tensor;
		for (size_t i = 0; i < n; i++)
			values[j][i] = number();
		ggml_backend_tensor_set(t, values[j], 0, n * sizeof(float));
		if (next() % 8 == 0)
			t->flags &= ~GGML_TENSOR_FLAG_COMPUTE;
	}
	assert_true(ranks_reduce(r));
	check_sum(r, which, n, bf16);
	for (size_t j = 1; j < r->n; j++) {
		ggml_backend_tensor_get(r->rank[j].tensor, got, 0, n * sizeof(float));
		assert_memory_equal(got, expected, n * sizeof(float));
	}
}

static void check_format(struct ranks *r, const size_t *which, const size_t *sizes, size_t n, const char *format)
{
	setenv("GGML_RPC_ALLREDUCE", format, 1);
	assert_true(ranks_connect(r));
	for (size_t k = 0; k < n; k++)
		check(r, which, sizes[k], strcmp(format, "bf16") == 0 || (format[0] == 'a' && sizes[k] >= BF16_FROM));
	ranks_reset(r);
}

static void check_formats(const size_t *which, size_t n, const size_t *sizes, size_t n_sizes)
{
	struct ranks r;
	for (size_t i = 0; i < n; i++)
		need(which[i] + 1);
	ranks_open(&r, servers, which, n, ELEMENTS);
	check_format(&r, which, sizes, n_sizes, "f32");
	check_format(&r, which, sizes, n_sizes, "bf16");
	check_format(&r, which, sizes, n_sizes, "auto");
	ranks_close(&r);
}

/* The smallest, those around which formats and steps change, and others. */
static void check_sizes(const size_t *which, size_t n)
{
	enum {
		FIXED = 24,
		RANDOM = 12
	};
	size_t sizes[FIXED + RANDOM] = {0, 1, 2, 3, 5, 8, 13, 1023, 1024, 1025, 4096, 8191, 8192, 8193, 12288, 16384,
		24576, 24577, 32767, 32768, 32769, 49152, 49153, ELEMENTS};
	for (size_t k = FIXED; k < FIXED + RANDOM; k++)
		sizes[k] = (size_t)(next() % (k % 2 ? 50000 : 64));
	check_formats(which, n, sizes, FIXED + RANDOM);
}

static const size_t all[RANKS_MAX] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void two_servers(void **state)
{
	(void)state;
	check_sizes(all, 2);
}

static void three_servers(void **state)
{
	(void)state;
	check_sizes(all, 3);
}

static void four_servers(void **state)
{
	(void)state;
	check_sizes((const size_t[]){3, 0, 2, 1}, 4);
}

static void eight_servers(void **state)
{
	(void)state;
	check_sizes(all, 8);
}

/* As many as a group can have, with fewer sizes: two processors do the work of 16 machines. */
static void sixteen_servers(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 1023, 4096, 4992, 4993, 9984, 9985, 32768, ELEMENTS};
	(void)state;
	check_formats(all, RANKS_MAX, sizes, sizeof(sizes) / sizeof(sizes[0]));
}

static void several_ranks_of_a_server(void **state)
{
	(void)state;
	check_sizes((const size_t[]){0, 0}, 2);
	check_sizes((const size_t[]){0, 1, 0, 2, 1}, 5);
}

/* Nothing keeps the client from asking for many before the first is done. */
static void all_reduces_are_queued(void **state)
{
	struct ranks r;
	(void)state;
	setenv("GGML_RPC_ALLREDUCE", "f32", 1);
	need(4);
	ranks_open(&r, servers, all, 4, ELEMENTS);
	assert_true(ranks_connect(&r));
	ranks_resize(&r, 1000);
	for (size_t j = 0; j < r.n; j++) {
		for (size_t i = 0; i < 1000; i++)
			values[j][i] = 1;
		ggml_backend_tensor_set(r.rank[j].tensor, values[j], 0, 1000 * sizeof(float));
	}
	for (size_t k = 0; k < 10; k++)
		assert_true(ranks_reduce(&r));
	for (size_t i = 0; i < 1000; i++)
		expected[i] = 1048576;
	for (size_t j = 0; j < r.n; j++) {
		ggml_backend_tensor_get(r.rank[j].tensor, got, 0, 1000 * sizeof(float));
		assert_memory_equal(got, expected, 1000 * sizeof(float));
	}
	ranks_close(&r);
}

/* In the order in which they were asked for, with what is computed and written before and after. */
static void copies_keep_their_place(void **state)
{
	struct ranks r;
	(void)state;
	need(4);
	ranks_open(&r, servers, all, 4, ELEMENTS);
	for (size_t n = 1; n <= ELEMENTS; n = n * 7 + 1) {
		ranks_resize(&r, n);
		for (size_t i = 0; i < n; i++)
			values[0][i] = number();
		ggml_backend_tensor_set_async(r.rank[0].backend, r.rank[0].tensor, values[0], 0, n * sizeof(float));
		for (size_t hop = 0; hop < 9; hop++) {
			const struct rank *from = &r.rank[hop % 4], *to = &r.rank[(hop + 1) % 4];
			ggml_backend_tensor_copy_async(from->backend, to->backend, from->tensor, to->tensor);
			ggml_backend_tensor_memset(from->tensor, 0, 0, n * sizeof(float));
		}
		ggml_backend_tensor_get(r.rank[1].tensor, got, 0, n * sizeof(float));
		assert_memory_equal(got, values[0], n * sizeof(float));
		ggml_backend_tensor_get(r.rank[0].tensor, got, 0, n * sizeof(float));
		for (size_t i = 0; i < n; i++)
			assert_true(got[i] == 0);
	}
	ranks_close(&r);
}

/* A context of its own on the same servers: all-reduces, copies the other way, and waits in between. */
static void *compute_main(void *which)
{
	static const float ones[64] = {[0] = 1, [63] = 1};
	float sum[64];
	struct ranks r;
	ranks_open(&r, servers, which, 3, 64);
	if (!ranks_connect(&r))
		return "not connected";
	ranks_resize(&r, 64);
	for (size_t k = 0; k < 300; k++) {
		for (size_t j = 0; j < 3; j++)
			ggml_backend_tensor_set(r.rank[j].tensor, ones, 0, sizeof(ones));
		for (size_t j = 0; j < 3; j++)
			(void)ranks_reduce(&r);
		ggml_backend_tensor_copy_async(
			r.rank[2].backend, r.rank[k % 2].backend, r.rank[2].tensor, r.rank[k % 2].tensor);
		ggml_backend_tensor_get(r.rank[k % 3].tensor, sum, 0, sizeof(sum));
		if (sum[0] < 26.5F || sum[0] > 27.5F || sum[63] < 26.5F || sum[63] > 27.5F)
			return "wrong sums";
	}
	ranks_close(&r);
	return NULL;
}

static void threads_do_not_wait_for_each_other(void **state)
{
	static size_t ways[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};
	pthread_t threads[3];
	(void)state;
	need(3);
	setenv("GGML_RPC_ALLREDUCE", "f32", 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, compute_main, ways[i]), 0);
	for (size_t i = 0; i < 3; i++) {
		void *failure;
		assert_int_equal(pthread_join(threads[i], &failure), 0);
		if (failure)
			fail_msg("%s", (const char *)failure);
	}
}

/* Links outlive what they were made for. */
static void groups_come_and_go(void **state)
{
	struct ranks a, b;
	(void)state;
	need(3);
	setenv("GGML_RPC_ALLREDUCE", "f32", 1);
	ranks_open(&a, servers, all, 3, 64);
	ranks_open(&b, servers, (const size_t[]){2, 0}, 2, 64);
	for (size_t k = 0; k < 100; k++) {
		assert_true(ranks_connect(&a));
		assert_true(ranks_connect(&b));
		check(&a, all, 64, false);
		check(&b, (const size_t[]){2, 0}, 63, false);
		ranks_reset(&a);
		ranks_reset(&b);
	}
	ranks_close(&a);
	ranks_close(&b);
	for (size_t i = 0; i < 3; i++)
#ifdef RANKS_TLS
		assert_non_null(strstr(serving_await(&servers[i], "linked to the server at"), " over TLS"));
#else
		assert_non_null(strstr(serving_await(&servers[i], "linked to the server at"), " over TCP"));
#endif
}

/* Usage: test_backend_ranks [PATTERN]: only tests with such a name. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_servers),
		cmocka_unit_test(three_servers),
		cmocka_unit_test(four_servers),
		cmocka_unit_test(eight_servers),
		cmocka_unit_test(sixteen_servers),
		cmocka_unit_test(several_ranks_of_a_server),
		cmocka_unit_test(all_reduces_are_queued),
		cmocka_unit_test(copies_keep_their_place),
		cmocka_unit_test(threads_do_not_wait_for_each_other),
		cmocka_unit_test(groups_come_and_go),
	};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, teardown);
}
