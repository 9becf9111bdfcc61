#include "daemon/sandbox/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/sandbox/landlock.h"
#include "daemon/sandbox/seccomp.h"

/* Above whatever the supervisor has. The kernel's scale ends at 1000. */
#define OOM_SCORE_MORE 500
#define OOM_SCORE_MAX 1000

/* Without /proc the score stays what it was. */
static void raise_oom_score(void)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char text[16] = "";
	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0) {
		int score = atoi(text) + OOM_SCORE_MORE;
		int n = snprintf(text, sizeof(text), "%d", score < OOM_SCORE_MAX ? score : OOM_SCORE_MAX);
		ssize_t written = pwrite(fd, text, (size_t)n, 0);
		(void)written;
	}
	close(fd);
}

void gw_sandbox_begin(enum gw_sandbox_mode mode)
{
	static const struct rlimit none = {0, 0};
	/* Before the files in /proc stop being this user's. */
	raise_oom_score();
	if (mode == GW_SANDBOX_OFF)
		return;
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

static void describe(bool seccomp, int landlock, const struct gw_sandbox *sandbox, char *out)
{
	bool drivers = sandbox->kind == GW_SANDBOX_DRIVERS;
	char files[64] = "no Landlock";
	if (landlock)
		snprintf(files, sizeof(files), "Landlock %d", landlock);
	snprintf(out, GW_SANDBOX_TEXT, "no new privileges, %s%s, %s%s%s", seccomp ? "seccomp" : "no seccomp",
		!seccomp  ? ""
		: drivers ? " (deny list)"
			  : " (allow list)",
		files, drivers ? ", with what device drivers need" : "",
		sandbox->pins_threads ? ", threads may be pinned" : "");
}

enum gw_status gw_sandbox_enter(const struct gw_sandbox *sandbox, char *in_force, struct gw_error *err)
{
	if (sandbox->mode == GW_SANDBOX_OFF) {
		snprintf(in_force, GW_SANDBOX_TEXT, "off");
		return GW_OK;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "sandbox: this kernel has no no_new_privs");
	/* Landlock first: the filter knows nothing of its system calls. */
	int landlock = gw_sandbox_landlock(sandbox);
	bool seccomp = gw_sandbox_seccomp(sandbox->kind, sandbox->pins_threads);
	describe(seccomp, landlock, sandbox, in_force);
	if (sandbox->mode == GW_SANDBOX_REQUIRE && (!seccomp || !landlock))
		return gw_error_set(
			err, GW_ERR_UNSUPPORTED, "--sandbox=require: this system enforces less: %s", in_force);
	return GW_OK;
}
