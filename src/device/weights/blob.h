/* Bytes of a file that are expected to have certain sums: they are checked as they are read. */
#ifndef GW_DEVICE_WEIGHTS_BLOB_H
#define GW_DEVICE_WEIGHTS_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/status.h"

struct gw_blob {
	int fd; /* lent */
	uint64_t at;
	uint64_t left; /* bytes */
	struct gw_sums expected;
	struct gw_digest digest;
};

/* size bytes of fd from offset on. XXH3 is computed if it is expected, and FNV-1a if not. gw_blob_end must follow. */
void gw_blob_begin(struct gw_blob *b, int fd, uint64_t offset, uint64_t size, const struct gw_sums *expected);

/* Reads the next size bytes. GW_ERR_SYSTEM if they cannot be read. Blocks for the disk. */
enum gw_status gw_blob_read(struct gw_blob *b, void *data, size_t size);

/* Whether all was read and is what was expected. */
bool gw_blob_end(struct gw_blob *b);

#endif
