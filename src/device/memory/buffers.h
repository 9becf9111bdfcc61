/* The buffers of one client. What the client sees are numbers given out in order and never again, and addresses in a
 * virtual space of its own. Single owner, no locking. */
#ifndef GW_DEVICE_MEMORY_BUFFERS_H
#define GW_DEVICE_MEMORY_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml-backend.h>

#include "base/map.h"
#include "base/status.h"
#include "device/memory/budget.h"
#include "device/memory/memory.h"

/* Most buffers that one client may hold: below GW_HOST_MEMORY_MAX, so that what else the server maps has room. */
#define GW_BUFFERS_MAX 8192

struct gw_device;

struct gw_buffer {
	ggml_backend_dev_t dev;       /* that it is memory of */
	struct gw_device *device;     /* the session's, which sets it; NULL until then */
	uint64_t handle;              /* never 0 */
	uint64_t vbase;               /* what the client sees as its first address; never 0 */
	uint64_t size;                /* bytes */
	uint8_t *base;                /* the device's address of the first byte; NULL if size is 0 */
	uint64_t taken;               /* bytes of the budget: size, or what the system gives for it */
	bool is_host;                 /* base may be read and written by this process */
	ggml_backend_buffer_t buffer; /* memory's */
	struct gw_memory memory;
};

struct gw_buffers {
	struct gw_map by_handle;
	uint64_t next_handle;
	uint64_t next_vbase;
	uint64_t bytes;           /* sizes of all buffers */
	struct gw_budget *budget; /* lent; NULL or without a bound: what the devices have */
};

/* budget must outlive b. */
void gw_buffers_init(struct gw_buffers *b, struct gw_budget *budget);

/* Frees all buffers. No device may have work under way. */
void gw_buffers_free(struct gw_buffers *b);

/* How many more bytes may be allocated on a device. Of a bounded budget, gw_budget_reserve stays for what is not a
 * buffer. */
uint64_t gw_buffers_left(const struct gw_buffers *b, ggml_backend_dev_t dev);

/* Allocates size bytes or somewhat more on a device, all zero. GW_ERR_NOMEM, GW_ERR_LIMIT beyond GW_BUFFERS_MAX or the
 * bytes that are left. The result is b's. */
enum gw_status gw_buffers_alloc(struct gw_buffers *b, ggml_backend_dev_t dev, uint64_t size, struct gw_buffer **out);

/* The buffer of a handle, or NULL. */
struct gw_buffer *gw_buffers_find(const struct gw_buffers *b, uint64_t handle);

/* Frees a buffer of b. No device may have work under way. */
void gw_buffers_release(struct gw_buffers *b, struct gw_buffer *buffer);

#endif
