/* The data of a TLS connection. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transport/iov.h"
#include "transport/tls/state.h"

/* AES-GCM should protect at most 2^24.5 full records with one key (RFC 8446, section 5.5). This is 2^22. */
#define KEY_BYTES ((uint64_t)64 << 30)

static struct gw_tls *tls_of(struct gw_transport *t)
{
	return (struct gw_tls *)t;
}

static struct gw_tls *tls_of_bio(const struct gw_openssl *lib, BIO *bio)
{
	return lib->bio_get_data(bio);
}

/* OpenSSL's BIO reads and writes memory, not the inner connection. The functions are loaded, since the BIO exists. */
static int bio_write(BIO *bio, const char *bytes, size_t n, size_t *put)
{
	struct gw_tls *t = tls_of_bio(gw_openssl_get(NULL), bio);
	t->no_memory = gw_buf_append(&t->out, bytes, n) != GW_OK;
	*put = n;
	return !t->no_memory;
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

static BIO *new_bio(struct gw_tls *t)
{
	pthread_once(&once, make_method);
	BIO *bio = method ? t->lib->bio_new(method) : NULL;
	if (bio) {
		t->lib->bio_set_data(bio, t);
		t->lib->bio_set_init(bio, 1);
	}
	return bio;
}

enum gw_status gw_tls_new(
	struct gw_transport *inner, const struct gw_openssl *lib, SSL *ssl, struct gw_tls **out, struct gw_error *err)
{
	struct gw_tls *t = calloc(1, sizeof(*t));
	if (!t)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for a connection");
	t->base.ops = &gw_tls_ops;
	t->base.keep_encrypted = true;
	memcpy(t->base.peer, inner->peer, sizeof(t->base.peer));
	t->inner = inner;
	t->lib = lib;
	pthread_mutex_init(&t->lock, NULL);
	t->in = malloc(GW_TLS_BATCH);
	t->gathered = malloc(GW_TLS_RECORD);
	BIO *bio = t->in && t->gathered ? new_bio(t) : NULL;
	if (!bio) {
		gw_tls_free(t);
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for a connection");
	}
	/* The SSL takes one reference although it is passed twice. */
	lib->set_bio(ssl, bio, bio);
	t->ssl = ssl;
	*out = t;
	return GW_OK;
}

/* The last batch held plaintext. */
static void wipe(void *bytes, size_t n)
{
	if (bytes)
		explicit_bzero(bytes, n);
	free(bytes);
}

void gw_tls_free(struct gw_tls *t)
{
	if (t->ssl)
		t->lib->ssl_free(t->ssl);
	pthread_mutex_destroy(&t->lock);
	gw_buf_free(&t->out);
	gw_buf_free(&t->sending);
	free(t->in);
	wipe(t->gathered, GW_TLS_RECORD);
	free(t);
}

enum gw_status gw_tls_flush(struct gw_tls *t, struct gw_error *err)
{
	pthread_mutex_lock(&t->lock);
	struct gw_buf full = t->out;
	t->out = t->sending;
	t->inner->silence_ms = t->base.silence_ms;
	pthread_mutex_unlock(&t->lock);
	struct iovec iov = {full.data, full.len};
	enum gw_status status = full.len ? t->inner->ops->sendv(t->inner, &iov, 1, err) : GW_OK;
	full.len = 0;
	t->sending = full;
	return status;
}

enum gw_status gw_tls_fill(struct gw_tls *t, struct gw_error *err)
{
	struct iovec iov = {t->in, GW_TLS_BATCH};
	size_t got;
	enum gw_status status = t->inner->ops->recvv(t->inner, &iov, 1, 1, &got, err);
	if (status)
		return status;
	pthread_mutex_lock(&t->lock);
	t->in_at = 0;
	t->in_len = got;
	pthread_mutex_unlock(&t->lock);
	return GW_OK;
}

static enum gw_status broken(struct gw_tls *t, struct gw_error *err)
{
	atomic_store(&t->failed, true);
	if (atomic_load(&t->down))
		return gw_error_set(err, GW_ERR_LOST, "the connection was shut down");
	const char *reason = t->lib->reason_error_string(t->lib->peek_last_error());
	return gw_error_set(err, GW_ERR_LOST, "the TLS connection broke: %s", reason ? reason : "unknown reason");
}

static enum gw_status unusable(const struct gw_tls *t, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_LOST,
		atomic_load(&t->down) ? "the connection was shut down" : "the TLS connection has failed");
}

