/* Work requests and completions. Everything is called with the lock held, or before the connection has started. */
#ifndef GW_TRANSPORT_RDMA_WORK_H
#define GW_TRANSPORT_RDMA_WORK_H

#include "transport/rdma/state.h"

/* Records the first failure; later ones are its consequences. */
void gw_rdma_fail(struct gw_rdma *r, enum gw_status status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Why nothing more can be sent; GW_OK while something can. */
enum gw_status gw_rdma_broken(const struct gw_rdma *r, struct gw_error *err);

/* Handles completions; returns whether there were any. */
bool gw_rdma_progress(struct gw_rdma *r);

/* Receives. */
uint8_t *gw_rdma_rx(const struct gw_rdma *r, unsigned slot);
void gw_rdma_post_recv(struct gw_rdma *r, unsigned slot); /* a failure is recorded */

/* Makes a slot's bytes readable. */
void gw_rdma_make_ready(struct gw_rdma *r, unsigned slot, uint32_t offset, uint32_t size);

/* Makes the peer's region readable; the slot of the message that named it is lent to the region. */
void gw_rdma_make_remote(struct gw_rdma *r, unsigned slot, const struct gw_rdma_remote *remote);

/* Returns the first ready slot to the path once it is empty. */
void gw_rdma_drop_empty(struct gw_rdma *r);

/* Sends: how many more can be posted. */
unsigned gw_rdma_room(const struct gw_rdma *r);

/* The slot of the next send, for which there must be room. */
uint8_t *gw_rdma_tx(const struct gw_rdma *r);

/* Sends size bytes of that slot: chain_send together with the next post, post_send at once, with what was chained. A
 * failure is recorded. */
void gw_rdma_chain_send(struct gw_rdma *r, size_t size, bool signal);
void gw_rdma_post_send(struct gw_rdma *r, size_t size, bool signal);
void gw_rdma_post_chain(struct gw_rdma *r);

/* Posts a signalled RDMA READ into registered memory. There must be room. A failure is recorded. */
void gw_rdma_post_read(struct gw_rdma *r, void *to, uint32_t lkey, const struct gw_rdma_remote *from, uint32_t size);

#endif
