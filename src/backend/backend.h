/* A stream of work for a device. */
#ifndef GW_BACKEND_BACKEND_H
#define GW_BACKEND_BACKEND_H

#include "backend/device.h"
#include "ggml/layout.h"

/* Makes a backend on the device's connection, replacing a lost one. NULL if there is no server to reach, which is
 * logged. */
ggml_backend_t gw_backend_new(struct gw_remote_device *device);

/* Whether backend is one of this library. NULL is not. */
bool gw_backend_is_rpc(ggml_backend_t backend);

/* The connection of a backend of this library; the backend's reference. */
struct gw_link *gw_backend_link(ggml_backend_t backend);

#endif
