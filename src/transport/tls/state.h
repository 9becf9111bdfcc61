/* The state of a TLS connection. Private to handshake.c, bio.c and records.c. */
#ifndef GW_TRANSPORT_TLS_STATE_H
#define GW_TRANSPORT_TLS_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/tls/openssl.h"
#include "transport/tls/protection.h"
#include "transport/tls/tls.h"

/* Bytes sent or received in one call of the inner connection. A record has 16 KiB; a system call for each would cost
 * more than its encryption. */
#define GW_TLS_BATCH ((size_t)256 << 10)

/* OpenSSL makes the handshake. After it, the two directions have nothing in common, so one thread can send while
 * another receives, and neither needs a lock. */
struct gw_tls {
	struct gw_transport base;
	struct gw_transport *inner;
	const struct gw_openssl *lib;
	SSL *ssl; /* until the handshake is done */

	/* The sending thread's. */
	struct gw_tls_protection sealing;
	uint64_t sealed;   /* bytes sent under the current key */
	uint8_t *out;      /* GW_TLS_BATCH bytes: records that are not sent yet */
	size_t out_len;    /* of them */
	uint8_t *gathered; /* GW_TLS_RECORD bytes, in which small elements become one record */

	/* The receiving thread's. */
	struct gw_tls_protection opening;
	uint8_t *in;                /* GW_TLS_BATCH bytes: what was received and not decrypted, */
	size_t in_at, in_len;       /* from in_at to in_len */
	uint8_t *plain;             /* GW_TLS_RECORD_MAX bytes: of a record that did not fit into its destination, */
	size_t plain_at, plain_len; /* from plain_at to plain_len */
	unsigned without_data;      /* records since the last one with data */
	enum gw_status end;         /* what every later receive fails with; GW_OK: nothing yet */

	atomic_bool renew;  /* the peer wants this side to replace its key before it sends more */
	atomic_bool down;   /* this side has called shutdown */
	atomic_bool failed; /* the connection is unusable */
};

extern const struct gw_transport_ops gw_tls_ops;

/* A BIO that reads from t->in and writes to t->out; NULL: no memory. */
BIO *gw_tls_bio_new(struct gw_tls *t);

/* Makes a connection of an SSL that it owns from then on. GW_ERR_NOMEM: the SSL remains the caller's. */
enum gw_status gw_tls_new(
	struct gw_transport *inner, const struct gw_openssl *lib, SSL *ssl, struct gw_tls **out, struct gw_error *err);

/* Frees it, and leaves the inner connection open. */
void gw_tls_free(struct gw_tls *t);

/* From the handshake's traffic secrets to records. False: no memory, or an unknown suite. */
bool gw_tls_begin_records(struct gw_tls *t, uint16_t suite, const uint8_t sealing[GW_TLS_TRAFFIC_SECRET],
	const uint8_t opening[GW_TLS_TRAFFIC_SECRET]);

/* Sends the finished records. Called by the sending thread only. */
enum gw_status gw_tls_flush(struct gw_tls *t, struct gw_error *err);

/* Receives more; *got, unless NULL, is how many bytes. Called by the receiving thread only. */
enum gw_status gw_tls_fill(struct gw_tls *t, size_t *got, struct gw_error *err);

#endif
