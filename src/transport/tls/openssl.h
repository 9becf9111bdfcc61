/* OpenSSL 3, loaded when the first key is used. A process without keys never loads it, and one binary runs on machines
 * with and without it. */
#ifndef GW_TRANSPORT_TLS_OPENSSL_H
#define GW_TRANSPORT_TLS_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

#include "base/status.h"

/* The functions, with the signatures of their manual pages. OpenSSL's macros around them are expanded where they are
 * used. */
struct gw_openssl {
	int (*init_ssl)(uint64_t options, const OPENSSL_INIT_SETTINGS *settings);
	const char *(*version)(int which);
	const SSL_METHOD *(*tls_method)(void);
	SSL_CTX *(*ctx_new)(const SSL_METHOD *method);
	void (*ctx_free)(SSL_CTX *ctx);
	long (*ctx_ctrl)(SSL_CTX *ctx, int command, long number, void *pointer);
	uint64_t (*ctx_set_options)(SSL_CTX *ctx, uint64_t options);
	int (*ctx_set_ciphersuites)(SSL_CTX *ctx, const char *names);
	int (*ctx_set_num_tickets)(SSL_CTX *ctx, size_t n);
	void (*ctx_set_verify)(SSL_CTX *ctx, int mode, SSL_verify_cb callback);
	void (*ctx_set_psk_find_session)(SSL_CTX *ctx, SSL_psk_find_session_cb_func callback);
	void (*ctx_set_psk_use_session)(SSL_CTX *ctx, SSL_psk_use_session_cb_func callback);
	void (*ctx_set_keylog)(SSL_CTX *ctx, SSL_CTX_keylog_cb_func callback);
	SSL *(*ssl_new)(SSL_CTX *ctx);
	void (*ssl_free)(SSL *ssl);
	void (*set_bio)(SSL *ssl, BIO *in, BIO *out);
	int (*set_ex_data)(SSL *ssl, int index, void *data);
	void *(*get_ex_data)(const SSL *ssl, int index);
	void (*set_accept_state)(SSL *ssl);
	void (*set_connect_state)(SSL *ssl);
	int (*do_handshake)(SSL *ssl);
	int (*session_reused)(const SSL *ssl);
	int (*get_error)(const SSL *ssl, int returned);
	SSL_SESSION *(*session_new)(void);
	void (*session_free)(SSL_SESSION *session);
	int (*session_set_secret)(SSL_SESSION *session, const unsigned char *secret, size_t n);
	int (*session_set_cipher)(SSL_SESSION *session, const SSL_CIPHER *cipher);
	int (*session_set_version)(SSL_SESSION *session, int version);
	const SSL_CIPHER *(*cipher_find)(SSL *ssl, const unsigned char *number);
	BIO_METHOD *(*bio_meth_new)(int type, const char *name);
	int (*bio_meth_set_write)(BIO_METHOD *method, int (*write)(BIO *, const char *, size_t, size_t *));
	int (*bio_meth_set_read)(BIO_METHOD *method, int (*read)(BIO *, char *, size_t, size_t *));
	int (*bio_meth_set_ctrl)(BIO_METHOD *method, long (*ctrl)(BIO *, int, long, void *));
	BIO *(*bio_new)(const BIO_METHOD *method);
	void (*bio_set_data)(BIO *bio, void *data);
	void *(*bio_get_data)(BIO *bio);
	void (*bio_set_init)(BIO *bio, int init);
	void (*bio_set_flags)(BIO *bio, int flags);
	void (*bio_clear_flags)(BIO *bio, int flags);
	const SSL_CIPHER *(*current_cipher)(const SSL *ssl);
	uint16_t (*cipher_number)(const SSL_CIPHER *cipher);
	const EVP_CIPHER *(*aes_128_gcm)(void);
	const EVP_CIPHER *(*chacha20_poly1305)(void);
	EVP_CIPHER_CTX *(*cipher_new)(void);
	void (*cipher_free)(EVP_CIPHER_CTX *ctx);
	int (*cipher_init)(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, ENGINE *engine, const unsigned char *key,
		const unsigned char *iv, int seals);
	int (*cipher_update)(EVP_CIPHER_CTX *ctx, unsigned char *out, int *out_len, const unsigned char *in, int n);
	int (*cipher_final)(EVP_CIPHER_CTX *ctx, unsigned char *out, int *out_len);
	int (*cipher_ctrl)(EVP_CIPHER_CTX *ctx, int command, int number, void *pointer);
	const EVP_MD *(*sha256)(void);
	unsigned char *(*hmac)(const EVP_MD *hash, const void *key, int key_len, const unsigned char *data, size_t n,
		unsigned char *out, unsigned *out_len);
	unsigned long (*peek_last_error)(void);
	void (*clear_error)(void);
	const char *(*reason_error_string)(unsigned long error);
};

/* The library's functions. NULL, with the cause in *err: not installed, or too old. Thread-safe. The first call loads
 * the library, which is never unloaded. */
const struct gw_openssl *gw_openssl_get(struct gw_error *err);

#endif
