/* ggml's interface of a device's buffer type. */
#ifndef GW_BACKEND_BUFT_H
#define GW_BACKEND_BUFT_H

#include "backend/remote_device.h"

/* Fills device->buft in the layout of the running ggml. */
void gw_buft_init(struct gw_remote_device *device);

/* The device of a buffer type of this library; NULL for any other, also for NULL. */
struct gw_remote_device *gw_buft_device(ggml_backend_buffer_type_t buft);

#endif
