/* Registered memory for payloads: registered for one transfer, or kept for the next ones if the owner of the memory has
 * announced that there will be more (gw_transport_ops.register_memory).
 *
 * Announced memory is registered piece by piece, when a payload first touches a piece. Registering locks memory: a
 * large buffer as a whole would take longer than the client waits, and more memory than many limits allow. The peer can
 * read a piece for as long as it is registered; it belongs to a buffer of that same peer, or to staging memory that
 * held nothing but its payloads. */
#ifndef GW_TRANSPORT_RDMA_REGISTRATION_CACHE_H
#define GW_TRANSPORT_RDMA_REGISTRATION_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/rdma/verbs.h"

#define GW_RDMA_PIECE ((size_t)16 << 20)
#define GW_RDMA_PIECES 64 /* 1 GiB; the least recently used piece makes room */

/* The caller fills in the first three members; the rest begins as zeros. Everything is called with the lock held. */
struct gw_rdma_registrations {
	const struct gw_verbs *v;
	struct ibv_pd *pd;
	pthread_mutex_t *lock;

	struct gw_rdma_range {
		uint8_t *base;
		size_t size;
	} * ranges; /* announced memory */
	size_t n, capacity;
	struct gw_rdma_piece {
		uint8_t *base;     /* NULL: none */
		struct ibv_mr *mr; /* NULL: being registered */
		unsigned users;
		uint64_t last_use;
	} pieces[GW_RDMA_PIECES];
	uint64_t uses;
	bool full; /* the system refused to register more, which is not tried again */
};

/* Memory that is registered for a transfer. */
struct gw_rdma_region {
	struct ibv_mr *mr;
	struct gw_rdma_piece *piece; /* NULL: registered for this transfer only */
};

/* Finds or makes a region that contains bytes, for a transfer with that access (of IBV_ACCESS_*) of up to *size bytes;
 * *size becomes the part of it that the region holds. False, with errno, if nothing can be registered. Releases the
 * lock while it registers. */
bool gw_rdma_region_take(
	struct gw_rdma_registrations *c, const void *bytes, size_t *size, int access, struct gw_rdma_region *out);

/* Ends a use; a NULL mr is fine. */
void gw_rdma_region_give(struct gw_rdma_registrations *c, struct gw_rdma_region *region);

/* gw_transport_ops.register_memory and unregister_memory. */
void gw_rdma_register(struct gw_rdma_registrations *c, void *base, size_t size);
void gw_rdma_unregister(struct gw_rdma_registrations *c, const void *base);

/* Drops everything; no transfer may be running. Also of a struct of zeros. */
void gw_rdma_registrations_free(struct gw_rdma_registrations *c);

#endif
