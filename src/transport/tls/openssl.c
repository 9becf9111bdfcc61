#include "transport/tls/openssl.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/library.h"

#define ENTRY(member, function)                                \
	{                                                      \
		offsetof(struct gw_openssl, member), #function \
	}

static const struct gw_symbol symbols[] = {
	ENTRY(init_ssl, OPENSSL_init_ssl),
	ENTRY(version, OpenSSL_version),
	ENTRY(tls_method, TLS_method),
	ENTRY(ctx_new, SSL_CTX_new),
	ENTRY(ctx_free, SSL_CTX_free),
	ENTRY(ctx_ctrl, SSL_CTX_ctrl),
	ENTRY(ctx_set_options, SSL_CTX_set_options),
	ENTRY(ctx_set_ciphersuites, SSL_CTX_set_ciphersuites),
	ENTRY(ctx_set_num_tickets, SSL_CTX_set_num_tickets),
	ENTRY(ctx_set_verify, SSL_CTX_set_verify),
	ENTRY(ctx_set_psk_find_session, SSL_CTX_set_psk_find_session_callback),
	ENTRY(ctx_set_psk_use_session, SSL_CTX_set_psk_use_session_callback),
	ENTRY(ctx_set_keylog, SSL_CTX_set_keylog_callback),
	ENTRY(ssl_new, SSL_new),
	ENTRY(ssl_free, SSL_free),
	ENTRY(set_bio, SSL_set_bio),
	ENTRY(set_ex_data, SSL_set_ex_data),
	ENTRY(get_ex_data, SSL_get_ex_data),
	ENTRY(set_accept_state, SSL_set_accept_state),
	ENTRY(set_connect_state, SSL_set_connect_state),
	ENTRY(do_handshake, SSL_do_handshake),
	ENTRY(session_reused, SSL_session_reused),
	ENTRY(get_error, SSL_get_error),
	ENTRY(session_new, SSL_SESSION_new),
	ENTRY(session_free, SSL_SESSION_free),
	ENTRY(session_set_secret, SSL_SESSION_set1_master_key),
	ENTRY(session_set_cipher, SSL_SESSION_set_cipher),
	ENTRY(session_set_version, SSL_SESSION_set_protocol_version),
	ENTRY(cipher_find, SSL_CIPHER_find),
	ENTRY(bio_meth_new, BIO_meth_new),
	ENTRY(bio_meth_set_write, BIO_meth_set_write_ex),
	ENTRY(bio_meth_set_read, BIO_meth_set_read_ex),
	ENTRY(bio_meth_set_ctrl, BIO_meth_set_ctrl),
	ENTRY(bio_new, BIO_new),
	ENTRY(bio_set_data, BIO_set_data),
	ENTRY(bio_get_data, BIO_get_data),
	ENTRY(bio_set_init, BIO_set_init),
	ENTRY(bio_set_flags, BIO_set_flags),
	ENTRY(bio_clear_flags, BIO_clear_flags),
	ENTRY(current_cipher, SSL_get_current_cipher),
	ENTRY(cipher_number, SSL_CIPHER_get_protocol_id),
	ENTRY(aes_128_gcm, EVP_aes_128_gcm),
	ENTRY(chacha20_poly1305, EVP_chacha20_poly1305),
	ENTRY(cipher_new, EVP_CIPHER_CTX_new),
	ENTRY(cipher_free, EVP_CIPHER_CTX_free),
	ENTRY(cipher_init, EVP_CipherInit_ex),
	ENTRY(cipher_update, EVP_CipherUpdate),
	ENTRY(cipher_final, EVP_CipherFinal_ex),
	ENTRY(cipher_ctrl, EVP_CIPHER_CTX_ctrl),
	ENTRY(sha256, EVP_sha256),
	ENTRY(hmac, HMAC),
	ENTRY(peek_last_error, ERR_peek_last_error),
	ENTRY(clear_error, ERR_clear_error),
	ENTRY(reason_error_string, ERR_reason_error_string),
};
static_assert(
	sizeof(symbols) / sizeof(symbols[0]) * sizeof(void *) == sizeof(struct gw_openssl), "every call is loaded");

/* libssl depends on libcrypto, so the functions of both are found through it. */
static const struct gw_library library = {
	.file = "libssl.so.3",
	.remedy = "install OpenSSL 3 (Debian: libssl3t64 or libssl3)",
	.symbols = symbols,
	.n = sizeof(symbols) / sizeof(symbols[0]),
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gw_openssl openssl;
static bool loaded;
static struct gw_error why_not;

/* NO_ATEXIT: the host program may use OpenSSL too, and may exit while our threads still run. */
static void load(void)
{
	loaded = gw_library_load(&library, &openssl, &why_not) == GW_OK;
	if (loaded && !openssl.init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL)) {
		loaded = false;
		gw_error_set(&why_not, GW_ERR_SYSTEM, "OpenSSL cannot be initialized; is its configuration valid?");
	}
}

const struct gw_openssl *gw_openssl_get(struct gw_error *err)
{
	pthread_once(&once, load);
	if (loaded)
		return &openssl;
	if (err)
		*err = why_not;
	return NULL;
}
