/* Which tensors a node depends on, and whether they depend on each other in a circle. */
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
	uint32_t n; /* up to the last one that is not GW_NO_LINK */
};

/* A walk along the links of tensors 0 to n - 1. Time and memory are linear in n for all of it, and the stack is not
 * used. */
struct gw_walk {
	const struct gw_links *links; /* lent */
	uint8_t *marks;
	struct gw_walk_step *path; /* from the tensor that the walk began at */
	size_t depth;
};

/* GW_ERR_NOMEM. */
enum gw_status gw_walk_begin(struct gw_walk *w, const struct gw_links *links, uint32_t n);
void gw_walk_end(struct gw_walk *w);

/* Bytes that a walk over n tensors takes. */
uint64_t gw_walk_bytes(uint32_t n);

/* Visits a tensor and all that it depends on. False if these depend on each other in a circle; one that names itself (a
 * cast does) is none. */
bool gw_walk_from(struct gw_walk *w, uint32_t tensor);

bool gw_walk_visited(const struct gw_walk *w, uint32_t tensor);

#endif
