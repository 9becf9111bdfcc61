/* ggml's interface of a buffer on a server. */
#ifndef GW_BACKEND_BUFFER_IFACE_H
#define GW_BACKEND_BUFFER_IFACE_H

#include "backend/buffer.h"

/* Allocates size bytes (not 0) on a device, after replacing a lost connection. NULL if that is not possible, which is
 * logged. Blocks. */
ggml_backend_buffer_t gw_buffer_new(
	struct gw_remote *remote, uint32_t device, ggml_backend_buffer_type_t buft, size_t size);

#endif
