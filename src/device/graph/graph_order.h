/* The search for cycles among tensors. */
#ifndef GW_DEVICE_GRAPH_GRAPH_ORDER_H
#define GW_DEVICE_GRAPH_GRAPH_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml.h>

#include "base/status.h"

#define GW_LINKS (GGML_MAX_SRC + 1) /* sources and the viewed tensor */
#define GW_NO_LINK UINT32_MAX

/* What one tensor depends on, as indices. */
struct gw_links {
	uint32_t to[GW_LINKS];
};

/* Whether tensors 0 to n - 1 depend on each other in a circle; one that names itself (a cast does) is none. Time and
 * memory are linear, and the stack is not used. Sets *cyclic on GW_OK; GW_ERR_NOMEM. */
enum gw_status gw_links_find_cycle(const struct gw_links *links, uint32_t n, bool *cyclic);

#endif
