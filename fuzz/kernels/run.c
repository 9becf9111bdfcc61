#include "fuzz/kernels/run.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "device/graph/graph.h"
#include "fuzz/kernels/world.h"

static sigjmp_buf back;
static volatile sig_atomic_t within; /* inside a kernel or ggml's constructors: failures return here */
static volatile int caught;
static void *volatile where;
static char aborted[200];
static pid_t main_thread;

static pid_t thread_id(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!within || thread_id() != main_thread) {
		static const char text[] = "  a fault in another thread, or in the server\n";
		if (write(1, text, sizeof(text) - 1) < 0)
			_exit(RUN_STATUS_FAULT);
		_exit(RUN_STATUS_FAULT);
	}
	caught = number;
	where = info->si_addr;
	siglongjmp(back, 1);
}

static void on_abort(const char *message)
{
	snprintf(aborted, sizeof(aborted), "%s", message);
	if (thread_id() != main_thread) {
		printf("  %s\n", aborted);
		fflush(stdout);
		_exit(RUN_STATUS_FAULT);
	}
	caught = SIGABRT;
	siglongjmp(back, 1);
}

static void quiet(enum ggml_log_level level, const char *text, void *user)
{
	(void)level;
	(void)text;
	(void)user;
}

void run_init(void)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	static uint8_t stack[1 << 16];
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	main_thread = thread_id();
	ggml_set_abort_callback(on_abort);
	ggml_log_set(quiet, NULL);
}

static void describe_place(char *out, size_t size)
{
	uintptr_t at = (uintptr_t)where;

	snprintf(out, size, "at %p", where);
	for (int i = 0; i < WORLD_SLOTS; i++) {
		uintptr_t from = (uintptr_t)world_slots[i].memory;
		if (at + 65536 > from && at < from + world_slots[i].size + 65536)
			snprintf(out, size, "at %+ld of slot %d of %zu bytes", (long)(at - from), i,
				world_slots[i].size);
	}
}

static enum outcome found(struct finding *f, const char *what)
{
	char place[96] = "";

	if (caught == SIGABRT)
		snprintf(f->text, sizeof(f->text), "%s: abort: %s", what, aborted);
	else {
		describe_place(place, sizeof(place));
		snprintf(f->text, sizeof(f->text), "%s: %s %s", what, strsignal(caught), place);
	}
	return FOUND;
}

static bool make(struct kcase *c)
{
	static uint8_t memory[1 << 20];
	volatile bool made = false;

	c->gen.ctx = ggml_init(
		(struct ggml_init_params){.mem_size = sizeof(memory), .mem_buffer = memory, .no_alloc = true});
	within = 1;
	if (sigsetjmp(back, 0) == 0)
		made = case_make(c);
	within = 0;
	if (made)
		case_fill(c);
	return made;
}

static enum outcome build(struct kcase *c, struct gw_graph **graph, struct finding *f)
{
	const struct gw_graph_source source = {.dialect = &gw_dialect_8_0,
		.opmap = gw_opmap_for(&gw_dialect_8_0),
		.buffers = world_buffers(c->visible),
		.dev = world_device(c->visible)->dev};
	struct gw_wire_graph wire;
	struct gw_error err = {0};
	const uint8_t *body;
	size_t size = case_body(c, &body);

	if (size == 0 || !gw_wire_graph_decode(&gw_dialect_8_0, body, size, &wire))
		return SKIPPED;
	if (gw_graph_build(&source, &wire, graph, &err) == GW_OK)
		return COMPUTED;
	snprintf(f->refusal, sizeof(f->refusal), "%s", err.text);
	return REFUSED;
}

static enum outcome launch(struct kcase *c, struct gw_graph *graph, struct finding *f)
{
	struct gw_device *device = world_device(c->visible);
	struct gw_error err = {0};
	enum gw_status st;

	caught = 0;
	world_set_threads(c->threads);
	within = 1;
	if (sigsetjmp(back, 0) == 0) {
		st = gw_device_launch(device, graph, &err);
		gw_device_synchronize(device);
	} else {
		within = 0;
		return found(f, "kernel");
	}
	within = 0;
	if (st != GW_OK) {
		snprintf(f->refusal, sizeof(f->refusal), "%s", err.text);
		device->result = GGML_STATUS_SUCCESS;
		device->why = (struct gw_error){0};
	}
	return st == GW_OK ? COMPUTED : STOPPED;
}

enum outcome run_case(struct kcase *c, struct finding *f)
{
	struct gw_graph *graph;

	f->refusal[0] = '\0';
	if (!make(c)) {
		ggml_free(c->gen.ctx);
		return SKIPPED;
	}
	enum outcome outcome = build(c, &graph, f);
	if (outcome == COMPUTED) {
		outcome = launch(c, graph, f);
		gw_graph_free(graph);
		int slot = case_overrun();
		bool overrun = world_work_overrun();
		if (outcome != FOUND && (slot >= 0 || overrun)) {
			snprintf(f->text, sizeof(f->text),
				slot >= 0 ? "slot %d has changed outside of the results"
					  : "the work buffer was left (%d)",
				slot);
			outcome = FOUND;
		}
	}
	ggml_free(c->gen.ctx);
	return outcome;
}
