/* A TLS connection, between handshake.c and records.c. */
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

/* Bytes that the inner connection moves in one call. A record has 16 KiB; one system call for each would cost more
 * than its encryption. */
#define GW_TLS_BATCH ((size_t)256 << 10)
#define GW_TLS_RECORD ((size_t)16 << 10)
#define GW_TLS_RECORD_MAX (GW_TLS_RECORD + 5 + 256) /* with its header, and the most that encryption adds */

/* OpenSSL allows one thread in an SSL at a time, and reads and writes memory only: nobody holds the lock while the
 * inner connection blocks. */
struct gw_tls {
	struct gw_transport base;
	struct gw_transport *inner;
	const struct gw_openssl *lib;
	pthread_mutex_t lock; /* of everything down to in_len, and of OpenSSL's state */
	SSL *ssl;
	struct gw_buf out;     /* records that were made and not sent */
	bool no_memory;        /* for out */
	uint64_t sealed;       /* bytes sent under the current key */
	size_t in_at, in_len;  /* records that were received and not read; the receiving thread adds them when none
				* are left */
	uint8_t *in;           /* GW_TLS_BATCH bytes */
	struct gw_buf sending; /* the sending thread's */
	uint8_t *gathered;     /* the sending thread's, GW_TLS_RECORD bytes: small elements become one record */
	atomic_bool down;      /* this side has called shutdown */
	atomic_bool failed;    /* the connection is unusable */
};

extern const struct gw_transport_ops gw_tls_ops;

/* Makes a connection of an SSL that it owns from then on. GW_ERR_NOMEM: the SSL remains the caller's. */
enum gw_status gw_tls_new(
	struct gw_transport *inner, const struct gw_openssl *lib, SSL *ssl, struct gw_tls **out, struct gw_error *err);

/* Frees it, and leaves the inner connection open. */
void gw_tls_free(struct gw_tls *t);

/* Sends the records that were made. The sending thread's. */
enum gw_status gw_tls_flush(struct gw_tls *t, struct gw_error *err);

/* Receives more records; none may be left. The receiving thread's. */
enum gw_status gw_tls_fill(struct gw_tls *t, struct gw_error *err);

#endif
