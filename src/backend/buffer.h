/* A buffer on a server. */
#ifndef GW_BACKEND_BUFFER_H
#define GW_BACKEND_BUFFER_H

#include <stdint.h>

#include "backend/remote.h"
#include "ggml/layout.h"

struct gw_buffer {
	struct gw_remote_conn *conn; /* a reference */
	uint32_t device;
	uint64_t size; /* bytes, as requested; the server may have allocated more */
	struct gw_remote_buffer remote;
};

/* Allocates size bytes (not 0) on a device, after replacing a lost connection. NULL on failure; err->status is GW_OK if
 * the reason was logged already. Blocks. */
struct gw_buffer *gw_buffer_allocate(struct gw_remote *remote, uint32_t device, size_t size, struct gw_error *err);

/* ggml_backend_buffer_i.free_buffer, by which a buffer of this library is recognised. */
void gw_buffer_free(ggml_backend_buffer_t buffer);

/* Ours, if buffer is an RPC buffer of this library; NULL otherwise, also for NULL. */
struct gw_buffer *gw_buffer_from(ggml_backend_buffer_t buffer);

/* The buffer that holds a tensor's bytes, or NULL as above. */
struct gw_buffer *gw_buffer_of(const struct ggml_tensor *tensor);

#endif
