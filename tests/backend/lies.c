/* No server, whatever it replies, can crash a program that uses its devices through ggml's scheduler. Every seed is a
 * different server, which lies about some things, now and then. The programs run in child processes, so that the test
 * notices when ggml aborts. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/liar.h"
#include "backend/program.h"
#include "backend/reg.h"

/* The programs have no threads, so one run under ThreadSanitizer suffices. */
#ifdef __SANITIZE_THREAD__
#define SEEDS 200
#else
#define SEEDS 3000
#endif
#define PER_CHILD 100
/* For PER_CHILD programs of a few milliseconds each. */
#define CHILD_SECONDS 60

struct random {
	uint64_t state;
	uint32_t lies; /* one bit for each liar_number */
	unsigned rate; /* how often a selected number is a lie, out of 16 */
};

static uint64_t next(struct random *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state;
}

static uint64_t edge(struct random *r, uint64_t honest)
{
	static const uint64_t edges[] = {0, 1, 2, 3, 7, 33, 64, 100, 127, 4096, 65535, 1 << 20, 1 << 30, UINT32_MAX,
		UINT64_C(1) << 32, UINT64_C(1) << 40, (UINT64_C(1) << 47) - 1, UINT64_C(1) << 62, INT64_MAX,
		UINT64_C(1) << 63, UINT64_MAX - 63, UINT64_MAX - 1, UINT64_MAX};
	const size_t n = sizeof(edges) / sizeof(edges[0]);

	switch (next(r) % 8) {
	case 0:
		return honest + 1;
	case 1:
		return honest - 1;
	case 2:
		return honest * 2;
	case 3:
		return next(r) >> (next(r) % 64);
	default:
		return edges[next(r) % n];
	}
}

static uint64_t say(void *user, enum liar_number what, uint64_t honest)
{
	struct random *r = user;

	return (r->lies >> what & 1) && next(r) % 16 < r->rate ? edge(r, honest) : honest;
}

static struct random random_of(uint64_t seed)
{
	struct random r = {.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};

	for (int i = 0; i < 8; i++)
		next(&r);
	/* Few lies at a time, or the first ones would hide later ones. */
	for (uint64_t i = next(&r) % 3; i < 3; i++)
		r.lies |= UINT32_C(1) << next(&r) % LIAR_NUMBERS;
	r.rate = (unsigned)(1 + next(&r) % 16);
	return r;
}

static void run(uint64_t seed, bool honest)
{
	/* ggml keeps devices for ever, so everything that they refer to must also live for ever. */
	struct random *r = calloc(1, sizeof(*r));
	struct liar *liar = calloc(1, sizeof(*liar));
	ggml_backend_dev_t devices[4];
	char name[32];

	*r = random_of(seed);
	if (honest)
		r->lies = 0;
	*liar = (struct liar){.version = gw_dialect_at(next(r) % 8)->version, .say = say, .user = r};
	if (next(r) % 4)
		*liar = (struct liar){
			.version = {8, 0, 0}, .extensions = (uint8_t)(next(r) % 4), .say = say, .user = r};
	snprintf(name, sizeof(name), "liar:%llu", (unsigned long long)seed);
	ggml_backend_reg_t reg = gw_reg_add_server_over(name, liar_dial, liar);
	size_t n = reg ? ggml_backend_reg_dev_count(reg) : 0;
	for (size_t i = 0; i < n && i < 4; i++)
		devices[i] = ggml_backend_reg_dev_get(reg, i);
	for (int i = 0; n > 0 && i < 2; i++)
		if (!program_run(devices, n < 4 ? n : 4, (unsigned)next(r)) && honest)
			abort();
}

static void run_child(uint64_t first, bool honest, _Atomic uint64_t *at)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		program_hush();
		for (uint64_t seed = first; seed < first + PER_CHILD; seed++) {
			*at = seed;
			run(seed, honest);
		}
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the server of seed %llu ended the program: %s", (unsigned long long)*at,
			WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit");
}

static _Atomic uint64_t *shared_counter(void)
{
	void *p = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

/* Without lies all programs succeed, so a failure is due to a lie. */
static void honest_servers_serve_every_program(void **state)
{
	(void)state;
	run_child(0, true, shared_counter());
}

static void no_lie_ends_a_program(void **state)
{
	const char *one = getenv("LIES_SEED");
	_Atomic uint64_t *at = shared_counter();

	(void)state;
	if (one) {
		run(strtoull(one, NULL, 10), false);
		return;
	}
	const char *more = getenv("LIES_SEEDS");
	uint64_t n = more ? strtoull(more, NULL, 10) : SEEDS;
	for (uint64_t seed = 0; seed < n; seed += PER_CHILD)
		run_child(seed, false, at);
}

int main(void)
{
	if (!gw_reg_get(NULL))
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_servers_serve_every_program),
		cmocka_unit_test(no_lie_ends_a_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
