/* What the parts of the client share. All of it, but the constants, is under the lock. */
#ifndef GW_RPC_CLIENT_PRIVATE_H
#define GW_RPC_CLIENT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/client.h"
#include "rpc/inbuf.h"
#include "rpc/outq.h"
#include "transport/mode.h"
#include "transport/rdma/rdma.h"
#include "wire/message.h"

#define GW_CLIENT_TIMEOUT_MS 10000 /* for the connection, and again for the answer to HELLO */

/* Bounds that keep both ends from blocking in a send at once: see gw_client_admit. */
#define GW_CLIENT_MAX_PENDING 128 /* replies; a power of two */
#define GW_CLIENT_MAX_REPLY_BYTES 65536
#define GW_CLIENT_MAX_BLIND_BYTES 32768
#define GW_CLIENT_BLIND_OVERHEAD 512 /* what the system may need for a small send besides its bytes */
#define GW_CLIENT_UNITS 3            /* of a request: command, size, body; a reply has fewer */

/* A reply that is on its way. */
struct gw_client_pending {
	struct gw_dest dest; /* where it goes, unless var is set */
	struct gw_buf *var;  /* takes a reply of any size up to max */
	size_t max;
};

struct gw_client {
	pthread_mutex_t lock;
	struct gw_transport *transport; /* owned */
	struct gw_outq out;
	struct gw_inbuf in;
	struct gw_client_pending pending[GW_CLIENT_MAX_PENDING]; /* ticket t is at t % GW_CLIENT_MAX_PENDING */
	uint64_t issued;                                         /* the last ticket given out; tickets count from 1 */
	uint64_t done;                                           /* the last ticket whose reply has arrived */
	size_t reply_bytes; /* of all replies that are on their way, with their headers */
	size_t blind_bytes; /* of requests queued while reply_bytes was above its bound */
	unsigned blind_requests;

	atomic_bool lost;    /* set once, under the lock; read anywhere */
	struct gw_error why; /* of the loss */

	/* Constant after the handshake. */
	const struct gw_dialect *dialect;
	struct gw_client_server server;
	unsigned extensions;
	bool tells_alive; /* the server says GW_REPLY_ALIVE while it is waited for */
	char name[300];
	struct gw_error stay; /* why the connection is on TCP */

	/* Used by the handshake alone. */
	enum gw_transport_mode mode;
	struct gw_rdma *rdma; /* was announced, and may be brought up */
	bool start_over;      /* the server has gone over to RDMA and this side cannot: TCP needs a new connection */
};

/* client.c: every public function runs between these two. The first is GW_ERR_LOST, and the lock is not held, if the
 * connection is lost; the second returns status, and logs a loss that has happened since the first. */
enum gw_status gw_client_enter(struct gw_client *c);
enum gw_status gw_client_leave(struct gw_client *c, enum gw_status status);

/* Ends the connection and fills what was awaited with zeros. Returns the status that the caller should return. */
enum gw_status gw_client_fail(struct gw_client *c, enum gw_status status, const struct gw_error *why);

/* As gw_client_start, with another time for the answer to HELLO. */
enum gw_status gw_client_start_within(
	struct gw_transport *transport, const char *name, int timeout_ms, struct gw_client **out, struct gw_error *err);

/* client_reply.c: takes what the server has said besides replies, if none is awaited. */
enum gw_status gw_client_take_alive(struct gw_client *c, struct gw_error *why);

/* client_hello.c: sends HELLO, sets dialect and extensions from the answer, and changes to RDMA where mode and both
 * ends allow it. */
enum gw_status gw_client_handshake(struct gw_client *c, int timeout_ms, struct gw_error *err);

/* client_hello.c: receives until n bytes are buffered, or deadline (of gw_clock_ns) has passed. */
enum gw_status gw_client_await(struct gw_client *c, size_t n, uint64_t deadline, struct gw_error *err);

/* client_rdma.c: before HELLO: looks for a device, and fills caps with what to announce, or zeros. Fails where RDMA
 * is demanded and this machine has none. */
enum gw_status gw_client_announce(struct gw_client *c, uint8_t caps[GW_WIRE_CAPS], struct gw_error *err);

/* client_rdma.c: after the answer to HELLO: goes over to RDMA, or stays on TCP for a reason that is logged. Fails where
 * neither is possible, or the mode forbids it. */
enum gw_status gw_client_settle(
	struct gw_client *c, const struct gw_wire_hello_rsp *answer, int timeout_ms, struct gw_error *err);

/* client_request.c: sends the queue. */
enum gw_status gw_client_send(struct gw_client *c);

/* client_reply.c */

/* Fills a destination with zeros. */
void gw_dest_zero(const struct gw_dest *dest);

/* Whether the bytes of a destination can be counted. */
bool gw_dest_valid(const struct gw_dest *dest);

/* Makes sure that a request of size bytes, with a reply or without, can be queued and sent without a deadlock,
 * receiving replies first where it must. */
enum gw_status gw_client_admit(struct gw_client *c, size_t size, bool reply);

/* Notes that a reply will come; gw_client_admit was asked. Returns its ticket. */
uint64_t gw_client_expect(struct gw_client *c, const struct gw_client_pending *pending);

/* Sends the queue and receives replies until that of ticket has arrived. */
enum gw_status gw_client_receive_until(struct gw_client *c, uint64_t ticket);

#endif
