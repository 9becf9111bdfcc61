#include "daemon/workers/index.h"
#include "daemon/sandbox/sandbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/terminal.h"
#include "device/weights/cache_listing.h"
#include "device/weights/model_hash.h"

#define NICENESS 10
#define BAR_CELLS 30
/* Between two lines if stderr is not a terminal. */
#define LINE_NS (10 * GW_NS_PER_S)

struct task {
	const struct gw_model_file *file;
	struct gw_model_index index; /* with its checksums still empty */
	uint64_t bytes;
};

struct progress {
	bool terminal;
	uint64_t begun;  /* gw_clock_ns */
	uint64_t lately; /* when the last line was written */
	uint64_t before; /* bytes of finished files */
	uint64_t total;  /* bytes of all files */
};

static const char *name_of(const struct gw_model_file *file)
{
	const char *slash = strrchr(file->path, '/');
	return slash ? slash + 1 : file->path;
}

static void on_tick(uint64_t done, void *user)
{
	struct progress *p = user;
	uint64_t now = gw_clock_ns();
	double seconds = (double)(now - p->begun) / GW_NS_PER_S;
	double bytes = (double)(p->before + done);
	double rate = bytes / seconds;
	double part = bytes / (double)p->total;
	double left = rate > 0 ? ((double)p->total - bytes) / rate : 0;
	if (p->terminal) {
		char bar[BAR_CELLS + 1];
		gw_terminal_redraw("indexing models [%s] %3.0f %%  %.2f GB/s  %.0f s left ",
			gw_terminal_bar(part, BAR_CELLS, bar), 100 * part, rate / 1e9, left);
	} else if (now - p->lately >= LINE_NS) {
		p->lately = now;
		gw_log_info("indexing models: %.0f %%, %.2f GB/s, %.0f s left", 100 * part, rate / 1e9, left);
	}
}

static void log_skipped(const char *path, const char *why)
{
	gw_log_warn("model %s is skipped: %s", path, why);
}

/* What a file is good for. */
enum use {
	USELESS, /* it cannot be read, or no tensor of it can be found by a hash */
	INDEXED, /* by an earlier run */
	TO_HASH
};

static enum use judge_index(const struct gw_model_file *file, const struct gw_model_index *index)
{
	if (index->n > 0)
		return INDEXED;
	gw_log_warn("model %s is not used: none of its tensors has 1 MiB or more, and clients send smaller ones",
		file->path);
	return USELESS;
}

static enum use plan(const struct gw_model_file *file, const char *dir, struct task *task)
{
	struct gw_error err;
	struct gw_model_index old;
	if (!gw_model_index_load(file, dir, &old)) {
		bool whole = old.has_xxh3 || !gw_xxh3_available();
		enum use use = whole ? judge_index(file, &old) : TO_HASH;
		gw_model_index_free(&old);
		if (whole)
			return use;
	}
	if (gw_model_index_plan(file, &task->index, &err)) {
		gw_log_warn("model %s is not used: %s", file->path, err.text);
		return USELESS;
	}
	task->file = file;
	task->bytes = gw_model_index_bytes(&task->index);
	if (judge_index(file, &task->index) == USELESS) {
		gw_model_index_free(&task->index);
		return USELESS;
	}
	return TO_HASH;
}

/* Whether the file can be served now. */
static bool index_one(struct task *task, const struct gw_control_setup *setup, struct progress *p, struct gw_error *err)
{
	uint64_t begun = gw_clock_ns();
	enum gw_status status = gw_model_index_hash(task->file, setup->n_threads, on_tick, p, &task->index, err);
	if (p->terminal)
		gw_terminal_redraw("%s", "");
	if (!status)
		status = gw_model_index_save(&task->index, task->file->path, setup->index_dir, err);
	if (status) {
		gw_log_warn("model %s is not used: %s", task->file->path, err->text);
		return false;
	}
	double seconds = (double)(gw_clock_ns() - begun) / GW_NS_PER_S;
	gw_log_info("model %s: %zu tensors of %.2f GB indexed in %.1f s", name_of(task->file), task->index.n,
		(double)task->bytes / 1e9, seconds);
	return true;
}

static void index_all(const struct gw_model_files *files, struct task *tasks, const struct gw_control_setup *setup)
{
	struct gw_error err;
	struct progress p = {.terminal = gw_terminal_can_draw(STDERR_FILENO)};
	size_t n = 0, usable = 0;
	for (size_t i = 0; i < files->n; i++) {
		enum use use = plan(&files->files[i], setup->index_dir, &tasks[n]);
		usable += use == INDEXED;
		if (use == TO_HASH)
			p.total += tasks[n++].bytes;
	}
	if (n > 0)
		gw_log_info("indexing %zu model file%s of %.2f GB; clients are served meanwhile", n, n == 1 ? "" : "s",
			(double)p.total / 1e9);
	p.begun = p.lately = gw_clock_ns();
	for (size_t i = 0; i < n; i++) {
		usable += index_one(&tasks[i], setup, &p, &err);
		p.before += tasks[i].bytes;
		gw_model_index_free(&tasks[i].index);
	}
	gw_log_info("models: %zu file%s can be loaded from this machine's disk", usable, usable == 1 ? "" : "s");
}

static enum gw_status lock_in(const struct gw_control_setup *setup, struct gw_error *err)
{
	char in_force[GW_SANDBOX_TEXT];
	const struct gw_sandbox sandbox = {.mode = setup->sandbox, .cache_dir = setup->index_dir};
	return gw_sandbox_enter(&sandbox, in_force, err);
}

int gw_index_run(const struct gw_control_setup *setup)
{
	struct gw_error err;
	struct gw_model_files files;
	setpriority(PRIO_PROCESS, 0, NICENESS);
	enum gw_status status = gw_model_files_open(setup->models, log_skipped, &files, &err);
	if (!status)
		status = lock_in(setup, &err);
	if (status) {
		gw_log_error("models cannot be indexed: %s", err.text);
		return EXIT_FAILURE;
	}
	(void)gw_cache_sweep(setup->index_dir);
	struct task *tasks = calloc(files.n, sizeof(*tasks));
	if (tasks)
		index_all(&files, tasks, setup);
	free(tasks);
	gw_model_files_close(&files);
	return EXIT_SUCCESS;
}
