/* Which of ggml's devices a worker lends. */
#ifndef GW_DAEMON_WORKERS_DEVICES_H
#define GW_DAEMON_WORKERS_DEVICES_H

#include <stdbool.h>
#include <stddef.h>

#include <ggml-backend.h>

#include "base/status.h"

/* Loads ggml's backends. libraries is a list of paths, each followed by '\n'; if all of them exist, only they are
 * loaded. Otherwise, or if the list is empty, ggml searches for backends, which makes a process take about four times
 * as long to start. ggml's messages are logged unless quiet is set. */
void gw_devices_load(bool quiet, const char *libraries);

/* The path of the library that a device comes from. It is "" if the library was not loaded as a backend (the device is
 * part of ggml, or the layout of this ggml is unknown), or if the path does not fit. */
void gw_devices_library(ggml_backend_dev_t dev, char *out, size_t size);

/* Chooses devices from a list of names, separated by ',' or '/', and keeps its order. An empty list means all devices
 * except CPUs, or the CPU if there is no other. Devices that are themselves remote are never lent. out has room for max
 * devices. GW_ERR_NOT_FOUND: a name is unknown (the error lists the known names), or there is no device. GW_ERR_LIMIT:
 * more than max. */
enum gw_status gw_devices_choose(
	const char *list, ggml_backend_dev_t *out, size_t max, size_t *count, struct gw_error *err);

#endif
