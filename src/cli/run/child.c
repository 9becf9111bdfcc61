#include "cli/run/child.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

static void make_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(set, passed_on[i]);
}

static bool asks_for_the_end(int signo)
{
	return signo == SIGINT || signo == SIGTERM || signo == SIGHUP || signo == SIGQUIT;
}

void gw_child_block_signals(sigset_t *before)
{
	sigset_t set;
	make_set(&set);
	sigprocmask(SIG_BLOCK, &set, before);
}

static _Noreturn void execute(char *const *argv, const sigset_t *before, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	sigprocmask(SIG_SETMASK, before, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "ggwire run: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static bool has_ended(pid_t pid, struct gw_child_end *end)
{
	int status;
	if (waitpid(pid, &status, WNOHANG) != pid)
		return false;
	*end = (struct gw_child_end){
		.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		.signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
	};
	return true;
}

bool gw_child_run(char *const *argv, const sigset_t *before, struct gw_child_end *end, bool *stop)
{
	sigset_t set;
	pid_t parent = getpid();
	make_set(&set);
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0)
		execute(argv, before, parent);
	while (!has_ended(pid, end)) {
		siginfo_t info;
		int signo = sigwaitinfo(&set, &info);
		if (signo <= 0 || signo == SIGCHLD)
			continue;
		*stop |= asks_for_the_end(signo);
		if (info.si_code != SI_KERNEL)
			kill(pid, signo);
	}
	return true;
}

bool gw_child_sleep_until_stop(double seconds)
{
	const struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	sigset_t set;
	make_set(&set);
	int signo = sigtimedwait(&set, NULL, &time);
	return signo > 0 && asks_for_the_end(signo);
}

void gw_child_end_alike(const struct gw_child_end *end, const sigset_t *before)
{
	fflush(NULL);
	if (end->signo) {
		signal(end->signo, SIG_DFL);
		sigprocmask(SIG_SETMASK, before, NULL);
		raise(end->signo);
		_exit(128 + end->signo);
	}
	_exit(end->exit_status);
}
