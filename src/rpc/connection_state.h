/* The server's end of a connection as its parts share it. */
#ifndef GW_RPC_CONNECTION_STATE_H
#define GW_RPC_CONNECTION_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/heartbeat.h"
#include "rpc/inbuf.h"
#include "rpc/outq.h"
#include "transport/mode.h"
#include "transport/upgrade.h"
#include "wire/dialect.h"

struct gw_connection {
	struct gw_transport *_Atomic transport; /* owned; replaced when the connection is upgraded */
	const struct gw_dialect *dialect;
	struct gw_inbuf in;
	struct gw_outq out;
	uint64_t body_left;  /* of the current request */
	uint64_t reply_left; /* of the reply that was begun */
	bool failed;         /* the connection is unusable */

	struct gw_heartbeat *alive; /* NULL: the client has not asked for reports */
	pthread_mutex_t sending;    /* a leaf: held while bytes are given to the transport, and for the next two */
	uint64_t sends;             /* how often that was */
	bool mid_reply;             /* what was sent ends within a reply */
	bool takes_reports;         /* the client has asked for reports; with the lock */

	/* The upgrade of the connection, until the first request. */
	enum gw_transport_mode mode;
	bool upgrading;             /* the first request decides */
	struct gw_upgrade *upgrade; /* was announced, and waits for a stock client */
	bool upgraded;
	struct gw_error stay; /* why the connection was not upgraded */
};

#endif
