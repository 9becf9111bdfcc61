/* Files of pre-shared keys, in the format of QEMU, nbdkit and GnuTLS: a line "identity:hexkey" for each key. Words may
 * follow: a pattern of endpoints ("*.lab:50052", "192.0.2.7"), and "expires=2027-12-31". '#' begins a comment line.
 * docs/security.md describes them for users. */
#ifndef GW_TRANSPORT_TLS_KEY_FILE_H
#define GW_TRANSPORT_TLS_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "transport/transport.h"

#define GW_TLS_SECRET_MIN 16 /* bytes of a key */
#define GW_TLS_SECRET_MAX 64
#define GW_TLS_PATTERN 256                /* bytes of a pattern, with its NUL */
#define GW_TLS_FILE_MAX ((size_t)1 << 20) /* bytes of a file */

/* A key. Plain data; wipe copies with gw_tls_key_wipe. */
struct gw_tls_key {
	char identity[GW_IDENTITY_MAX]; /* filled up with NULs */
	uint8_t secret[GW_TLS_SECRET_MAX];
	size_t secret_len;
	char pattern[GW_TLS_PATTERN]; /* "" fits every endpoint except Unix sockets */
	int64_t expires;              /* seconds since 1970; the key is not valid from then on. 0: it never expires */
};

struct gw_tls_keys {
	struct gw_tls_key *keys;
	size_t n;
};

/* Whether text can be an identity: 1 to 63 letters, digits, and "._@+-". */
bool gw_tls_is_identity(const char *text);

/* Parses n bytes from 2 * n hexadecimal digits. */
bool gw_tls_parse_hex(const char *text, size_t n, uint8_t *out);

/* Parses the text of a key file. GW_ERR_INVALID: the error names the line and never quotes a key. GW_ERR_NOMEM. Outputs
 * are set on success, and freed with gw_tls_keys_free. */
enum gw_status gw_tls_keys_parse(const char *text, size_t n, struct gw_tls_keys *out, struct gw_error *err);

/* Reads a key file. GW_ERR_NOT_FOUND: it does not exist. GW_ERR_INVALID: it does not parse, is not a regular file,
 * belongs to another user (except root), or is accessible to anyone but its owner. GW_ERR_SYSTEM: it cannot be read.
 * The errors name the file and the remedy. */
enum gw_status gw_tls_keys_load(const char *path, struct gw_tls_keys *out, struct gw_error *err);

/* Wipes and frees the keys. */
void gw_tls_keys_free(struct gw_tls_keys *keys);

/* The key of an identity, or NULL. The time that this takes depends only on the number of keys, so it does not reveal
 * which identities exist. */
const struct gw_tls_key *gw_tls_keys_find(const struct gw_tls_keys *keys, const char *identity);

/* The first key that fits an endpoint, or NULL. A pattern without a port fits every port. */
const struct gw_tls_key *gw_tls_keys_for(const struct gw_tls_keys *keys, const struct gw_endpoint *ep);

/* Whether the key has expired at a time in seconds since 1970. */
bool gw_tls_key_has_expired(const struct gw_tls_key *key, int64_t now);

void gw_tls_key_wipe(struct gw_tls_key *key);

#endif
