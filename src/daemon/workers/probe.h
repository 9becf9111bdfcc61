/* Asks a short-lived worker which devices there are: querying a device's memory may cost a context on it, which the
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

/* Runs the probe to its end; blocks. When interrupt becomes readable meanwhile, it is given up: GW_ERR_CLOSED. The
 * errors of devices that cannot be lent: see gw_devices_choose. *out is freed with gw_probe_free. */
enum gw_status gw_probe_run(
	const struct gw_control_setup *setup, int interrupt, struct gw_probe *out, struct gw_error *err);
void gw_probe_free(struct gw_probe *probe);

#endif
