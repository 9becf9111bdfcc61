#include "daemon/processes/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox/environment.h"

/* 0 or an errno. */
static int add_files(posix_spawn_file_actions_t *files, int control, const struct gw_process_start *start)
{
	int failure = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!failure)
		failure = posix_spawn_file_actions_adddup2(files, control, GW_CONTROL_FD);
	int next = GW_CONTROL_FD + 1;
	for (size_t i = 0; i < start->n_fds && !failure; i++)
		failure = posix_spawn_file_actions_adddup2(files, start->fds[i], next++);
	/* What whoever started us has left open. */
	return failure ? failure : posix_spawn_file_actions_addclosefrom_np(files, next);
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
static int spawn(const struct gw_process_start *start, int control, char **environment, pid_t *pid)
{
	static const char *const names[] = {[GW_PROCESS_WORKER] = "worker",
		[GW_PROCESS_INDEX] = "index",
		[GW_PROCESS_KEEPER] = "keeper",
		[GW_PROCESS_HTTP] = "http",
		[GW_PROCESS_PAIR] = "pair",
		[GW_PROCESS_ANNOUNCE] = "announce"};
	char program[] = "ggwire", name[16];
	char *argv[] = {program, name, NULL};
	snprintf(name, sizeof(name), "%s", names[start->kind]);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int failure = posix_spawn_file_actions_init(&files);
	if (failure)
		return failure;
	failure = posix_spawnattr_init(&attr);
	if (failure)
		goto destroy_files;
	failure = add_files(&files, control, start);
	if (!failure)
		failure = add_signals(&attr);
	if (!failure)
		failure = posix_spawn(pid, "/proc/self/exe", &files, &attr, argv, environment);
	posix_spawnattr_destroy(&attr);
destroy_files:
	posix_spawn_file_actions_destroy(&files);
	return failure;
}

/* With its first message in its control socket. */
static enum gw_status spawn_told(
	const struct gw_process_start *start, int theirs, struct gw_process *p, struct gw_error *err)
{
	enum gw_status status = gw_control_send(p->control, false, start->first, -1, err);
	if (status)
		return status;
	bool computes =
		start->kind == GW_PROCESS_WORKER || start->kind == GW_PROCESS_INDEX || start->kind == GW_PROCESS_KEEPER;
	char **environment = gw_environment_new(computes, start->environment);
	int failure = environment ? spawn(start, theirs, environment, &p->pid) : ENOMEM;
	free(environment);
	return failure ? gw_error_errno(err, GW_ERR_SYSTEM, failure, "cannot start a process") : GW_OK;
}

enum gw_status gw_process_spawn(const struct gw_process_start *start, struct gw_process *out, struct gw_error *err)
{
	struct gw_process p;
	int theirs;
	if (gw_control_pair(&p.control, &theirs, err))
		return gw_error_prefix(err, "cannot start a process");
	enum gw_status status = spawn_told(start, theirs, &p, err);
	close(theirs);
	if (status) {
		close(p.control);
		return status;
	}
	*out = p;
	return GW_OK;
}

enum gw_status gw_process_spawn_worker(const struct gw_control_setup *setup, const int *fds, size_t n_fds,
	struct gw_process *out, struct gw_error *err)
{
	const struct gw_control_msg first = {.type = GW_CONTROL_SETUP, .u.setup = *setup};
	const struct gw_process_start start = {
		.kind = setup->index    ? GW_PROCESS_INDEX
			: setup->keeper ? GW_PROCESS_KEEPER
					: GW_PROCESS_WORKER,
		.first = &first,
		.fds = fds,
		.n_fds = n_fds,
		.environment = setup->environment,
	};
	return gw_process_spawn(&start, out, err);
}

enum gw_status gw_process_await(
	const struct gw_process *p, int interrupt, struct gw_control_msg *msg, struct gw_error *err)
{
	struct pollfd fds[] = {{.fd = p->control, .events = POLLIN}, {.fd = interrupt, .events = POLLIN}};
	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return gw_error_errno(err, GW_ERR_SYSTEM, errno, "poll");
	/* The process's own end is a signal too, and comes after what it has to say. */
	if (!fds[0].revents)
		return gw_error_set(err, GW_ERR_CLOSED, "interrupted");
	enum gw_status status = gw_control_recv(p->control, true, msg, NULL, err);
	return status == GW_ERR_CLOSED ? gw_error_set(err, GW_ERR_LOST, "the process has ended") : status;
}

void gw_process_status_text(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}
