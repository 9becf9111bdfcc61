/* Runs graphs that the server's rules allow on ggml's CPU backend, with every tensor between guard pages:
 *
 *     fuzz-kernels [--seed N] [--graphs N] [--backend FILE]   many graphs, each determined by the seed and its number
 *     fuzz-kernels --seed N --only M                          repeats one of them and prints its details
 *
 * A finding is a fault, an abort, a write outside the elements of results, or a graph that takes 20 s. The graphs run
 * in a child process; after a finding that ends it, a new child continues with the next graph. Exit status: 0 if there
 * was no finding and everything that the rules allow was computed; 1 otherwise; 2 for wrong usage, or without ggml. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "fuzz/kernels/tally.h"
#include "fuzz/kernels/world.h"

#define TIMEOUT_S 20
#define FINDINGS_MAX 40

/* A run of at least this many graphs fails if it never computed something that the rules allow. */
#define COMPLETE_FROM 200000

struct options {
	uint64_t seed;
	uint64_t graphs;
	uint64_t only; /* UINT64_MAX: all */
	const char *backend;
};

static struct kcase the_case;

static enum outcome run_number(const struct options *o, uint64_t number, struct finding *f)
{
	gen_seed(&the_case.gen, o->seed, number);
	return run_case(&the_case, f);
}

static void print_finding(const struct options *o, uint64_t number, const char *text)
{
	printf("FINDING: %s\n  again: --seed %" PRIu64 " --only %" PRIu64 "\n", text, o->seed, number);
	case_print(&the_case);
	fflush(stdout);
}

static int child(const struct options *o, struct tally *t, uint64_t first)
{
	struct finding f;

	run_init();
	for (uint64_t i = first; i < o->graphs; i++) {
		t->at = i;
		enum outcome outcome = run_number(o, i, &f);
		tally_count(t, &the_case, outcome);
		if (outcome == FOUND)
			print_finding(o, i, f.text);
		if (t->n[FOUND] >= FINDINGS_MAX)
			break;
	}
	t->at = UINT64_MAX;
	return 0;
}

/* Waits for a child to exit. Kills it and returns false if it makes no progress for TIMEOUT_S. */
static bool wait_for(pid_t pid, const struct tally *t, int *status)
{
	uint64_t at = t->at, since = gw_clock_ns();

	while (waitpid(pid, status, WNOHANG) == 0) {
		usleep(20000);
		if (t->at != at) {
			at = t->at;
			since = gw_clock_ns();
		}
		if (gw_clock_ns() - since > TIMEOUT_S * UINT64_C(1000000000)) {
			kill(pid, SIGKILL);
			waitpid(pid, status, 0);
			return false;
		}
	}
	return true;
}

static void run_all(const struct options *o, struct tally *t)
{
	uint64_t first = 0;

	while (first < o->graphs && t->n[FOUND] < FINDINGS_MAX) {
		int status;
		t->at = first;
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0) {
			int code = child(o, t, first);
			fflush(stdout);
			_exit(code);
		}
		bool ended = wait_for(pid, t, &status);
		if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
			return;
		printf("FINDING: %s\n  again: --seed %" PRIu64 " --only %" PRIu64 "\n",
			ended ? "the process ended" : "no end after 20 s", o->seed, t->at);
		t->n[FOUND]++;
		first = t->at + 1;
	}
}

static int run_one(const struct options *o)
{
	static const char *const names[] = {"refused", "stopped", "computed", "not made", "FINDING"};
	struct finding f = {0};

	run_init();
	enum outcome outcome = run_number(o, o->only, &f);
	printf("%s: %s%s\n", names[outcome], outcome == FOUND ? f.text : "", f.refusal);
	case_print(&the_case);
	return outcome == FOUND;
}

static bool parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i += 2) {
		const char *value = argv[i + 1];
		if (!value)
			return false;
		if (!strcmp(argv[i], "--seed"))
			o->seed = strtoull(value, NULL, 10);
		else if (!strcmp(argv[i], "--graphs"))
			o->graphs = strtoull(value, NULL, 10);
		else if (!strcmp(argv[i], "--only"))
			o->only = strtoull(value, NULL, 10);
		else if (!strcmp(argv[i], "--backend"))
			o->backend = value;
		else
			return false;
	}
	return true;
}

/* OpenMP reads its settings when it is loaded. Without this one the second thread spins between graphs. */
static void set_environment(char **argv)
{
	if (getenv("OMP_WAIT_POLICY"))
		return;
	setenv("OMP_WAIT_POLICY", "passive", 1);
	execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
	struct options o = {.seed = 1, .graphs = 200000, .only = UINT64_MAX};

	if (!parse(argc, argv, &o)) {
		fprintf(stderr, "usage: fuzz-kernels [--seed N] [--graphs N] [--only M] [--backend FILE]\n");
		return 2;
	}
	set_environment(argv);
	if (!world_open(o.backend))
		return 2;
	if (o.only != UINT64_MAX)
		return run_one(&o);
	struct tally *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return 2;
	uint64_t start = gw_clock_ns();
	run_all(&o, t);
	tally_print(t);
	printf("seed %" PRIu64 ", %.1f s\n", o.seed, (double)(gw_clock_ns() - start) / 1e9);
	if (t->n[FOUND] > 0)
		return 1;
	return o.graphs >= COMPLETE_FROM && !tally_is_complete(t);
}