/* Encrypts n bytes into records. The caller holds the lock. */
static bool seal(struct gw_tls *t, const void *bytes, size_t n)
{
	size_t put = 0;
	t->lib->clear_error();
	t->sealed += n;
	if (t->sealed >= KEY_BYTES) {
		t->sealed = n;
		if (!t->lib->key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED))
			return false;
	}
	return t->lib->write(t->ssl, bytes, n, &put) == 1 && put == n && !t->no_memory;
}

/* The next bytes of a message in contiguous memory: an element's own memory if that fills a record, otherwise a copy of
 * as many elements as fit into one. */
static struct iovec next_piece(struct gw_tls *t, struct gw_iov_pos *pos)
{
	struct iovec piece;
	size_t n = 0;
	if (gw_iov_peek(pos, &piece, 1, GW_TLS_RECORD * 4) == 1 && (piece.iov_len >= GW_TLS_RECORD || pos->n == 1)) {
		gw_iov_advance(pos, piece.iov_len);
		return piece;
	}
	while (gw_iov_peek(pos, &piece, 1, GW_TLS_RECORD - n) == 1) {
		memcpy(t->gathered + n, piece.iov_base, piece.iov_len);
		n += piece.iov_len;
		gw_iov_advance(pos, piece.iov_len);
	}
	return (struct iovec){t->gathered, n};
}

static enum gw_status tls_sendv(struct gw_transport *base, const struct iovec *iov, int n, struct gw_error *err)
{
	struct gw_tls *t = tls_of(base);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	enum gw_status status = GW_OK;
	if (atomic_load(&t->failed) || atomic_load(&t->down))
		return unusable(t, err);
	while (!status && pos.n > 0) {
		const struct iovec piece = next_piece(t, &pos);
		pthread_mutex_lock(&t->lock);
		bool good = seal(t, piece.iov_base, piece.iov_len);
		bool full = t->out.len + 5 * GW_TLS_RECORD_MAX > GW_TLS_BATCH;
		pthread_mutex_unlock(&t->lock);
		if (!good)
			return broken(t, err);
		if (full || pos.n == 0)
			status = gw_tls_flush(t, err);
	}
	if (status)
		atomic_store(&t->failed, true);
	return status;
}

/* Decrypts received records: GW_OK and *got > 0 bytes; GW_ERR_TIMEOUT if more must be received first; GW_ERR_CLOSED if
 * the peer has closed; GW_ERR_LOST for an invalid record. */
static enum gw_status open_records(struct gw_tls *t, void *bytes, size_t n, bool peek, size_t *got)
{
	pthread_mutex_lock(&t->lock);
	t->lib->clear_error();
	int rc = (peek ? t->lib->peek : t->lib->read)(t->ssl, bytes, n, got);
	int why = rc == 1 ? SSL_ERROR_NONE : t->lib->get_error(t->ssl, rc);
	pthread_mutex_unlock(&t->lock);
	if (why == SSL_ERROR_NONE)
		return GW_OK;
	if (why == SSL_ERROR_WANT_READ)
		return GW_ERR_TIMEOUT;
	return why == SSL_ERROR_ZERO_RETURN ? GW_ERR_CLOSED : GW_ERR_LOST;
}

