/* Host memory in a mapping of its own: all zero, and with nothing else next to it. A write past its end, or any access
 * further away, kills the process instead of reaching other memory. One page after it can be read, as zeros: ggml's
 * kernels read past the end of tensors that ggml's constructors allow (RoPE of a part of each head reads as many
 * frequency factors as the whole head has pairs, and uses those it should). */
#ifndef GW_DEVICE_MEMORY_HOST_MEMORY_H
#define GW_DEVICE_MEMORY_HOST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* The alignment of the first byte: ggml's own for host memory (TENSOR_ALIGNMENT is 32, ggml_aligned_malloc gives 64).
 */
#define GW_HOST_MEMORY_ALIGN 64

/* Most such mappings of a process. Each is up to four for the kernel, which allows 65,530 (vm.max_map_count). */
#define GW_HOST_MEMORY_MAX 15000

/* All-zero: none. */
struct gw_host_memory {
	uint8_t *data;
	uint8_t *pages; /* data begins in the first of them and ends at most GW_HOST_MEMORY_ALIGN - 1 bytes before the
			 * end of the last one */
	size_t n_bytes; /* of pages */
};

/* Maps size bytes, at least 1. No page is touched. GW_ERR_NOMEM, GW_ERR_LIMIT beyond GW_HOST_MEMORY_MAX. Thread-safe.
 */
enum gw_status gw_host_memory_map(size_t size, struct gw_host_memory *out);

/* Returns the memory to the system; *m is empty afterwards. Thread-safe. */
void gw_host_memory_unmap(struct gw_host_memory *m);

#endif
