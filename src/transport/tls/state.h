/* The state of a TLS connection. Private to handshake.c and records.c. */
#ifndef GW_TRANSPORT_TLS_STATE_H
#define GW_TRANSPORT_TLS_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "transport/tls/openssl.h"
#include "transport/tls/tls.h"

/* Bytes sent or received in one call of the inner connection. A record has 16 KiB; a system call for each would cost
 * more than its encryption. */
#define GW_TLS_BATCH ((size_t)256 << 10)
#define GW_TLS_RECORD ((size_t)16 << 10)
#define GW_TLS_RECORD_MAX (GW_TLS_RECORD + 5 + 256) /* with its header and the largest overhead of encryption */

/* OpenSSL allows only one thread in an SSL at a time. It reads and writes memory only, so no thread holds the lock
 * while the inner connection blocks. */
struct gw_tls {
	struct gw_transport base;
	struct gw_transport *inner;
	const struct gw_openssl *lib;
	pthread_mutex_t lock; /* protects everything down to in_len, and OpenSSL's state */
	SSL *ssl;
	struct gw_buf out;     /* records that are not sent yet */
	bool no_memory;        /* protects out */
	uint64_t sealed;       /* bytes sent under the current key */
	size_t in_at, in_len;  /* records that were received and not read; the receiving thread adds them when none
				* are left */
	uint8_t *in;           /* GW_TLS_BATCH bytes */
	struct gw_buf sending; /* used by the sending thread only */
	uint8_t *gathered;  /* used by the sending thread only; GW_TLS_RECORD bytes, in which small elements become one
			       record */
	atomic_bool down;   /* this side has called shutdown */
	atomic_bool failed; /* the connection is unusable */
};

extern const struct gw_transport_ops gw_tls_ops;

/* Makes a connection of an SSL that it owns from then on. GW_ERR_NOMEM: the SSL remains the caller's. */
enum gw_status gw_tls_new(
	struct gw_transport *inner, const struct gw_openssl *lib, SSL *ssl, struct gw_tls **out, struct gw_error *err);

/* Frees it, and leaves the inner connection open. */
void gw_tls_free(struct gw_tls *t);

/* Sends the finished records. Called by the sending thread only. */
enum gw_status gw_tls_flush(struct gw_tls *t, struct gw_error *err);

/* Receives more records, once all are read. Called by the receiving thread only. */
enum gw_status gw_tls_fill(struct gw_tls *t, struct gw_error *err);

#endif
