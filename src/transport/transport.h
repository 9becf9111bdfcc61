/* A connection that moves bytes: the contract of every transport. Above it nothing knows which one it runs on.
 *
 * One thread may send while another receives. Two threads must not send, or receive, at once. */
#ifndef GW_TRANSPORT_TRANSPORT_H
#define GW_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/status.h"

struct gw_transport;

struct gw_transport_ops {
	const char *name; /* "tcp", "rdma", ... for logs */

	/* Whether one element of an iovec is never joined with the next on the wire. Where true, callers must pass each
	 * unit that the peer reads at once (command byte, size, body) as elements of its own. */
	bool keeps_boundaries;

	/* How many elements of an iovec, of up to 64 KiB each, the peer's end holds while the peer receives nothing. 0:
	 * any number, it is the bytes that count. */
	unsigned max_unread;

	/* Sends all bytes of iov in order. Blocks until they are the transport's. The caller's memory is its own again
	 * on return. GW_ERR_LOST or GW_ERR_TIMEOUT; then the connection is unusable. n is any number from 1; elements
	 * may be empty. */
	enum gw_status (*sendv)(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err);

	/* Receives at least min (>= 1) and at most the sum of iov's bytes, filling iov in order; sets *got. Blocks
	 * until min bytes are there. GW_ERR_CLOSED if the peer closed before the first byte, GW_ERR_LOST if it closed
	 * or broke later, GW_ERR_TIMEOUT. n is 1 or 2. */
	enum gw_status (*recvv)(
		struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err);

	/* Waits for at most timeout_ms until a receive would return at once (bytes, the end, or an error are there),
	 * and says whether it would. 0 does not block. Called by the receiving thread. */
	bool (*readable)(struct gw_transport *t, int timeout_ms);

	/* Says that payloads will be received into the size bytes at base, and sent from them, again and again: the
	 * transport may register them with its device and leave them so. From the receiving thread. NULL: it has no use
	 * for that. */
	void (*keep)(struct gw_transport *t, void *base, size_t size);

	/* Takes it back, before the memory is freed; nothing may be under way there. base NULL: all that was said.
	 * What was not said is ignored. */
	void (*forget)(struct gw_transport *t, const void *base);

	/* A descriptor, the transport's, that polls as POLLRDHUP, POLLHUP or POLLERR once the peer has closed or is
	 * lost. From any thread. NULL: there is none. */
	int (*hangup_fd)(const struct gw_transport *t);

	/* Makes blocked and later calls fail with GW_ERR_LOST. From any thread; more than once is fine. */
	void (*shutdown)(struct gw_transport *t);

	/* Ends the connection and frees t. No call may be under way. */
	void (*close)(struct gw_transport *t);
};

/* The first member of every transport's own struct. */
struct gw_transport {
	const struct gw_transport_ops *ops;
	char peer[128]; /* who is at the other end, for logs: "192.0.2.7:40312", "unix:/run/x" */

	/* Set by a side that its peer never leaves without a word for so long while it waits: a receive, or a send that
	 * makes no progress, is GW_ERR_TIMEOUT once nothing has come for this time. 0: the peer may be silent, and
	 * only its system must answer. The loopback, whose peer is this process, and the decorator for tests
	 * ignore it. */
	int silence_ms;
};

#endif
