/* What OpenSSL reads and writes during a handshake. */
#include <string.h>

#include "transport/tls/state.h"

static struct gw_tls *tls_of_bio(const struct gw_openssl *lib, BIO *bio)
{
	return lib->bio_get_data(bio);
}

/* The handshake's BIO reads and writes memory, not the inner connection. OpenSSL reads no more than it needs, so the
 * first record of data stays. The functions are loaded, since the BIO exists. */
static int bio_write(BIO *bio, const char *bytes, size_t n, size_t *put)
{
	struct gw_tls *t = tls_of_bio(gw_openssl_get(NULL), bio);
	if (n > GW_TLS_BATCH - t->out_len)
		return 0;
	memcpy(t->out + t->out_len, bytes, n);
	t->out_len += n;
	*put = n;
	return 1;
}

static int bio_read(BIO *bio, char *bytes, size_t n, size_t *got)
{
	const struct gw_openssl *lib = gw_openssl_get(NULL);
	struct gw_tls *t = tls_of_bio(lib, bio);
	size_t left = t->in_len - t->in_at;
	lib->bio_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
	if (left == 0) {
		lib->bio_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
		return 0;
	}
	*got = n < left ? n : left;
	memcpy(bytes, t->in + t->in_at, *got);
	t->in_at += *got;
	return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

static void make_method(void)
{
	const struct gw_openssl *lib = gw_openssl_get(NULL);
	method = lib->bio_meth_new(BIO_TYPE_SOURCE_SINK, "ggwire");
	if (!method)
		return;
	lib->bio_meth_set_write(method, bio_write);
	lib->bio_meth_set_read(method, bio_read);
	lib->bio_meth_set_ctrl(method, bio_ctrl);
}

BIO *gw_tls_bio_new(struct gw_tls *t)
{
	pthread_once(&once, make_method);
	BIO *bio = method ? t->lib->bio_new(method) : NULL;
	if (bio) {
		t->lib->bio_set_data(bio, t);
		t->lib->bio_set_init(bio, 1);
	}
	return bio;
}
