/* Fresh memory costs a fault for each page at the first write, which is more than half of the time of receiving weights
 * into it. A thread makes the pages present ahead of the one that receives. */
#ifndef GW_DEVICE_MEMORY_PREFAULT_H
#define GW_DEVICE_MEMORY_PREFAULT_H

#include <stdint.h>

#include "base/status.h"

struct gw_prefault;

/* Starts the thread, which sleeps until it is given work. GW_ERR_NOMEM, GW_ERR_SYSTEM. */
enum gw_status gw_prefault_new(struct gw_prefault **out);

/* Ends the thread. NULL is fine. */
void gw_prefault_free(struct gw_prefault *p);

/* Says that the memory from begin to end will be written soon, in this order; replaces what was said before. Returns at
 * once. Contents are left as they are, whether pages were there or not; the memory may be freed at any time. */
void gw_prefault_range(struct gw_prefault *p, const uint8_t *begin, const uint8_t *end);

#endif
