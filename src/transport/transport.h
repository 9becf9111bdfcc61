/* The contract of a transport: how a connection is made, and what a connection can do. Nothing above this room knows
 * which transport a connection runs on. The list of transports is in transports.c. */
#ifndef GW_TRANSPORT_TRANSPORT_H
#define GW_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/status.h"

struct gw_transport;

/* A call that makes no progress. */
struct gw_transport_wait {
	uint64_t since; /* when the peer was last seen to send something; 0: not checked yet */
	int unread;     /* bytes from it at that time */
};

#define GW_IDENTITY_MAX 64 /* bytes of an identity, with its NUL */

/* What a connection can do. One thread may send while another receives. Two threads must not send, or receive, at the
 * same time. */
struct gw_transport_ops {
	const char *name;  /* "tcp", "rdma", ... in logs and JSON */
	const char *title; /* the same for people: "TCP" */

	/* True if one element of an iovec is never joined with the next on the wire. Callers must then pass each unit
	 * that the peer reads at once (command byte, size, body) as elements of its own. */
	bool keeps_boundaries;

	/* How many elements of an iovec, of up to 64 KiB each, the peer's end holds while the peer receives nothing. 0:
	 * any number; the limit is in bytes. */
	unsigned max_unread;

	/* Sends all bytes of iov in order. Blocks until the transport has taken them; the caller may then reuse its
	 * memory. GW_ERR_LOST or GW_ERR_TIMEOUT; the connection is unusable afterwards. n is at least 1; elements may
	 * be empty. */
	enum gw_status (*sendv)(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err);

	/* Receives at least min (>= 1) bytes and at most the sum of iov, filling iov in order; sets *got. Blocks until
	 * min bytes are there. GW_ERR_CLOSED if the peer closed before the first byte, GW_ERR_LOST if it closed or the
	 * connection broke later, GW_ERR_TIMEOUT. n is 1 or 2. */
	enum gw_status (*recvv)(
		struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err);

	/* As sendv and recvv, but only as much as goes without blocking: *done, which may be 0. hangup_fd polls as
	 * POLLOUT and POLLIN when they can go on. NULL, both: the transport cannot. */
	enum gw_status (*try_sendv)(
		struct gw_transport *t, const struct iovec *iov, int n, size_t *done, struct gw_error *err);
	enum gw_status (*try_recvv)(
		struct gw_transport *t, const struct iovec *iov, int n, size_t *done, struct gw_error *err);

	/* To be called after each gw_transport_timeout_ms / 4 without progress, with the same *wait, which is all-zero
	 * at first and after each progress: whether the peer is lost. NULL as above. */
	bool (*is_lost)(struct gw_transport *t, struct gw_transport_wait *wait);

	/* Waits for at most timeout_ms until a receive would return at once, with bytes, the end or an error. Returns
	 * whether it would. 0 does not block; a negative time waits without end. Called by the receiving thread. */
	bool (*readable)(struct gw_transport *t, int timeout_ms);

	/* Announces that payloads will be received into the size bytes at base, and sent from there, repeatedly: the
	 * transport may register the memory with its device and keep the registration. Called by the receiving thread.
	 * NULL: the transport registers nothing. */
	void (*register_memory)(struct gw_transport *t, void *base, size_t size);

	/* Ends the registration before the memory is freed; no transfer may be using it. base NULL ends all of them.
	 * Memory that was not announced is ignored. NULL as above. */
	void (*unregister_memory)(struct gw_transport *t, const void *base);

	/* A descriptor, the transport's, that polls as POLLRDHUP, POLLHUP or POLLERR once the peer has closed or is
	 * lost. Any thread may call it. NULL: there is none. */
	int (*hangup_fd)(const struct gw_transport *t);

	/* Makes blocked and later calls fail with GW_ERR_LOST. Any thread may call it, more than once. */
	void (*shutdown)(struct gw_transport *t);

	/* Closes the connection and frees t. No other call may be running. */
	void (*close)(struct gw_transport *t);
};

/* An open connection: the first member of every transport's own struct. */
struct gw_transport {
	const struct gw_transport_ops *ops;
	char peer[128]; /* the address of the other end, for logs: "192.0.2.7:40312", "unix:/run/x" */

	/* Who the other end is: the owner of the key that it has proved to hold. "" if it has proved nothing. */
	char identity[GW_IDENTITY_MAX];

	/* The connection is encrypted, and must not be upgraded to one that is not: transport/upgrade.h. */
	bool keep_encrypted;

	/* Set by a side whose peer promised to send something at least this often while it is waited for: a receive, or
	 * a send without progress, is GW_ERR_TIMEOUT when nothing has come for this time. 0: the peer may be silent as
	 * long as its system answers. */
	int silence_ms;
};

struct gw_transport_kind;

/* An address to connect to or to listen on. */
#define GW_DEFAULT_PORT 50052 /* the stock server's */

struct gw_endpoint {
	const struct gw_transport_kind *kind;
	char host[256]; /* address or name without brackets; the path of a Unix socket */
	uint16_t port;  /* 0 where the transport has none */
};

/* A transport: one const object in its own folder and one line in transports.c. */
struct gw_transport_kind {
	/* What its endpoints begin with ("unix:"), or "" for HOST:PORT. */
	const char *prefix;

	/* Its endpoints are files, which remain when a listener exits. */
	bool has_file;

	/* Parses the text after the prefix into ep->host and ep->port. GW_ERR_INVALID: the error says what is
	 * expected. Port 0 is valid only with allow_port_0. */
	enum gw_status (*parse)(const char *text, bool allow_port_0, struct gw_endpoint *ep, struct gw_error *err);

	/* Writes the endpoint as users write it, cut to size. */
	void (*format)(const struct gw_endpoint *ep, char *out, size_t size);

	/* Whether only this machine can reach the endpoint. */
	bool (*is_local)(const struct gw_endpoint *ep);

	/* Connects. Blocks for at most timeout_ms (<= 0: without end). The error says what was tried. */
	enum gw_status (*dial)(
		const struct gw_endpoint *ep, int timeout_ms, struct gw_transport **out, struct gw_error *err);

	/* Opens a listening descriptor, close-on-exec and non-blocking. *bound is the endpoint with the port that the
	 * system chose. */
	enum gw_status (*listen)(
		const struct gw_endpoint *ep, int backlog, int *fd, struct gw_endpoint *bound, struct gw_error *err);

	/* The endpoint of a listening descriptor that another process opened. False if it is not this transport's. */
	bool (*adopt)(int fd, struct gw_endpoint *ep);

	/* Makes a connection of an accepted descriptor, which it then owns. GW_ERR_NOT_FOUND if the descriptor is not
	 * this transport's; on every failure it remains the caller's. */
	enum gw_status (*from_fd)(int fd, struct gw_transport **out, struct gw_error *err);

	/* Writes the address at the other end of an accepted descriptor, as in gw_transport.peer. False if the
	 * descriptor is not this transport's. */
	bool (*peer_name)(int fd, char *out, size_t size);

	/* Writes the trust domain of the peer of an accepted descriptor, as gw_transport_peer_domain. False as above,
	 * or if the system cannot tell. */
	bool (*peer_domain)(int fd, char *out, size_t size);
};

#endif
