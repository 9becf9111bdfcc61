/* Chunks of host memory through which contents of device buffers pass, so that a payload is never held as a whole. */
#ifndef GW_DEVICE_SESSION_STAGING_H
#define GW_DEVICE_SESSION_STAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "device/memory/memory.h"
#include "device/session/device.h"

#define GW_STAGING_CHUNK ((size_t)4 << 20)

/* An all-zero struct gw_staging is ready; memory is taken at the first use. Single owner. */
struct gw_staging {
	uint8_t *chunk[2];
	struct gw_memory memory[2];  /* what holds chunk[i] */
	unsigned current;            /* the chunk to fill next */
	struct gw_device *uploading; /* the device that still reads the other chunk; NULL = none */
};

/* Nothing may be under way on the devices that it was used with. */
void gw_staging_free(struct gw_staging *st);

/* A chunk of GW_STAGING_CHUNK bytes to fill, or NULL without memory. It is all zero before its first use, because a
 * transport may let the client read it. device is where its bytes will go or come from. */
uint8_t *gw_staging_chunk(struct gw_staging *st, struct gw_device *device);

/* What becomes of the n * size bytes at the start of the chunk that gw_staging_chunk gave: rows of size bytes, written
 * to the tensor's memory from offset on, stride bytes apart. The next chunk may be filled meanwhile; device has work
 * pending afterwards if it can upload asynchronously. The tensor may be gone on return. Bounds are the caller's. */
void gw_staging_upload(struct gw_staging *st, struct gw_device *device, struct ggml_tensor *tensor, uint64_t offset,
	uint64_t size, uint64_t n, uint64_t stride);

#endif
