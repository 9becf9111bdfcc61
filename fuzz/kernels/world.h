/* Where tensors lie: slots of memory between guard pages, each of which is there twice, to read and write and only to
 * read, and is a buffer of the server's either way; and a device that computes with ggml's CPU backend, in a work
 * buffer that ends at a guard page, too. */
#ifndef GW_FUZZ_KERNELS_WORLD_H
#define GW_FUZZ_KERNELS_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/session/device.h"

#define WORLD_SLOTS 26

/* What a buffer is called on the wire. */
struct world_buffer {
	uint64_t handle;
	uint64_t vbase;
};

struct world_slot {
	uint8_t *memory; /* to read and write */
	size_t size;     /* whole pages */
	bool taken;
	struct world_buffer
		buffers[2][2]; /* by visibility of the device's memory to the server, and whether it may be written */
};

extern struct world_slot world_slots[WORLD_SLOTS];

/* Opens the world with the CPU backend in that file, or the one that ggml finds best (NULL). False, with a message, if
 * there is none. */
bool world_open(const char *backend);

/* The device; one whose memory the server sees, or one whose memory it reads back. */
struct gw_device *world_device(bool visible);
struct gw_buffers *world_buffers(bool visible);

/* The smallest slot that is free and has room, taken; or -1. All are free after world_clear. */
int world_take(size_t size);
void world_clear(void);

/* Threads of the following computations. */
void world_set_threads(int n);

/* Whether a computation has written to the work buffer's surroundings since the last call. */
bool world_work_overrun(void);

/* The most that the work buffer was asked for since the last call. Graphs that want more than there is fail. */
#define WORLD_WORK_MAX ((size_t)32 << 20)

#endif
