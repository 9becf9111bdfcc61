/* Encrypts and decrypts records of TLS 1.3 (RFC 8446, section 5), one direction of a connection each. OpenSSL's own
 * functions for that copy every byte twice at each end. */
#ifndef GW_TRANSPORT_TLS_PROTECTION_H
#define GW_TRANSPORT_TLS_PROTECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/tls/openssl.h"

#define GW_TLS_HEADER 5
#define GW_TLS_TAG 16
#define GW_TLS_TRAFFIC_SECRET 32 /* bytes; both suites use SHA-256 */
#define GW_TLS_RECORD ((size_t)16 << 10)
#define GW_TLS_RECORD_MAX (GW_TLS_RECORD + GW_TLS_HEADER + 256) /* from a peer, with padding */
#define GW_TLS_SEALED (GW_TLS_HEADER + 1 + GW_TLS_TAG)          /* what gw_tls_seal adds */

enum gw_tls_content {
	GW_TLS_ALERT = 21,
	GW_TLS_HANDSHAKE = 22,
	GW_TLS_DATA = 23,
};

/* The keys of one direction. All-zero is valid, and has none. One thread uses it. */
struct gw_tls_protection {
	const struct gw_openssl *lib;
	EVP_CIPHER_CTX *cipher;
	bool seals;
	uint16_t suite; /* 0x1301, 0x1303 */
	uint8_t secret[GW_TLS_TRAFFIC_SECRET];
	uint8_t iv[12];
	uint64_t sequence;
};

/* Uses the traffic secret that the handshake has made. seals: to encrypt. False: no memory, or another suite. */
bool gw_tls_protect(struct gw_tls_protection *p, const struct gw_openssl *lib, uint16_t suite, bool seals,
	const uint8_t secret[GW_TLS_TRAFFIC_SECRET]);

/* Replaces the key by the next one (RFC 8446, section 7.2). */
bool gw_tls_protect_next(struct gw_tls_protection *p);

/* Wipes the keys. */
void gw_tls_unprotect(struct gw_tls_protection *p);

/* Makes a record of n bytes (at most GW_TLS_RECORD) at out, which has room for n + GW_TLS_SEALED. */
bool gw_tls_seal(struct gw_tls_protection *p, enum gw_tls_content type, const void *bytes, size_t n, uint8_t *out);

/* Decrypts a record of n bytes, with its header, to out, which has room for n - GW_TLS_SEALED bytes. False: it is not
 * what the peer has sent; out holds zeros then. */
bool gw_tls_open(
	struct gw_tls_protection *p, const uint8_t *record, size_t n, uint8_t *out, size_t *len, uint8_t *type);

#endif
