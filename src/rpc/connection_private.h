/* What the parts of the server's end share. */
#ifndef GW_RPC_CONNECTION_PRIVATE_H
#define GW_RPC_CONNECTION_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/alive.h"
#include "rpc/connection.h"
#include "rpc/inbuf.h"
#include "rpc/outq.h"
#include "transport/rdma/rdma.h"
#include "wire/message.h"

struct gw_connection {
	struct gw_transport *_Atomic transport; /* owned; replaced when the connection changes to RDMA */
	const struct gw_dialect *dialect;
	enum gw_transport_mode mode;
	struct gw_inbuf in;
	struct gw_outq out;
	uint64_t body_left;  /* of the current request */
	uint64_t reply_left; /* of the reply that was begun */
	bool failed;         /* the connection is of no use any more */
	bool on_rdma;        /* the transport was replaced */

	struct gw_alive *alive;  /* NULL: the client has not asked for it */
	pthread_mutex_t sending; /* a leaf: held while bytes are given to the transport, and for what follows */
	uint64_t sends;          /* how often that was */
	bool mid_reply;          /* what was given ends within a reply */

	/* Until the first request. */
	bool settling;        /* which transport it is has to be found out */
	struct gw_rdma *rdma; /* was announced, and waits for a stock client */
	struct gw_error stay; /* why the connection is on TCP */
};

/* peer.c: returns status, and notes a failure. */
enum gw_status gw_connection_checked(struct gw_connection *p, enum gw_status status);

/* peer.c: sends what is queued. */
enum gw_status gw_connection_flush(struct gw_connection *p, struct gw_error *err);

/* peer.c: the header of the next request, as gw_connection_next, on whatever the transport is. */
enum gw_status gw_connection_header(struct gw_connection *p, unsigned *cmd, uint64_t *size, struct gw_error *err);

/* peer.c: tells the client that this side lives, unless something was sent since *sends. From gw_alive's thread. */
enum gw_status gw_connection_say_alive(struct gw_connection *p, uint64_t *sends);

/* peer_rdma.c: between HELLO and its reply: brings up what a stock client may change to, and fills ours with what to
 * announce, or zeros. GW_ERR_INVALID: the environment contradicts itself. */
enum gw_status gw_connection_announce(
	struct gw_connection *p, const uint8_t theirs[GW_WIRE_CAPS], uint8_t ours[GW_WIRE_CAPS], struct gw_error *err);

/* peer_rdma.c: after the reply to HELLO: waits for the client's first bytes, which show where it is, and changes to
 * RDMA if it is there or asks for it. */
enum gw_status gw_connection_settle(struct gw_connection *p, struct gw_error *err);

#endif
