/* Runs the sandbox's BPF programs on every system call of this machine and compares the verdicts with
 * tests/daemon/sandbox/sandbox_calls.txt. No system call is made, so all numbers and arguments can be tried.
 *
 * With GGWIRE_TEST_WRITE=1 the test prints the verdicts in the file's format instead. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/sandbox/seccomp.h"

#define NUMBERS 1024
#define KINDS 3
#define ARG_SETS 3

static struct sock_filter programs[KINDS][BPF_MAXINSNS];
static size_t lengths[KINDS];
static int export_to;

/* Replaces libseccomp's function: records the filter instead of loading it. */
int seccomp_load(scmp_filter_ctx ctx)
{
	return seccomp_export_bpf(ctx, export_to);
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		export_to = memfd_create("filter", MFD_CLOEXEC);
		assert_true(export_to >= 0);
		assert_true(gw_sandbox_seccomp((enum gw_sandbox_kind)i, false));
		ssize_t n = pread(export_to, programs[i], sizeof(programs[i]), 0);
		assert_true(n > 0 && n % (ssize_t)sizeof(struct sock_filter) == 0);
		lengths[i] = (size_t)n / sizeof(struct sock_filter);
		close(export_to);
	}
	return 0;
}

static bool jumps(const struct sock_filter *f, uint32_t a)
{
	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		return a == f->k;
	case BPF_JGT:
		return a > f->k;
	case BPF_JGE:
		return a >= f->k;
	case BPF_JSET:
		return (a & f->k) != 0;
	default:
		fail_msg("unknown jump 0x%x", f->code);
		return false;
	}
}

/* The filter's verdict on a call: one of SECCOMP_RET_. */
static uint32_t run(size_t kind, const struct seccomp_data *data)
{
	uint32_t a = 0;
	for (size_t at = 0; at < lengths[kind]; at++) {
		const struct sock_filter *f = &programs[kind][at];
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(f->k + sizeof(a) <= sizeof(*data));
			memcpy(&a, (const char *)data + f->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_JMP | BPF_JA:
			at += f->k;
			break;
		case BPF_RET | BPF_K:
			return f->k;
		default:
			assert_int_equal(BPF_CLASS(f->code), BPF_JMP);
			at += jumps(f, a) ? f->jt : f->jf;
		}
	}
	fail_msg("a filter does not return");
	return 0;
}

static const char *verdict_text(uint32_t verdict)
{
	switch (verdict) {
	case SECCOMP_RET_ALLOW:
		return "allow";
	case SECCOMP_RET_ERRNO | EPERM:
		return "EPERM";
	case SECCOMP_RET_ERRNO | ENOSYS:
		return "ENOSYS";
	default:
		return "kill";
	}
}

static uint32_t verdict(size_t kind, int number, const uint64_t args[6])
{
	struct seccomp_data data = {.nr = number, .arch = seccomp_arch_native()};
	memcpy(data.args, args, sizeof(data.args));
	return run(kind, &data);
}

