/* TLS 1.3 with pre-shared keys, around a connection of any transport. Both ends prove that they hold the same key, and
 * every connection has fresh keys of its own (psk_dhe_ke): a key that leaks later opens no recorded traffic. There are
 * no certificates, tickets, early data or renegotiation. */
#ifndef GW_TRANSPORT_TLS_TLS_H
#define GW_TRANSPORT_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "transport/tls/key_file.h"
#include "transport/transport.h"

#define GW_TLS_HANDSHAKE_MS 5000 /* the longest that a server lets a handshake take */

/* The first byte of a TLS connection: the record type of a handshake (RFC 8446, section 5.1). HELLO begins with 14. */
#define GW_TLS_FIRST_BYTE 0x16

/* Whether this build has TLS and the library can be loaded; the error says what is missing. Loads it. */
enum gw_status gw_tls_check(struct gw_error *err);

/* The library and its version, for people: "OpenSSL 3.5.1 1 Jul 2025", or why there is none. */
void gw_tls_describe(char *out, size_t size);

/* Finds the key of an identity that a client names, which is any text without control characters. Called once in a
 * handshake, in its thread, and may block. GW_ERR_NOT_FOUND: the identity is unknown or has expired, and the error says
 * which; the client sees the same as for a wrong key. */
typedef enum gw_status gw_tls_find(void *user, const char *identity, struct gw_tls_key *key, struct gw_error *err);

/* Both shake hands over a connection that nothing was sent on, and block until timeout_ms have passed at most. On
 * success *out owns the inner connection; its identity is the client's at the server, and "" at the client. On failure
 * the inner connection remains the caller's, unusable. Errors:
 * GW_ERR_UNSUPPORTED, GW_ERR_NOT_FOUND: gw_tls_check; nothing was sent.
 * GW_ERR_TIMEOUT: the other end did not finish.
 * GW_ERR_INVALID: the other end has another key, or does not know the identity, or names none.
 * GW_ERR_PROTOCOL: the other end does not speak TLS 1.3.
 * GW_ERR_LOST, GW_ERR_CLOSED: the connection ended. */
enum gw_status gw_tls_connect(struct gw_transport *inner, const struct gw_tls_key *key, int timeout_ms,
	struct gw_transport **out, struct gw_error *err);
enum gw_status gw_tls_accept(struct gw_transport *inner, gw_tls_find *find, void *user, int timeout_ms,
	struct gw_transport **out, struct gw_error *err);

#define GW_TLS_DERIVED 32 /* bytes */

/* Derives a secret from another one of n bytes: HKDF-SHA256 (RFC 5869) without salt. Secrets with different labels tell
 * nothing about each other. Errors as gw_tls_check. Thread-safe. */
enum gw_status gw_tls_derive(
	const void *secret, size_t n, const char *label, uint8_t out[GW_TLS_DERIVED], struct gw_error *err);

/* The connection inside a TLS connection, which remains its owner; t itself if t is not a TLS connection. */
struct gw_transport *gw_tls_inner(const struct gw_transport *t);

/* Frees the TLS state without sending anything, and returns the connection inside, which becomes the caller's. Returns
 * t itself if t is not a TLS connection. */
struct gw_transport *gw_tls_unwrap(struct gw_transport *t);

#endif
