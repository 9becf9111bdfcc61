/* A device of a server, and its buffer type. Never freed: ggml keeps pointers to both. */
#ifndef GW_BACKEND_DEVICE_H
#define GW_BACKEND_DEVICE_H

#include <stdint.h>

#include "backend/remote.h"
#include "ggml/layout.h"

struct gw_remote_device {
	struct ggml_backend_device base;
	union gw_ggml_buffer_type buft;
	struct gw_remote *remote;
	uint32_t index; /* on its server */
	char name[32];  /* "RPC0": counts all devices of the process */
	char *place;    /* "RPC0[host:port]": the name of the buffer type and of backends; index on the server */
	char *description;
};

/* Makes the device index of remote. number: how many there were before, of all servers. real: what the server calls it,
 * or empty. NULL if memory runs out. */
struct gw_remote_device *gw_remote_device_new(
	struct gw_remote *remote, uint32_t index, unsigned number, const char *real, ggml_backend_reg_t reg);

/* Returns the memory of a device that ggml has not seen. */
void gw_remote_device_free(struct gw_remote_device *device);

/* Ours, if dev is a device of this library; NULL otherwise. */
struct gw_remote_device *gw_remote_device_from(ggml_backend_dev_t dev);

/* What the buffer type and the device are asked. gw_abi_get must have succeeded. */
void gw_buft_init(struct gw_remote_device *device);
struct gw_remote_device *gw_buft_device(ggml_backend_buffer_type_t buft); /* NULL if not ours */
size_t gw_remote_device_alloc_size(struct gw_remote_device *device, const struct ggml_tensor *tensor);
bool gw_remote_device_supports_op(struct gw_remote_device *device, const struct ggml_tensor *op);

/* Whether the server has said that it does not support the operation, which ggml was told nevertheless, because the
 * result's memory is on the device. Its graph fails then. Does not ask. */
bool gw_remote_device_refuses(
	const struct gw_remote_device *device, const struct gw_link *link, const struct ggml_tensor *op);

/* The alignment of the device's buffers, bytes, as ggml was told; link is NULL if there is no connection. */
size_t gw_remote_device_alignment(const struct gw_remote_device *device, struct gw_link *link);

/* Two names of one device. */
bool gw_remote_device_is_same(const struct gw_remote_device *a, const struct gw_remote_device *b);

#endif
