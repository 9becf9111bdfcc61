/* ggml's interface of a stream of work for a device. */
#ifndef GW_BACKEND_BACKEND_H
#define GW_BACKEND_BACKEND_H

#include <stdbool.h>

#include "backend/remote_device.h"

/* Makes a backend on the device's connection, after replacing a lost one. NULL if the server cannot be reached, which
 * is logged. */
ggml_backend_t gw_backend_new(struct gw_remote_device *device);

/* Whether backend is one of this library. NULL is not. */
bool gw_backend_is_rpc(ggml_backend_t backend);

#endif
