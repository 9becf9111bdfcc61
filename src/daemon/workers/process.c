#include "daemon/workers/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* 0 or an errno. */
static int add_files(posix_spawn_file_actions_t *files, int control, const int board[2])
{
	int failure = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!failure)
		failure = posix_spawn_file_actions_adddup2(files, control, GW_CONTROL_FD);
	for (int i = 0; board && i < 2 && !failure; i++)
		failure = posix_spawn_file_actions_adddup2(files, board[i], GW_CONTROL_BOARD_FD + i);
	/* What whoever started us has left open. */
	int first = board ? GW_CONTROL_BOARD_READ_FD + 1 : GW_CONTROL_FD + 1;
	return failure ? failure : posix_spawn_file_actions_addclosefrom_np(files, first);
}

/* 0 or an errno. */
static int add_signals(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* 0 or an errno. */
static int spawn(const struct gw_control_setup *setup, const int board[2], int control, pid_t *pid)
{
	char name[] = "ggwire", worker[] = "worker", index[] = "index";
	char *argv[] = {name, setup->index ? index : worker, NULL};
	/* ggml would start a debugger for a backtrace, which keeps a dying worker, and its memory, for seconds. */
	setenv("GGML_NO_BACKTRACE", "1", 0);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int failure = posix_spawn_file_actions_init(&files);
	if (failure)
		return failure;
	failure = posix_spawnattr_init(&attr);
	if (failure)
		goto destroy_files;
	failure = add_files(&files, control, board);
	if (!failure)
		failure = add_signals(&attr);
	if (!failure)
		failure = posix_spawn(pid, "/proc/self/exe", &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
destroy_files:
	posix_spawn_file_actions_destroy(&files);
	return failure;
}

enum gw_status gw_process_spawn(
	const struct gw_control_setup *setup, const int board[2], struct gw_process *out, struct gw_error *err)
{
	struct gw_process p;
	int theirs;
	if (gw_control_pair(&p.control, &theirs, err))
		return gw_error_prefix(err, "cannot start a worker");
	struct gw_control_msg msg = {.type = GW_CONTROL_SETUP, .u.setup = *setup};
	enum gw_status status = gw_control_send(p.control, false, &msg, -1, err);
	if (!status) {
		int failure = spawn(setup, board, theirs, &p.pid);
		if (failure)
			status = gw_error_errno(err, GW_ERR_SYSTEM, failure, "cannot start a worker");
	}
	close(theirs);
	if (status) {
		close(p.control);
		return status;
	}
	*out = p;
	return GW_OK;
}

void gw_process_status_text(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}
