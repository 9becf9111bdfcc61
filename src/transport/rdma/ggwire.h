/* Messages between ggwire peers. Everything is called with the lock held. */
#ifndef GW_TRANSPORT_RDMA_GGWIRE_H
#define GW_TRANSPORT_RDMA_GGWIRE_H

#include "transport/rdma/state.h"

#define GW_RDMA_HEADER 8

#define GW_RDMA_TX_CONTROL 2 /* sends reserved for messages that must never wait */

enum gw_rdma_message_type {
	GW_RDMA_DATA = 1,
	GW_RDMA_CREDIT = 2,      /* only the header */
	GW_RDMA_PROBE = 3,       /* the bytes mean nothing */
	GW_RDMA_REQUEST = 4,     /* rendezvous: a region of the stream, for the peer to read */
	GW_RDMA_ACKNOWLEDGE = 5, /* rendezvous: only the header; the oldest request was read */
};

/* Posts a message in the slot of the next send, for which there is room; size bytes are already there after the
 * header. */
void gw_rdma_post_message(struct gw_rdma *r, enum gw_rdma_message_type type, size_t size, bool signal);

/* Waits until a message with bytes of the stream can be sent. */
enum gw_status gw_rdma_wait_to_send(struct gw_rdma *r, struct gw_error *err);

/* Waits until there is room for more than the messages that must never wait. */
enum gw_status gw_rdma_wait_for_room(struct gw_rdma *r, struct gw_error *err);

#endif
