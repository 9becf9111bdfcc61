/* A client's connection as its parts share it. */
#ifndef GW_RPC_CLIENT_STATE_H
#define GW_RPC_CLIENT_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "rpc/dest.h"
#include "rpc/inbuf.h"
#include "rpc/later.h"
#include "rpc/outq.h"
#include "transport/transport.h"
#include "wire/dialect.h"

#define GW_CLIENT_MAX_PENDING 128 /* replies; a power of two */
#define GW_CLIENT_UNITS 3         /* of a request: command, size, body; a reply has fewer */

/* A reply that is on its way. */
struct gw_client_pending {
	struct gw_dest dest; /* where it goes, unless var is set */
	struct gw_buf *var;  /* takes a reply of any size up to max */
	size_t max;
};

/* Everything but the constants is under the lock, or as it says. */
struct gw_client {
	pthread_mutex_t lock;
	struct gw_transport *transport; /* owned; replaced by an upgrade, during the handshake */
	struct gw_outq out;
	struct gw_inbuf in;
	struct gw_client_pending pending[GW_CLIENT_MAX_PENDING]; /* ticket t is at t % GW_CLIENT_MAX_PENDING */
	uint64_t issued;                                         /* the last ticket; they count from 1 */
	uint64_t done;                                           /* the last ticket whose reply has arrived */
	size_t reply_bytes; /* of all replies that are on their way, with their headers */
	size_t blind_bytes; /* of requests queued while reply_bytes was above its bound */
	unsigned blind_requests;

	atomic_bool lost;              /* set once, under the lock; read anywhere */
	struct gw_error why;           /* of the loss; constant from then on */
	atomic_bool interrupted;       /* set once, by gw_client_interrupt */
	struct gw_error interruption;  /* why; constant from then on */
	atomic_bool flush_wanted;      /* set by any thread; what is queued leaves at the end of a running call */
	struct gw_later later;         /* the queue, while it may gather more */
	_Atomic uint64_t turns;        /* odd while a call is running; written under the lock */
	_Atomic uint32_t server_flags; /* GW_EXT_SERVER_..., once the server was asked */

	/* Constant after the handshake. */
	const struct gw_dialect *dialect;
	struct gw_version version; /* of the server's protocol */
	unsigned server_level;     /* of the server's extensions */
	unsigned extensions;       /* the level in use; 0: the server is a stock one */
	bool reports_alive;        /* the server sends GW_REPLY_ALIVE while it is waited for */
	bool upgraded;
	struct gw_error stay;                                    /* why the connection was not upgraded */
	void (*on_loss)(void *user, const struct gw_error *why); /* gw_client_on_loss */
	void *on_loss_user;
	char name[300];
};

/* Makes a client of a connection, which it owns on success. GW_ERR_NOMEM. */
enum gw_status gw_client_new(struct gw_transport *t, const char *name, struct gw_client **out);

/* Closes the connection and frees c. */
void gw_client_free(struct gw_client *c);

/* Every public function runs between these two. The first is GW_ERR_LOST, and the lock is not held, if the connection
 * is lost; the second returns status, and logs a loss that has happened since the first. */
enum gw_status gw_client_enter(struct gw_client *c);
enum gw_status gw_client_leave(struct gw_client *c, enum gw_status status);

/* Sends the queue, or has the thread that is between the two do it. */
void gw_client_want_flush(struct gw_client *c);

/* Sends the queue if flush_wanted is set, unless another thread is between the two: that one will. */
void gw_client_flush_wanted(struct gw_client *c);

/* Ends the connection and fills what was awaited with zeros. Returns the status that the caller should return. */
enum gw_status gw_client_fail(struct gw_client *c, enum gw_status status, const struct gw_error *why);

/* The size of the next reply, or GW_REPLY_ALIVE. GW_ERR_LOST: the server says that it shuts down. */
enum gw_status gw_client_receive_size(struct gw_client *c, uint64_t *size, struct gw_error *why);

/* Sending has failed: replaces why by what the server has said before, if that is that it shuts down. Nothing can be
 * received afterwards. */
void gw_client_hear_why(struct gw_client *c, struct gw_error *why);

/* Sends the queue. */
enum gw_status gw_client_send(struct gw_client *c);

/* Queues a request's header. There must be room. */
void gw_client_put_header(struct gw_client *c, unsigned cmd, size_t size);

#endif
