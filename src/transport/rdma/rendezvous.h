/* Long payloads between ggwire peers. The sender registers them where they are and sends a request; the receiver reads
 * them to where they belong and acknowledges.
 *
 * Reading, not writing: then neither end can ever write to the other. The sender exposes only what it is sending, and
 * only while it sends it. Memory that is mapped read-only (a model's file) can be registered. And it takes one message
 * less, since the receiver need not say where to write.
 *
 * Everything is called with the lock held. */
#ifndef GW_TRANSPORT_RDMA_RENDEZVOUS_H
#define GW_TRANSPORT_RDMA_RENDEZVOUS_H

#include "transport/rdma/state.h"

/* Whether so many bytes in one piece are worth a rendezvous. */
bool gw_rdma_is_bulk(const struct gw_rdma *r, size_t size);

/* Lets the peer read bytes and waits until it has. *sent: how many it has read; with GW_OK fewer than size if the rest
 * cannot be registered and has to be sent. */
enum gw_status gw_rdma_send_region(
	struct gw_rdma *r, const uint8_t *bytes, size_t size, size_t *sent, struct gw_error *err);

/* A request has arrived in a slot. False if it is invalid. */
bool gw_rdma_take_request(struct gw_rdma *r, unsigned slot, const uint8_t *body, size_t size);

/* gw_rdma_path.pull */
enum gw_status gw_rdma_pull(struct gw_rdma *r, struct gw_iov_pos *pos, size_t *got, struct gw_error *err);

#endif
