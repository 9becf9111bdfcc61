/* Messages of the data path between ggwire peers; private to rdma_ggwire.c and rdma_bulk.c. With the lock held. */
#ifndef GW_TRANSPORT_RDMA_GGWIRE_PATH_H
#define GW_TRANSPORT_RDMA_GGWIRE_PATH_H

#include "transport/rdma/private.h"

#define GW_RDMA_HEADER 8
#define GW_RDMA_OFFER_BYTES 16

enum gw_rdma_message {
	GW_RDMA_DATA = 1,
	GW_RDMA_CREDIT = 2, /* nothing but the header */
	GW_RDMA_HELLO = 3,  /* gw_rdma_say; the bytes mean nothing */
	GW_RDMA_OFFER = 4,  /* u64 address | u32 key | u32 size: bytes of the stream, to be read by the peer */
	GW_RDMA_TAKEN = 5,  /* nothing but the header: the oldest offer was read */
};

/* rdma_ggwire.c: posts what stands behind the header in the next send's slot, for which there is room. */
void gw_rdma_post_message(struct gw_rdma *r, enum gw_rdma_message type, size_t size, bool signal);

/* rdma_ggwire.c: waits until a message with bytes of the stream can be sent. */
enum gw_status gw_rdma_wait_to_send(struct gw_rdma *r, struct gw_error *err);

/* rdma_ggwire.c: waits until there is room for more than the messages that must never wait. */
enum gw_status gw_rdma_wait_for_room(struct gw_rdma *r, struct gw_error *err);

/* Whether so many bytes in one piece are worth an offer. */
bool gw_rdma_is_bulk(const struct gw_rdma *r, size_t size);

/* Lets the peer read bytes, and waits until it has. *sent: how many were read; with GW_OK fewer than size if they
 * cannot be registered, and the rest has to be sent. */
enum gw_status gw_rdma_offer(struct gw_rdma *r, const uint8_t *bytes, size_t size, size_t *sent, struct gw_error *err);

/* An offer has come, in the bytes of a slot. False if it cannot be one. */
bool gw_rdma_offered(struct gw_rdma *r, unsigned slot, const uint8_t bytes[GW_RDMA_OFFER_BYTES]);

/* gw_rdma_path_ops.pull */
enum gw_status gw_rdma_pull(struct gw_rdma *r, struct gw_iov_pos *pos, size_t *got, struct gw_error *err);

#endif