static enum gw_status ended(size_t got, struct gw_error *err)
{
	if (got > 0)
		return gw_error_set(err, GW_ERR_LOST, "the peer closed the connection in the middle of a message");
	return gw_error_set(err, GW_ERR_CLOSED, "the peer closed the connection");
}

/* Receives more records. A connection that ends between two records counts as closed even without the peer's
 * announcement: an attacker cannot shorten a message that way, because each message begins with its length. */
static enum gw_status receive_more(struct gw_tls *t, size_t sum, struct gw_error *err)
{
	pthread_mutex_lock(&t->lock);
	t->inner->silence_ms = t->base.silence_ms;
	bool is_partial = t->lib->has_pending(t->ssl);
	pthread_mutex_unlock(&t->lock);
	enum gw_status status = gw_tls_fill(t, err);
	return status == GW_ERR_CLOSED ? ended(sum + is_partial, err) : status;
}

static enum gw_status tls_recvv(
	struct gw_transport *base, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct gw_tls *t = tls_of(base);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	struct iovec room;
	enum gw_status status = GW_OK;
	size_t sum = 0, part;
	if (atomic_load(&t->down))
		return unusable(t, err);
	while (!status && gw_iov_peek(&pos, &room, 1, SIZE_MAX) == 1) {
		status = open_records(t, room.iov_base, room.iov_len, false, &part);
		if (!status) {
			gw_iov_advance(&pos, part);
			sum += part;
		} else if (sum >= min) {
			break;
		} else if (status == GW_ERR_TIMEOUT) {
			status = receive_more(t, sum, err);
		} else {
			status = status == GW_ERR_CLOSED ? ended(sum, err) : broken(t, err);
		}
	}
	if (sum < min)
		return status;
	*got = sum;
	return GW_OK;
}

static bool tls_readable(struct gw_transport *base, int timeout_ms)
{
	struct gw_tls *t = tls_of(base);
	uint64_t deadline = gw_clock_deadline(timeout_ms);
	for (;;) {
		uint8_t byte;
		size_t got;
		if (open_records(t, &byte, 1, true, &got) != GW_ERR_TIMEOUT)
			return true;
		if (!t->inner->ops->readable(t->inner, timeout_ms > 0 ? gw_clock_ms_left(deadline) : timeout_ms))
			return false;
		if (gw_tls_fill(t, NULL))
			return true;
	}
}

static int tls_hangup_fd(const struct gw_transport *base)
{
	const struct gw_transport *inner = ((const struct gw_tls *)base)->inner;
	return inner->ops->hangup_fd ? inner->ops->hangup_fd(inner) : -1;
}

static void tls_shutdown(struct gw_transport *base)
{
	struct gw_tls *t = tls_of(base);
	atomic_store(&t->down, true);
	t->inner->ops->shutdown(t->inner);
}

static void tls_close(struct gw_transport *base)
{
	struct gw_tls *t = tls_of(base);
	if (!atomic_load(&t->failed) && !atomic_load(&t->down) && t->lib->shutdown(t->ssl) >= 0)
		(void)gw_tls_flush(t, NULL);
	t->inner->ops->close(t->inner);
	gw_tls_free(t);
}

const struct gw_transport_ops gw_tls_ops = {
	.name = "tls",
	.title = "TLS",
	.sendv = tls_sendv,
	.recvv = tls_recvv,
	.readable = tls_readable,
	.hangup_fd = tls_hangup_fd,
	.shutdown = tls_shutdown,
	.close = tls_close,
};

struct gw_transport *gw_tls_inner(const struct gw_transport *t)
{
	struct gw_transport *own = (struct gw_transport *)(uintptr_t)t;
	return t->ops == &gw_tls_ops ? tls_of(own)->inner : own;
}

struct gw_transport *gw_tls_unwrap(struct gw_transport *t)
{
	struct gw_transport *inner = gw_tls_inner(t);
	if (inner != t)
		gw_tls_free(tls_of(t));
	return inner;
}
