#include "daemon/workers/pairing_run.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/clients/allow.h"
#include "daemon/processes/control.h"
#include "daemon/sandbox/sandbox.h"
#include "transport/list/pairing.h"

static bool permits(void *user, const struct sockaddr *address)
{
	return gw_allow_permits(user, address);
}

static enum gw_status answer(const struct gw_control_msg *msg, int fd)
{
	return gw_control_send(GW_CONTROL_FD, true, msg, fd, NULL);
}

static int run(struct gw_control_pair_setup *setup)
{
	struct gw_control_msg msg = {.type = GW_CONTROL_PAIRED};
	struct gw_pairing_rules rules = setup->rules;
	int fd = -1;
	gw_sandbox_begin(setup->sandbox);
	gw_log_set_format(setup->log_format);
	if (setup->has_log_level)
		gw_log_set_level(setup->log_level);
	rules.permits = permits;
	rules.user = &setup->allow;
	if (gw_pairing_open(&setup->pairing, &rules, &fd, &msg.u.error))
		msg.type = GW_CONTROL_FAILED;
	return answer(&msg, fd) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int gw_pairing_main(void)
{
	struct gw_control_msg msg;
	struct gw_error err;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	/* Ctrl-C reaches the whole process group; the supervisor ends its processes itself. */
	signal(SIGINT, SIG_IGN);
	if (gw_control_recv(GW_CONTROL_FD, true, &msg, NULL, &err) || msg.type != GW_CONTROL_PAIR_SETUP)
		return EXIT_FAILURE;
	return run(&msg.u.pair_setup);
}
