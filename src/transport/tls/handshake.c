/* Makes TLS connections: the settings that both ends require, and the causes of failures. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/text.h"
#include "transport/tls/state.h"

/* Both use SHA-256, as pre-shared keys do that name no other hash (RFC 8446, section 4.2.11). */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
static const unsigned char suite_of_keys[2] = {0x13, 0x01}; /* TLS_AES_128_GCM_SHA256 */

/* The most that a peer may send before it has authenticated. A ClientHello has less than 2 KiB. */
#define HANDSHAKE_BYTES ((size_t)64 << 10)

/* OpenSSL's error numbers for alerts from the peer start here. */
#define ALERT_REASONS SSL_AD_REASON_OFFSET

enum {
	CLIENT,
	SERVER,
	ROLES
};

/* A handshake in progress: the application's data of an SSL. */
struct handshake {
	struct gw_tls *tls;
	uint64_t deadline;
	size_t received;

	const struct gw_tls_key *key; /* client */

	gw_tls_find *find; /* server */
	void *user;
	bool named;                /* the client has named an identity */
	bool found;                /* its key is known */
	char who[GW_IDENTITY_MAX]; /* the identity, for logs */
	struct gw_error why_not;   /* if the key was not found */

	unsigned n_secrets;                            /* traffic secrets that are known */
	uint8_t secrets[ROLES][GW_TLS_TRAFFIC_SECRET]; /* of what each end sends */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static SSL_CTX *contexts[ROLES];

/* A session that consists of a pre-shared key only. */
static SSL_SESSION *session_of(const struct gw_openssl *lib, SSL *ssl, const void *secret, size_t n)
{
	SSL_SESSION *session = lib->session_new();
	if (session && lib->session_set_secret(session, secret, n) &&
		lib->session_set_cipher(session, lib->cipher_find(ssl, suite_of_keys)) &&
		lib->session_set_version(session, TLS1_3_VERSION))
		return session;
	lib->session_free(session);
	return NULL;
}

/* SSL_psk_use_session_cb_func */
static int use_key(SSL *ssl, const EVP_MD *hash, const unsigned char **identity, size_t *n, SSL_SESSION **session)
{
	const struct gw_openssl *lib = gw_openssl_get(NULL);
	const struct handshake *h = lib->get_ex_data(ssl, 0);
	(void)hash;
	*identity = (const unsigned char *)h->key->identity;
	*n = strlen(h->key->identity);
	*session = session_of(lib, ssl, h->key->secret, h->key->secret_len);
	return *session != NULL;
}

static void find_key(struct handshake *h, const unsigned char *identity, size_t n, struct gw_tls_key *key)
{
	char text[GW_IDENTITY_MAX] = {0};
	memcpy(text, identity, n < sizeof(text) ? n : sizeof(text) - 1);
	gw_text_safe(text, h->who, sizeof(h->who));
	if (strlen(text) != n || !gw_tls_is_identity(text))
		gw_error_set(&h->why_not, GW_ERR_NOT_FOUND, "not a valid identity");
	else
		h->found = h->find(h->user, text, key, &h->why_not) == GW_OK;
}

/* SSL_psk_find_session_cb_func. An unknown identity gets a random key, so the handshake fails at the same step as with
 * a wrong key, and a client cannot learn which identities exist. Only the first identity that a client names is looked
 * up. */
static int find_session(SSL *ssl, const unsigned char *identity, size_t n, SSL_SESSION **session)
{
	const struct gw_openssl *lib = gw_openssl_get(NULL);
	struct handshake *h = lib->get_ex_data(ssl, 0);
	struct gw_tls_key key = {.secret_len = GW_TLS_SECRET_MAX / 2};
	*session = NULL;
	if (h->named || getrandom(key.secret, key.secret_len, 0) != (ssize_t)key.secret_len)
		return 0;
	struct gw_tls_key found = key;
	h->named = true;
	find_key(h, identity, n, &found);
	const struct gw_tls_key *used = h->found ? &found : &key;
	*session = session_of(lib, ssl, used->secret, used->secret_len);
	gw_tls_key_wipe(&found);
	gw_tls_key_wipe(&key);
	return *session != NULL;
}

/* SSL_CTX_keylog_cb_func: OpenSSL's way to tell the secrets from which the keys of records are made. A line is a label,
 * the client's random number and the secret. */
static void take_secret(const SSL *ssl, const char *line)
{
	static const char *const labels[ROLES] = {"CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "};
	struct handshake *h = gw_openssl_get(NULL)->get_ex_data(ssl, 0);
	for (int role = CLIENT; role < ROLES; role++) {
		const char *hex = strrchr(line, ' ');
		if (strncmp(line, labels[role], strlen(labels[role])) == 0 &&
			strlen(hex + 1) == 2 * sizeof(h->secrets[role]))
			h->n_secrets += gw_tls_parse_hex(hex + 1, sizeof(h->secrets[role]), h->secrets[role]);
	}
}

/* Only TLS 1.3, without tickets. OpenSSL's default already forbids key exchange without Diffie-Hellman (psk_ke). A
 * server that offers a certificate instead of the key is refused, because this side trusts no certificate. */
static SSL_CTX *new_context(const struct gw_openssl *lib)
{
	SSL_CTX *ctx = lib->ctx_new(lib->tls_method());
	if (!ctx)
		return NULL;
	lib->ctx_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	lib->ctx_set_keylog(ctx, take_secret);
	lib->ctx_ctrl(ctx, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
	if (lib->ctx_ctrl(ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_3_VERSION, NULL) &&
		lib->ctx_ctrl(ctx, SSL_CTRL_SET_MAX_PROTO_VERSION, TLS1_3_VERSION, NULL) &&
		lib->ctx_set_ciphersuites(ctx, SUITES) && lib->ctx_set_num_tickets(ctx, 0))
		return ctx;
	lib->ctx_free(ctx);
	return NULL;
}

static void make_contexts(void)
{
	const struct gw_openssl *lib = gw_openssl_get(NULL);
	if (!lib)
		return;
	for (int i = 0; i < ROLES; i++)
		contexts[i] = new_context(lib);
	if (contexts[CLIENT]) {
		lib->ctx_set_verify(contexts[CLIENT], SSL_VERIFY_PEER, NULL);
		lib->ctx_set_psk_use_session(contexts[CLIENT], use_key);
	}
	if (contexts[SERVER])
		lib->ctx_set_psk_find_session(contexts[SERVER], find_session);
}

enum gw_status gw_tls_check(struct gw_error *err)
{
	if (!gw_openssl_get(err))
		return GW_ERR_UNSUPPORTED;
	pthread_once(&once, make_contexts);
	if (contexts[CLIENT] && contexts[SERVER])
		return GW_OK;
	return gw_error_set(err, GW_ERR_UNSUPPORTED,
		"OpenSSL cannot do TLS 1.3 with AES-GCM here: does its configuration or policy forbid it?");
}

void gw_tls_describe(char *out, size_t size)
{
	struct gw_error err;
	const struct gw_openssl *lib = gw_openssl_get(&err);
	snprintf(out, size, "%s", lib ? lib->version(OPENSSL_VERSION) : err.text);
}

/* One step of the handshake needs more bytes. */
static enum gw_status receive(struct handshake *h, struct gw_error *err)
{
	struct gw_tls *t = h->tls;
	if (h->received > HANDSHAKE_BYTES)
		return gw_error_set(err, GW_ERR_PROTOCOL, "a TLS handshake of more than %zu bytes", HANDSHAKE_BYTES);
	if (!t->inner->ops->readable(t->inner, gw_clock_ms_left(h->deadline)))
		return gw_error_set(err, GW_ERR_TIMEOUT, "the TLS handshake took too long");
	size_t got;
	enum gw_status status = gw_tls_fill(t, &got, err);
	if (status)
		gw_error_prefix(err, "during the TLS handshake");
	else
		h->received += got;
	return status;
}

/* Translates OpenSSL's last error. Both ends send an alert before they close. */
static enum gw_status failed(const struct gw_openssl *lib, struct gw_error *err)
{
	unsigned long code = lib->peek_last_error();
	int reason = ERR_GET_REASON(code);
	const char *text = lib->reason_error_string(code);
	bool is_key = reason == SSL_R_BINDER_DOES_NOT_VERIFY || reason == SSL_R_CERTIFICATE_VERIFY_FAILED ||
		      reason == ALERT_REASONS + SSL_AD_DECRYPT_ERROR ||
		      reason == ALERT_REASONS + SSL_AD_ILLEGAL_PARAMETER ||
		      reason == ALERT_REASONS + SSL_AD_HANDSHAKE_FAILURE ||
		      reason == ALERT_REASONS + SSL_AD_UNKNOWN_PSK_IDENTITY;
	if (reason == ALERT_REASONS + SSL_AD_ACCESS_DENIED)
		return gw_error_set(err, GW_ERR_LIMIT,
			"refused: this machine's address is not in the server's --allow list; add it there");
	return gw_error_set(
		err, is_key ? GW_ERR_INVALID : GW_ERR_PROTOCOL, "TLS handshake: %s", text ? text : "unknown reason");
}

static enum gw_status shake_hands(struct handshake *h, struct gw_error *err)
{
	struct gw_tls *t = h->tls;
	const struct gw_openssl *lib = t->lib;
	for (;;) {
		lib->clear_error();
		int rc = lib->do_handshake(t->ssl);
		int why = rc == 1 ? SSL_ERROR_NONE : lib->get_error(t->ssl, rc);
		enum gw_status status = GW_OK;
		if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ)
			status = failed(lib, err);
		/* This includes the alert with the cause. */
		enum gw_status sent = gw_tls_flush(t, status ? NULL : err);
		if (!status && sent)
			return sent;
		if (status || why == SSL_ERROR_NONE)
			return status;
		status = receive(h, err);
		if (status)
			return status;
	}
}

static enum gw_status begin(
	struct gw_transport *inner, int role, int timeout_ms, struct handshake *h, struct gw_error *err)
{
	enum gw_status status = gw_tls_check(err);
	if (status)
		return status;
	const struct gw_openssl *lib = gw_openssl_get(NULL);
	SSL *ssl = lib->ssl_new(contexts[role]);
	if (!ssl || !lib->set_ex_data(ssl, 0, h)) {
		lib->ssl_free(ssl);
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for a TLS connection");
	}
	status = gw_tls_new(inner, lib, ssl, &h->tls, err);
	if (status) {
		lib->ssl_free(ssl);
		return status;
	}
	(role == CLIENT ? lib->set_connect_state : lib->set_accept_state)(ssl);
	h->deadline = gw_clock_deadline(timeout_ms);
	return GW_OK;
}

static enum gw_status begin_records(const struct handshake *h, int role, struct gw_error *err)
{
	struct gw_tls *t = h->tls;
	uint16_t suite = t->lib->cipher_number(t->lib->current_cipher(t->ssl));
	if (h->n_secrets == ROLES &&
		gw_tls_begin_records(t, suite, h->secrets[role], h->secrets[role == CLIENT ? SERVER : CLIENT]))
		return GW_OK;
	return gw_error_set(err, GW_ERR_NOMEM, "OpenSSL cannot make the keys of a TLS connection");
}

/* Ends the handshake. OpenSSL has no part in what follows. */
static enum gw_status finish(
	struct handshake *h, int role, enum gw_status status, struct gw_transport **out, struct gw_error *err)
{
	struct gw_tls *t = h->tls;
	if (!status)
		status = begin_records(h, role, err);
	explicit_bzero(h->secrets, sizeof(h->secrets));
	t->lib->ssl_free(t->ssl);
	t->ssl = NULL;
	if (status)
		gw_tls_free(t);
	else
		*out = &t->base;
	return status;
}

enum gw_status gw_tls_connect(struct gw_transport *inner, const struct gw_tls_key *key, int timeout_ms,
	struct gw_transport **out, struct gw_error *err)
{
	struct handshake h = {.key = key};
	enum gw_status status = begin(inner, CLIENT, timeout_ms, &h, err);
	if (status)
		return status;
	status = shake_hands(&h, err);
	if (!status && !h.tls->lib->session_reused(h.tls->ssl))
		status = gw_error_set(
			err, GW_ERR_INVALID, "TLS handshake: the server has not proved that it has the key");
	return finish(&h, CLIENT, status, out, err);
}

/* Replaces OpenSSL's error by the client's mistake. */
static enum gw_status refused(const struct handshake *h, enum gw_status status, struct gw_error *err)
{
	if (status == GW_ERR_INVALID && h->found)
		return gw_error_set(err, status, "TLS: the client names identity \"%s\" and has another key", h->who);
	if (status == GW_ERR_INVALID && h->named)
		return gw_error_set(err, status, "TLS: the client names identity \"%s\": %s", h->who, h->why_not.text);
	/* A binder that fits was made with the key, but not by somebody who has it now. */
	if (status == GW_ERR_PROTOCOL && h->found)
		return gw_error_prefix(err,
			"TLS: the client names identity \"%s\", but its handshake was replayed or damaged", h->who);
	if (status == GW_ERR_PROTOCOL && !h->named)
		return gw_error_prefix(err, "TLS: the client offers no pre-shared key, or no TLS 1.3");
	return status;
}

enum gw_status gw_tls_accept(struct gw_transport *inner, gw_tls_find *find, void *user, int timeout_ms,
	struct gw_transport **out, struct gw_error *err)
{
	struct gw_error why;
	struct handshake h = {.find = find, .user = user};
	enum gw_status status = begin(inner, SERVER, timeout_ms, &h, &why);
	if (!status) {
		status = shake_hands(&h, &why);
		if (!status && !h.found)
			status = gw_error_set(&why, GW_ERR_INVALID, "TLS handshake: no key was used");
		if (status)
			status = refused(&h, status, &why);
		else
			snprintf(h.tls->base.identity, sizeof(h.tls->base.identity), "%s", h.who);
		status = finish(&h, SERVER, status, out, &why);
	}
	if (status && err)
		*err = why;
	return status;
}
