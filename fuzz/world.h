/* The buffers that seeds and targets share: handles and addresses are allocated in order, so they are predictable. */
#ifndef GW_FUZZ_WORLD_H
#define GW_FUZZ_WORLD_H

#include <stdint.h>

#define WORLD_BUFFERS 3
#define WORLD_SIZE (UINT64_C(1) << 20)

/* The values that device/memory/buffers.c gives to the i-th buffer, from 0. */
#define WORLD_HANDLE(i) ((uint64_t)(i) + 1)
#define WORLD_BASE(i) ((UINT64_C(1) << 40) + (uint64_t)(i) * (WORLD_SIZE + 65536))

#endif
