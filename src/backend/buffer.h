/* A buffer on a server. */
#ifndef GW_BACKEND_BUFFER_H
#define GW_BACKEND_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/link.h"
#include "ggml/layout.h"

struct gw_remote_device;

struct gw_buffer {
	struct gw_link *link; /* a reference */
	uint32_t device;
	uint64_t handle;
	uint64_t base;          /* the address that the server gave it */
	uint64_t size;          /* bytes, as asked for; the server may have given more */
	struct gw_buffer *prev; /* in the link's list, under its lock */
	struct gw_buffer *next;
};

/* Allocates size bytes (not 0) on a device; a lost connection is replaced first. NULL if that is not possible, which is
 * logged. Blocks. */
ggml_backend_buffer_t gw_buffer_new(
	const struct gw_remote_device *device, ggml_backend_buffer_type_t buft, size_t size);

/* Ours, if buffer is an RPC buffer of this library; NULL otherwise, also for NULL. */
struct gw_buffer *gw_buffer_from(ggml_backend_buffer_t buffer);

/* The buffer that a tensor's bytes are in, or NULL as above. */
struct gw_buffer *gw_buffer_of(const struct ggml_tensor *tensor);

#endif
