#include "daemon/workers/probe.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/processes/process.h"

static enum gw_status append(struct gw_probe *probe, const struct gw_control_device *device, struct gw_error *err)
{
	struct gw_control_device *more = reallocarray(probe->devices, probe->n_devices + 1, sizeof(*probe->devices));
	if (!more)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	probe->devices = more;
	more[probe->n_devices++] = *device;
	return GW_OK;
}

/* Handles one message; the last one sets *ready. */
static enum gw_status step(
	const struct gw_process *p, int interrupt, struct gw_probe *probe, bool *ready, struct gw_error *err)
{
	struct gw_control_msg msg;
	enum gw_status status = gw_process_await(p, interrupt, &msg, err);
	if (status)
		return status;
	switch (msg.type) {
	case GW_CONTROL_DEVICE:
		return append(probe, &msg.u.device, err);
	case GW_CONTROL_READY:
		*ready = true;
		return GW_OK;
	case GW_CONTROL_FAILED:
		return gw_error_set(err, msg.u.error.status, "%s", msg.u.error.text);
	default:
		return gw_error_set(err, GW_ERR_PROTOCOL, "unexpected message from a probe");
	}
}

enum gw_status gw_probe_run(
	const struct gw_control_setup *setup, int interrupt, struct gw_probe *out, struct gw_error *err)
{
	struct gw_process p;
	enum gw_status status = gw_process_spawn_worker(setup, NULL, 0, &p, err);
	if (status)
		return status;
	struct gw_probe probe = {0};
	bool ready = false;
	while (!ready && !status)
		status = step(&p, interrupt, &probe, &ready, err);
	close(p.control);
	/* It has sent everything. Drivers can make a normal exit slow. */
	kill(p.pid, SIGKILL);
	int how = 0;
	while (waitpid(p.pid, &how, 0) < 0 && errno == EINTR)
		;
	if (status == GW_ERR_LOST) {
		char text[64];
		gw_process_status_text(how, text, sizeof(text));
		gw_error_set(err, status, "looking for devices ended with %s", text);
	}
	if (status) {
		gw_probe_free(&probe);
		return status;
	}
	*out = probe;
	return GW_OK;
}

void gw_probe_free(struct gw_probe *probe)
{
	free(probe->devices);
}
