#include "transport/tls/protection.h"

#include <string.h>

#define AES_128_GCM 0x1301
#define CHACHA20_POLY1305 0x1303
#define KEY_MAX 32

/* HKDF-Expand-Label without a context (RFC 8446, section 7.1), for at most one block of output. */
static bool expand(const struct gw_tls_protection *p, const char *label, uint8_t *out, size_t n)
{
	uint8_t info[64] = {0, (uint8_t)n}, block[GW_TLS_TRAFFIC_SECRET];
	size_t length = strlen(label), at = 3 + length;
	info[2] = (uint8_t)length;
	memcpy(info + 3, label, length);
	info[at++] = 0; /* no context */
	info[at++] = 1; /* the first block */
	bool done = p->lib->hmac(p->lib->sha256(), p->secret, sizeof(p->secret), info, at, block, NULL);
	if (done)
		memcpy(out, block, n);
	explicit_bzero(block, sizeof(block));
	return done;
}

static bool set_key(struct gw_tls_protection *p)
{
	uint8_t key[KEY_MAX];
	bool aes = p->suite == AES_128_GCM;
	const EVP_CIPHER *cipher = aes ? p->lib->aes_128_gcm() : p->lib->chacha20_poly1305();
	p->sequence = 0;
	bool done = expand(p, "tls13 key", key, aes ? 16 : 32) && expand(p, "tls13 iv", p->iv, sizeof(p->iv)) &&
		    p->lib->cipher_init(p->cipher, cipher, NULL, key, p->iv, p->seals) == 1;
	explicit_bzero(key, sizeof(key));
	return done;
}

bool gw_tls_protect(struct gw_tls_protection *p, const struct gw_openssl *lib, uint16_t suite, bool seals,
	const uint8_t secret[GW_TLS_TRAFFIC_SECRET])
{
	*p = (struct gw_tls_protection){.lib = lib, .cipher = lib->cipher_new(), .seals = seals, .suite = suite};
	memcpy(p->secret, secret, sizeof(p->secret));
	return p->cipher && (suite == AES_128_GCM || suite == CHACHA20_POLY1305) && set_key(p);
}

bool gw_tls_protect_next(struct gw_tls_protection *p)
{
	return expand(p, "tls13 traffic upd", p->secret, sizeof(p->secret)) && set_key(p);
}

void gw_tls_unprotect(struct gw_tls_protection *p)
{
	if (p->cipher)
		p->lib->cipher_free(p->cipher);
	explicit_bzero(p, sizeof(*p));
}

/* The next record's nonce and header (RFC 8446, sections 5.2 and 5.3). */
static bool begin(struct gw_tls_protection *p, const uint8_t header[GW_TLS_HEADER])
{
	uint8_t nonce[sizeof(p->iv)];
	int n;
	memcpy(nonce, p->iv, sizeof(nonce));
	for (size_t i = 0; i < sizeof(p->sequence); i++)
		nonce[sizeof(nonce) - 1 - i] ^= (uint8_t)(p->sequence >> 8 * i);
	p->sequence++;
	return p->lib->cipher_init(p->cipher, NULL, NULL, NULL, nonce, -1) == 1 &&
	       p->lib->cipher_update(p->cipher, NULL, &n, header, GW_TLS_HEADER) == 1;
}

static bool pass(struct gw_tls_protection *p, const void *from, size_t n, uint8_t *to)
{
	int done;
	return n == 0 || (p->lib->cipher_update(p->cipher, to, &done, from, (int)n) == 1 && (size_t)done == n);
}

bool gw_tls_seal(struct gw_tls_protection *p, enum gw_tls_content type, const void *bytes, size_t n, uint8_t *out)
{
	size_t length = n + 1 + GW_TLS_TAG;
	const uint8_t header[] = {GW_TLS_DATA, 3, 3, (uint8_t)(length >> 8), (uint8_t)length}, last = (uint8_t)type;
	uint8_t *body = out + GW_TLS_HEADER, *tag = body + n + 1;
	int done;
	memcpy(out, header, sizeof(header));
	return begin(p, header) && pass(p, bytes, n, body) && pass(p, &last, 1, body + n) &&
	       p->lib->cipher_final(p->cipher, tag, &done) == 1 &&
	       p->lib->cipher_ctrl(p->cipher, EVP_CTRL_AEAD_GET_TAG, GW_TLS_TAG, tag) == 1;
}

/* Decrypts content and checks the tag. The last byte is apart, so that content fits exactly into its destination. */
static bool decrypt(struct gw_tls_protection *p, const uint8_t *record, size_t content, uint8_t *out, uint8_t *last)
{
	const uint8_t *body = record + GW_TLS_HEADER;
	uint8_t tag[GW_TLS_TAG], nothing[GW_TLS_TAG];
	int done;
	memcpy(tag, body + content + 1, sizeof(tag));
	return begin(p, record) && pass(p, body, content, out) && pass(p, body + content, 1, last) &&
	       p->lib->cipher_ctrl(p->cipher, EVP_CTRL_AEAD_SET_TAG, GW_TLS_TAG, tag) == 1 &&
	       p->lib->cipher_final(p->cipher, nothing, &done) == 1;
}

bool gw_tls_open(struct gw_tls_protection *p, const uint8_t *record, size_t n, uint8_t *out, size_t *len, uint8_t *type)
{
	uint8_t last = 0;
	if (n < GW_TLS_SEALED || record[0] != GW_TLS_DATA)
		return false;
	size_t content = n - GW_TLS_SEALED;
	if (!decrypt(p, record, content, out, &last)) {
		memset(out, 0, content);
		return false;
	}
	/* Zeros after the type are padding. */
	size_t left = content;
	while (last == 0 && left > 0)
		last = out[--left];
	*len = left;
	*type = last;
	return last != 0;
}
