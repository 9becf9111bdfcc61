/* Moving bytes between a connection and a tensor, whatever kind of memory the tensor is in. */
#ifndef GW_DEVICE_SESSION_TRANSFER_H
#define GW_DEVICE_SESSION_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

#include "device/graph/bounds.h"
#include "device/session/session.h"

/* What is hashed is taken in pieces that are still in the processor's cache when they are hashed. */
#define GW_HASHED_PIECE ((size_t)256 << 10)

/* n rows of size bytes in a tensor's memory, stride bytes apart. One piece: n = 1. */
struct gw_region {
	struct gw_tensor *tensor;
	uint64_t offset;
	uint64_t size;
	uint64_t n;
	uint64_t stride;
};

/* Whether the region is inside its tensor and its rows do not overlap; size * n then does not overflow.
 * GW_ERR_PROTOCOL. */
enum gw_status gw_region_check(const struct gw_region *r, struct gw_error *err);

/* Where bytes come from: puts the next size bytes into dst. */
typedef enum gw_status (*gw_pull)(void *from, void *dst, size_t size, struct gw_error *err);

/* Fills a checked region with what pull gives, in order, at most piece bytes at a time. No device may have work under
 * way. If pull fails, the region holds what came before. GW_ERR_NOMEM. */
enum gw_status gw_region_fill(
	struct gw_session *s, const struct gw_region *r, size_t piece, gw_pull pull, void *from, struct gw_error *err);

/* Sends a checked region as a reply. No device may have work under way. GW_ERR_NOMEM and the connection's errors. */
enum gw_status gw_region_reply(struct gw_session *s, const struct gw_region *r, struct gw_error *err);

#endif
