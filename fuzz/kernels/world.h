/* Memory for tensors: slots between guard pages. Each slot is mapped twice, read-write and read-only, and both mappings
 * are buffers of the server. Also a device that computes with ggml's CPU backend, in a work buffer that ends at a guard
 * page. */
#ifndef GW_FUZZ_KERNELS_WORLD_H
#define GW_FUZZ_KERNELS_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/session/device.h"

#define WORLD_SLOTS 26

/* A buffer's handle and address on the wire. */
struct world_buffer {
	uint64_t handle;
	uint64_t vbase;
};

struct world_slot {
	uint8_t *memory; /* read-write mapping */
	size_t size;     /* whole pages */
	bool taken;
	struct world_buffer
		buffers[2][2]; /* indexed by the server's visibility of the memory, and whether it is writable */
};

extern struct world_slot world_slots[WORLD_SLOTS];

/* Opens the world with the CPU backend in that file, or with ggml's choice (NULL). Returns false, with a message, if
 * there is none. */
bool world_open(const char *backend);

/* A device whose memory the server sees, or one whose memory it must read back. */
struct gw_device *world_device(bool visible);
struct gw_buffers *world_buffers(bool visible);

/* Takes the smallest free slot of at least this size. Returns -1 if there is none. world_clear frees all. */
int world_take(size_t size);
void world_clear(void);

/* Sets the number of threads of later computations. */
void world_set_threads(int n);

/* Whether a computation has written outside of the work buffer since the last call. */
bool world_work_overrun(void);

/* The largest requested work buffer since the last call. Graphs that need more than the maximum fail. */
#define WORLD_WORK_MAX ((size_t)32 << 20)

#endif
