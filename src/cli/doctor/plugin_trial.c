#include "cli/doctor/plugin_trial.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ggml-backend.h>

#include "base/clock.h"
#include "ggml/layout.h"

typedef ggml_backend_reg_t (*init_function)(void);
typedef int (*score_function)(void);

static void look_up(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);
	memcpy(function, &symbol, sizeof(symbol));
}

static void load(const char *path, struct gw_plugin_trial *t)
{
	score_function score;
	init_function init;
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		const char *why = dlerror();
		t->step = GW_PLUGIN_NO_LOAD;
		snprintf(t->text, sizeof(t->text), "%s", why ? why : "dlopen failed");
		return;
	}
	look_up(library, "ggml_backend_score", (void *)&score);
	look_up(library, "ggml_backend_init", (void *)&init);
	if (!init) {
		t->step = GW_PLUGIN_FOREIGN;
		snprintf(t->text, sizeof(t->text), "it has no ggml_backend_init");
		return;
	}
	t->has_score = score != NULL;
	t->score = score ? score() : 0;
	ggml_backend_reg_t reg = init();
	t->step = reg ? GW_PLUGIN_LOADED : GW_PLUGIN_REFUSED;
	if (!reg)
		return;
	t->api_version = reg->api_version;
	snprintf(t->name, sizeof(t->name), "%s", ggml_backend_reg_name(reg));
}

/* The other process. What the plug-in prints goes to messages, what came of it to result. */
static void try_it(const char *path, int messages, int result)
{
	struct gw_plugin_trial t = {.step = GW_PLUGIN_DIED};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(messages, STDOUT_FILENO);
	dup2(messages, STDERR_FILENO);
	unsetenv("GGML_RPC_SERVERS");
	load(path, &t);
	ssize_t written = write(result, &t, sizeof(t));
	_exit(written == sizeof(t) ? 0 : 1);
}

/* The last line that is not empty. */
static void last_line(char *said, char *out, size_t size)
{
	char *rest = NULL;
	for (char *line = strtok_r(said, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest))
		snprintf(out, size, "%s", line);
}

/* Reads until the end, or the time is over; keeps what fits. False if the time is over. */
static bool read_all(int fd, char *out, size_t size, uint64_t deadline)
{
	char surplus[512];
	size_t len = 0;
	for (;;) {
		uint64_t now = gw_clock_ns();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (now >= deadline || poll(&p, 1, (int)((deadline - now) / 1000000) + 1) == 0)
			return false;
		bool full = len == size;
		ssize_t n = full ? read(fd, surplus, sizeof(surplus)) : read(fd, out + len, size - len);
		if (n == 0 || (n < 0 && errno != EINTR))
			return true;
		if (n > 0 && !full)
			len += (size_t)n;
	}
}

static void collect(pid_t pid, int messages, int result, int timeout_ms, struct gw_plugin_trial *out)
{
	char said[4096] = "";
	uint64_t deadline = gw_clock_ns() + (uint64_t)timeout_ms * 1000000;
	struct gw_plugin_trial t;
	bool ended = read_all(messages, said, sizeof(said) - 1, deadline);
	int how = 0;
	if (!ended)
		kill(pid, SIGKILL);
	while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
		;
	*out = (struct gw_plugin_trial){.step = GW_PLUGIN_DIED};
	if (read(result, &t, sizeof(t)) == sizeof(t))
		*out = t;
	else if (!ended)
		snprintf(out->text, sizeof(out->text), "it did not load within %d s", timeout_ms / 1000);
	else if (WIFSIGNALED(how))
		snprintf(out->text, sizeof(out->text), "the process died: %s", strsignal(WTERMSIG(how)));
	else
		snprintf(out->text, sizeof(out->text), "the process exited with status %d", WEXITSTATUS(how));
	if (out->step == GW_PLUGIN_REFUSED)
		last_line(said, out->text, sizeof(out->text));
}

void gw_plugin_try(const char *path, int timeout_ms, struct gw_plugin_trial *out)
{
	int messages[2] = {-1, -1}, result[2] = {-1, -1};
	pid_t pid = -1;
	*out = (struct gw_plugin_trial){.step = GW_PLUGIN_DIED, .text = "cannot create a process"};
	fflush(NULL);
	if (pipe2(messages, O_CLOEXEC) == 0 && pipe2(result, O_CLOEXEC) == 0)
		pid = fork();
	if (pid == 0)
		try_it(path, messages[1], result[1]);
	close(messages[1]);
	close(result[1]);
	if (pid > 0)
		collect(pid, messages[0], result[0], timeout_ms, out);
	close(messages[0]);
	close(result[0]);
}
