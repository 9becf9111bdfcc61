#include "daemon/sandbox/sandbox.h"

#include <stdio.h>
#include <sys/prctl.h>

static void describe(bool seccomp, int landlock, bool drivers, char *out)
{
	char files[64] = "no Landlock";
	if (landlock)
		snprintf(files, sizeof(files), "Landlock %d", landlock);
	snprintf(out, GW_SANDBOX_TEXT, "no new privileges, %s, %s%s", seccomp ? "seccomp" : "no seccomp", files,
		drivers ? ", device drivers allowed for" : "");
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
	bool seccomp = gw_sandbox_seccomp(sandbox->drivers);
	describe(seccomp, landlock, sandbox->drivers, in_force);
	if (sandbox->mode == GW_SANDBOX_REQUIRE && (!seccomp || !landlock))
		return gw_error_set(
			err, GW_ERR_UNSUPPORTED, "--sandbox=require: not all can be had here: %s", in_force);
	return GW_OK;
}