/* Tries arguments of 0, of 1, and of all bits. Writes "allow", or "allow/EPERM/EPERM" if the verdicts differ. */
static void describe(size_t kind, int number, char *out, size_t size)
{
	static const uint64_t sets[ARG_SETS][6] = {
		{0}, {1, 1, 1, 1, 1, 1}, {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	const char *texts[ARG_SETS];
	for (size_t i = 0; i < ARG_SETS; i++)
		texts[i] = verdict_text(verdict(kind, number, sets[i]));
	if (strcmp(texts[0], texts[1]) == 0 && strcmp(texts[0], texts[2]) == 0)
		snprintf(out, size, "%s", texts[0]);
	else
		snprintf(out, size, "%s/%s/%s", texts[0], texts[1], texts[2]);
}

static void line_of(int number, const char *name, char *out, size_t size)
{
	char texts[KINDS][32];
	for (size_t i = 0; i < KINDS; i++)
		describe(i, number, texts[i], sizeof(texts[i]));
	snprintf(out, size, "%s %s %s %s", name, texts[GW_SANDBOX_CPU], texts[GW_SANDBOX_DRIVERS],
		texts[GW_SANDBOX_HTTP]);
}

static void print_all(void)
{
	char line[256];
	for (int number = 0; number < NUMBERS; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
		if (name) {
			line_of(number, name, line, sizeof(line));
			puts(line);
		}
		free(name);
	}
}

/* The file lists the calls of x86-64; other architectures share most names. A libseccomp that does not know a name has
 * no rule for it. */
static void verdicts_match_the_committed_list(void **state)
{
	(void)state;
	char line[256], name[64], now[256];
	size_t n = 0;
	FILE *file = fopen(GGWIRE_SANDBOX_CALLS, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || sscanf(line, "%63s", name) != 1)
			continue;
		int number = seccomp_syscall_resolve_name(name);
		if (number < 0)
			continue;
		line_of(number, name, now, sizeof(now));
		if (strcmp(line, now) != 0)
			fail_msg("the file says '%s', the filters '%s'", line, now);
		n++;
	}
	fclose(file);
	assert_true(n > 250);
}

static bool is_in_file(const char *name)
{
	char line[256];
	size_t len = strlen(name);
	bool found = false;
	FILE *file = fopen(GGWIRE_SANDBOX_CALLS, "re");
	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file))
		found = strncmp(line, name, len) == 0 && line[len] == ' ';
	fclose(file);
	return found;
}

/* This includes calls of future kernels. */
static void unlisted_calls_are_refused_without_drivers(void **state)
{
	(void)state;
	static const uint64_t args[6] = {0};
	static const size_t kinds[] = {GW_SANDBOX_CPU, GW_SANDBOX_HTTP};
	for (int number = 0; number < NUMBERS; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
		for (size_t i = 0; i < 2 && !(name && is_in_file(name)); i++)
			if (verdict(kinds[i], number, args) == SECCOMP_RET_ALLOW)
				fail_msg("call %d (%s) is allowed", number, name ? name : "unknown");
		free(name);
	}
}

/* The upper half of an argument, which the kernel ignores, must not change the verdict. */
static void upper_halves_of_arguments_are_ignored(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint64_t args[6];
	} cases[] = {
		{"ioctl", {0, 0x5412, 0}},          /* TIOCSTI */
		{"ioctl", {0, 0x541c, 0}},          /* TIOCLINUX */
		{"fcntl", {0, 8, 1}},               /* F_SETOWN */
		{"prctl", {4, 1}},                  /* PR_SET_DUMPABLE */
		{"socket", {2, 1, 0}},              /* AF_INET */
		{"clone", {0x4000, 0}},             /* a new process */
		{"kill", {1, 9}},                   /* another process */
		{"prlimit64", {1, 7}},              /* another process */
		{"setpriority", {0, 1, 19}},        /* another process */
		{"sched_setaffinity", {1, 8, 4096}} /* another process */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int number = seccomp_syscall_resolve_name(cases[i].name);
		for (size_t kind = 0; kind < KINDS; kind++) {
			for (unsigned high = 0; high < 64; high++) {
				uint64_t args[6];
				memcpy(args, cases[i].args, sizeof(args));
				for (unsigned k = 0; k < 6; k++)
					args[k] |= high >> k & 1 ? UINT64_C(0xffffffff00000000) : 0;
				if (number >= 0 && verdict(kind, number, args) == SECCOMP_RET_ALLOW)
					fail_msg(
						"%s passes filter %zu with upper halves %x", cases[i].name, kind, high);
			}
		}
	}
}

/* Another architecture's entry point has other call numbers. */
static void other_architectures_end_the_process(void **state)
{
	(void)state;
	struct seccomp_data data = {.nr = 1, .arch = AUDIT_ARCH_MIPS};
	for (size_t kind = 0; kind < KINDS; kind++)
		assert_string_equal(verdict_text(run(kind, &data)), "kill");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_match_the_committed_list),
		cmocka_unit_test(unlisted_calls_are_refused_without_drivers),
		cmocka_unit_test(upper_halves_of_arguments_are_ignored),
		cmocka_unit_test(other_architectures_end_the_process),
	};
	if (getenv("GGWIRE_TEST_WRITE"))
		return setup(NULL) ? 1 : (print_all(), 0);
	return cmocka_run_group_tests(tests, setup, NULL);
}
