#include "daemon/announce/announce_run.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "daemon/processes/control.h"
#include "daemon/sandbox/sandbox.h"

/* Once it is connected to D-Bus it needs no file and no other socket. */
static enum gw_status lock_in(void *user, struct gw_error *err)
{
	const struct gw_control_announce *setup = user;
	char in_force[GW_SANDBOX_TEXT];
	const struct gw_sandbox sandbox = {.mode = setup->sandbox, .kind = GW_SANDBOX_CPU};
	enum gw_status status = gw_sandbox_enter(&sandbox, in_force, err);
	if (!status)
		gw_log_debug("sandbox of announcements: %s", in_force);
	return status;
}

int gw_announce_main(void)
{
	static struct gw_control_msg msg;
	struct gw_control_announce *setup = &msg.u.announce;
	struct gw_error err;
	/* As with workers. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	if (gw_control_recv(GW_CONTROL_FD, true, &msg, NULL, &err) || msg.type != GW_CONTROL_ANNOUNCE)
		return EXIT_FAILURE;
	gw_sandbox_begin(setup->sandbox);
	gw_log_set_format(setup->log_format);
	if (setup->has_log_level)
		gw_log_set_level(setup->log_level);
	enum gw_status status = gw_publish_run(&setup->publication, GW_CONTROL_FD, lock_in, setup, &err);
	if (!status)
		return EXIT_SUCCESS;
	bool gives_up = status == GW_ERR_NOT_FOUND || status == GW_ERR_UNSUPPORTED;
	gw_log_warn("the server is not announced: %s%s", err.text,
		gives_up ? "; install and start avahi-daemon, and restart the server" : "; trying again in 10 s");
	return gives_up ? GW_ANNOUNCE_UNAVAILABLE : EXIT_FAILURE;
}
