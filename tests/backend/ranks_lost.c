/* A server that dies, hangs or loses its links while several add up: every rank's computation ends, a server that is
 * left says whom it lost, and the next ones work again. GGML_RPC_TIMEOUT is two seconds. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/ranks.h"
#include "base/clock.h"

#define N 4
#define ELEMENTS (1 << 18)
#define LIMIT_MS 30000

static struct serving servers[N];
static const size_t all[N] = {0, 1, 2, 3};

static int setup(void **state)
{
	(void)state;
	ranks_serve(servers, N, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++)
		serving_end(&servers[i]);
	return 0;
}

static pid_t workers[N]; /* that have the clients */

static void open_all(struct ranks *r)
{
	static const char text[] = "served by worker ";
	ranks_open(r, servers, all, N, ELEMENTS);
	for (size_t i = 0; i < N; i++)
		workers[i] = (pid_t)atol(strstr(serving_await(&servers[i], text), text) + sizeof(text) - 1);
	assert_true(ranks_connect(r));
	ranks_resize(r, ELEMENTS);
}

/* Whether the sums are there on all ranks, of which each had ones. */
static bool sums_are_right(struct ranks *r)
{
	static float values[ELEMENTS];
	bool right = true;
	for (size_t j = 0; j < r->n; j++) {
		for (size_t i = 0; i < ELEMENTS; i++)
			values[i] = 1;
		ggml_backend_tensor_set(r->rank[j].tensor, values, 0, sizeof(values));
	}
	right &= ranks_reduce(r);
	for (size_t j = 0; j < r->n; j++) {
		ggml_backend_tensor_get(r->rank[j].tensor, values, 0, sizeof(values));
		for (size_t i = 0; i < ELEMENTS; i++)
			right &= values[i] > N - 0.5F && values[i] < N + 0.5F;
	}
	return right;
}

/* A server that was not hurt says which one was lost. */
static void expect_blame(size_t hurt)
{
	(void)serving_await(&servers[hurt == 0 ? 1 : 0], "EXT_ALLREDUCE: server at 127.0.0.1:");
}

/* signo: the signal for the worker; queued: the all-reduces that wait for it then. Without any, the client can notice
 * the loss before it asks the others for one, so that none of them has anything to report. */
static void hurt(size_t which, int signo, size_t queued)
{
	struct ranks r;
	uint64_t start = gw_clock_ns();
	open_all(&r);
	pid_t pid = workers[which];
	if (queued)
		assert_int_equal(kill(pid, SIGSTOP), 0);
	for (size_t k = 0; k < queued; k++)
		assert_true(ranks_reduce(&r));
	assert_int_equal(kill(pid, signo), 0);
	for (size_t k = 0; k < 3; k++)
		(void)sums_are_right(&r);
	assert_false(sums_are_right(&r));
	if (queued)
		expect_blame(which);
	kill(pid, SIGKILL);
	ranks_close(&r);
	assert_true(gw_clock_ns() - start < LIMIT_MS * GW_NS_PER_MS);
	open_all(&r);
	assert_true(sums_are_right(&r));
	ranks_close(&r);
}

static void a_server_that_dies_between(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++)
		hurt(i, SIGKILL, 0);
}

static void a_server_that_dies_within(void **state)
{
	(void)state;
	hurt(0, SIGKILL, 20);
	hurt(1, SIGKILL, 7);
	hurt(3, SIGKILL, 1);
}

static void a_server_that_hangs(void **state)
{
	(void)state;
	hurt(2, SIGSTOP, 3);
}

/* Then nothing is linked, ggml is told so, and the program goes on. */
static void a_server_that_is_set_to_link_to_none(void **state)
{
	static struct serving alone;
	struct serving two[2];
	struct ranks r;
	(void)state;
	ranks_serve(&alone, 1, (const char *const[]){"--no-peers", NULL});
	two[0] = servers[0];
	two[1] = alone;
	ranks_open(&r, two, (const size_t[]){0, 1}, 2, 64);
	assert_false(ranks_connect(&r));
	ranks_close(&r);
	serving_end(&alone);
}

int main(void)
{
	setenv("GGML_RPC_TIMEOUT", "2", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_dies_between),
		cmocka_unit_test(a_server_that_dies_within),
		cmocka_unit_test(a_server_that_hangs),
		cmocka_unit_test(a_server_that_is_set_to_link_to_none),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
