/* Registered memory for payloads: of one transfer, or kept for the next where the owner of the memory has said that
 * there will be more (gw_transport_ops.keep). Kept memory is registered piece by piece, when a payload first comes to a
 * piece: registering locks memory, and a large buffer whole would take longer than the client waits, and more than many
 * limits allow. The peer can read a piece for as long as it is kept; it is a buffer of that same peer, or staging that
 * held nothing but its payloads. All with the transport's lock held. */
#ifndef GW_TRANSPORT_RDMA_REGISTRATION_CACHE_H
#define GW_TRANSPORT_RDMA_REGISTRATION_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/rdma/verbs.h"

#define GW_RDMA_PIECE ((size_t)16 << 20)
#define GW_RDMA_PIECES 64 /* 1 GiB; who was not used for longest makes room */

struct gw_rdma;

struct gw_rdma_piece {
	uint8_t *base;     /* NULL: none */
	struct ibv_mr *mr; /* NULL: being registered */
	unsigned users;
	uint64_t last_use;
};

struct gw_rdma_keep {
	struct gw_rdma_range {
		uint8_t *base;
		size_t size;
	} * ranges;
	size_t n, capacity;
	struct gw_rdma_piece pieces[GW_RDMA_PIECES];
	uint64_t uses;
	bool full; /* the system lets no more be registered: not tried again */
};

/* Memory that is registered for a transfer. */
struct gw_rdma_region {
	struct ibv_mr *mr;
	struct gw_rdma_piece *piece; /* NULL: registered for this transfer alone */
};

/* Finds or makes a region that begins at bytes or before, for a transfer with that access (of IBV_ACCESS_*) of up to
 * *size bytes; *size becomes what of it the region holds. False, with errno, if nothing can be registered. Leaves the
 * lock meanwhile. */
bool gw_rdma_region_take(struct gw_rdma *r, const void *bytes, size_t *size, int access, struct gw_rdma_region *out);

/* Ends a use; a NULL mr is fine. */
void gw_rdma_region_give(struct gw_rdma *r, struct gw_rdma_region *region);

/* What gw_transport_ops say. */
void gw_rdma_keep(struct gw_rdma *r, void *base, size_t size);
void gw_rdma_forget(struct gw_rdma *r, const void *base);

/* Forgets everything, after the queue pair is gone. */
void gw_rdma_keep_free(struct gw_rdma *r);

#endif
