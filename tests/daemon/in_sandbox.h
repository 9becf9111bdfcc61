/* Runs attempts in a child that has entered the sandbox. Include it after cmocka. */
#ifndef GW_TESTS_DAEMON_IN_SANDBOX_H
#define GW_TESTS_DAEMON_IN_SANDBOX_H

#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox/sandbox.h"

#define ABSENT 77 /* the kernel lacks a feature: skip the test */

/* Runs attempt in a sandboxed child, where it returns 0 for success. */
static inline void in_sandbox(const struct gw_sandbox *sandbox, int (*attempt)(void))
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char in_force[GW_SANDBOX_TEXT];
		gw_sandbox_begin(GW_SANDBOX_AUTO);
		if (prctl(PR_GET_DUMPABLE) != 0)
			_exit(1);
		_exit(gw_sandbox_enter(sandbox, in_force, NULL) ? ABSENT : attempt());
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == ABSENT)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Returns 0 if the call failed for lack of rights, or with the filter's ENOSYS: this kernel has all calls that the
 * tests use. */
static inline int denied(long result)
{
	return result == -1 && (errno == EPERM || errno == EACCES || errno == ENOSYS) ? 0 : 1;
}

#endif
