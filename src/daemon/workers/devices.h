/* Which of ggml's devices a worker lends. */
#ifndef GW_DAEMON_WORKERS_DEVICES_H
#define GW_DAEMON_WORKERS_DEVICES_H

#include <stdbool.h>
#include <stddef.h>

#include <ggml-backend.h>

#include "base/status.h"

/* Loads ggml's backends: those of libraries, paths with '\n' behind each, if all of them are there; otherwise, or if
 * libraries is empty, whatever ggml finds, which takes three times as long as a process has to live otherwise before it
 * can serve. What ggml has to say about it is logged unless quiet is set. */
void gw_devices_load(bool quiet, const char *libraries);

/* The path of the library that a device comes from; "" if it was not loaded as a backend (it is part of ggml, or this
 * ggml is not known), or if there is no room for it. */
void gw_devices_library(ggml_backend_dev_t dev, char *out, size_t size);

/* Chooses devices: those of a list of names between ',' or '/', in its order, as often as they are named; with an empty
 * list all that are not CPUs, or else the CPU. Devices that are themselves remote are never lent. out has room for max.
 * GW_ERR_NOT_FOUND if a name is unknown (the error lists the known ones) or if there is no device; GW_ERR_LIMIT beyond
 * max. */
enum gw_status gw_devices_choose(
	const char *list, ggml_backend_dev_t *out, size_t max, size_t *count, struct gw_error *err);

#endif
