/* ggml's interface of a device on a server. */
#ifndef GW_BACKEND_DEVICE_H
#define GW_BACKEND_DEVICE_H

#include "backend/remote_device.h"

/* Makes the device index of remote. number: how many devices there were before, of all servers. real: what the server
 * calls it, or empty. NULL if memory runs out. gw_abi_get must have succeeded. */
struct gw_remote_device *gw_remote_device_new(
	struct gw_remote *remote, uint32_t index, unsigned number, const char *real, ggml_backend_reg_t reg);

/* Frees a device that ggml has not seen. */
void gw_remote_device_free(struct gw_remote_device *device);

#endif
