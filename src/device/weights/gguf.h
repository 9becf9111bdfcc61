/* Where the tensors of a GGUF file are. The file is not believed: nothing in it reaches an index, a multiplication or
 * an allocation unchecked. */
#ifndef GW_DEVICE_WEIGHTS_GGUF_H
#define GW_DEVICE_WEIGHTS_GGUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct gw_gguf_tensor {
	uint64_t offset; /* of its first byte in the file */
	uint64_t size;   /* bytes; not 0 */
};

/* Tensors of types that this ggml does not know are left out. */
struct gw_gguf {
	struct gw_gguf_tensor *tensors; /* owned: gw_gguf_free; all inside the file */
	size_t n;
};

/* Reads the header at the start of a file of file_size bytes, of which size are at bytes. Fills *out on GW_OK only.
 * GW_ERR_LIMIT: the header goes on behind them. GW_ERR_PROTOCOL: this is no GGUF file of version 2 or 3, or it
 * contradicts itself. GW_ERR_NOMEM. */
enum gw_status gw_gguf_parse(
	const void *bytes, size_t size, uint64_t file_size, struct gw_gguf *out, struct gw_error *err);

/* The same of an open file. Also GW_ERR_SYSTEM. Blocks for the disk. */
enum gw_status gw_gguf_read(int fd, uint64_t file_size, struct gw_gguf *out, struct gw_error *err);
void gw_gguf_free(struct gw_gguf *gguf);

#endif
