/* Queries the devices in a short-lived worker, because querying a device's memory can create a context on it, which the
 * supervisor must never hold. */
#ifndef GW_DAEMON_WORKERS_PROBE_H
#define GW_DAEMON_WORKERS_PROBE_H

#include <stddef.h>

#include "base/status.h"
#include "daemon/processes/control.h"

struct gw_probe {
	struct gw_control_device *devices;
	size_t n_devices;
};

/* Runs the probe; blocks. GW_ERR_CLOSED: interrupt became readable, and the probe was abandoned. For errors about
 * devices see gw_devices_choose. Free *out with gw_probe_free. */
enum gw_status gw_probe_run(
	const struct gw_control_setup *setup, int interrupt, struct gw_probe *out, struct gw_error *err);
void gw_probe_free(struct gw_probe *probe);

#endif
