/* Memory of a device as a client may get it: whatever it held before, it is all zero now. */
#ifndef GW_DEVICE_MEMORY_MEMORY_H
#define GW_DEVICE_MEMORY_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include <ggml-backend.h>

#include "base/status.h"
#include "device/memory/host_memory.h"

/* All-zero: none. */
struct gw_memory {
	ggml_backend_buffer_t buffer;
	struct gw_host_memory host; /* what buffer is in, where that is plain host memory */
	size_t spare;               /* bytes at buffer's end that are not the client's */
};

/* Allocates size bytes of buft's memory. Plain host memory of ggml is a mapping of its own, which is fresh and so zero
 * without being touched; any other memory is cleared by its device. Kernels that read beyond a tensor's end (overread
 * in device/rules/op_rules.h) find memory of the same buffer there, also behind its last tensor. GW_ERR_NOMEM,
 * GW_ERR_LIMIT. */
enum gw_status gw_memory_alloc(ggml_backend_buffer_type_t buft, size_t size, struct gw_memory *out);

/* How many bytes from the base of a buffer on can be read, although those at the end are not the client's. */
size_t gw_memory_readable(ggml_backend_buffer_t buffer);

/* No device may still use it. *m is empty afterwards. */
void gw_memory_free(struct gw_memory *m);

/* The bytes that it takes from the machine or the device: at least those asked for. */
uint64_t gw_memory_bytes(const struct gw_memory *m);

#endif
