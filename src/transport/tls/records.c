/* The data of a TLS connection. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transport/iov.h"
#include "transport/tls/state.h"

/* AES-GCM should protect at most 2^24.5 full records with one key (RFC 8446, section 5.5). This is 2^22. */
#define KEY_BYTES ((uint64_t)64 << 30)

/* A peer that sends more of these in a row wants to keep this side busy. */
#define WITHOUT_DATA_MAX 32

/* Alerts (RFC 8446, section 6.1). */
#define CLOSE_NOTIFY 0
#define USER_CANCELED 90

/* Messages of the handshake after it (RFC 8446, section 4.6). */
#define NEW_SESSION_TICKET 4
#define KEY_UPDATE 24

static struct gw_tls *tls_of(struct gw_transport *t)
{
	return (struct gw_tls *)t;
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
	t->in = malloc(GW_TLS_BATCH);
	t->out = malloc(GW_TLS_BATCH);
	t->plain = malloc(GW_TLS_RECORD_MAX);
	t->gathered = malloc(GW_TLS_RECORD);
	BIO *bio = t->in && t->out && t->plain && t->gathered ? gw_tls_bio_new(t) : NULL;
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
	gw_tls_unprotect(&t->sealing);
	gw_tls_unprotect(&t->opening);
	free(t->in);
	free(t->out);
	wipe(t->plain, GW_TLS_RECORD_MAX);
	wipe(t->gathered, GW_TLS_RECORD);
	free(t);
}

bool gw_tls_begin_records(struct gw_tls *t, uint16_t suite, const uint8_t sealing[GW_TLS_TRAFFIC_SECRET],
	const uint8_t opening[GW_TLS_TRAFFIC_SECRET])
{
	return gw_tls_protect(&t->sealing, t->lib, suite, true, sealing) &&
	       gw_tls_protect(&t->opening, t->lib, suite, false, opening);
}

/* Both threads come here, and it changes only before there are two. */
static void follow_silence(struct gw_tls *t)
{
	if (t->inner->silence_ms != t->base.silence_ms)
		t->inner->silence_ms = t->base.silence_ms;
}

enum gw_status gw_tls_flush(struct gw_tls *t, struct gw_error *err)
{
	struct iovec iov = {t->out, t->out_len};
	follow_silence(t);
	t->out_len = 0;
	return iov.iov_len ? t->inner->ops->sendv(t->inner, &iov, 1, err) : GW_OK;
}

enum gw_status gw_tls_fill(struct gw_tls *t, size_t *got, struct gw_error *err)
{
	size_t left = t->in_len - t->in_at, n;
	memmove(t->in, t->in + t->in_at, left);
	t->in_at = 0;
	t->in_len = left;
	struct iovec iov = {t->in + left, GW_TLS_BATCH - left};
	enum gw_status status = t->inner->ops->recvv(t->inner, &iov, 1, 1, &n, err);
	if (status)
		return status;
	t->in_len += n;
	if (got)
		*got = n;
	return GW_OK;
}

static enum gw_status unusable(const struct gw_tls *t, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_LOST,
		atomic_load(&t->down) ? "the connection was shut down" : "the TLS connection has failed");
}

static enum gw_status broken(struct gw_tls *t, struct gw_error *err, const char *why)
{
	atomic_store(&t->failed, true);
	if (atomic_load(&t->down))
		return unusable(t, err);
	return gw_error_set(err, GW_ERR_LOST, "the TLS connection broke: %s", why);
}

static bool append(struct gw_tls *t, enum gw_tls_content type, const void *bytes, size_t n)
{
	if (!gw_tls_seal(&t->sealing, type, bytes, n, t->out + t->out_len))
		return false;
	t->out_len += n + GW_TLS_SEALED;
	return true;
}

/* This side's next key, which the peer learns of in the last record under the old one. */
static bool renew(struct gw_tls *t)
{
	static const uint8_t key_update[] = {KEY_UPDATE, 0, 0, 1, 0};
	t->sealed = 0;
	return append(t, GW_TLS_HANDSHAKE, key_update, sizeof(key_update)) && gw_tls_protect_next(&t->sealing);
}

/* The next bytes of a message in contiguous memory: an element's own memory if that fills a record, otherwise a copy of
 * as many elements as fit into one. */
static struct iovec next_piece(struct gw_tls *t, struct gw_iov_pos *pos)
{
	struct iovec piece;
	size_t n = 0;
	if (gw_iov_peek(pos, &piece, 1, GW_TLS_RECORD) == 1 && (piece.iov_len == GW_TLS_RECORD || pos->n == 1)) {
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
		t->sealed += piece.iov_len;
		bool must_renew = atomic_exchange(&t->renew, false) || t->sealed >= KEY_BYTES;
		if ((must_renew && !renew(t)) || !append(t, GW_TLS_DATA, piece.iov_base, piece.iov_len))
			return broken(t, err, "OpenSSL cannot encrypt");
		if (t->out_len + 2 * GW_TLS_RECORD_MAX > GW_TLS_BATCH || pos.n == 0)
			status = gw_tls_flush(t, err);
	}
	if (status)
		atomic_store(&t->failed, true);
	return status;
}

static enum gw_status ended(size_t got, struct gw_error *err)
{
	if (got > 0)
		return gw_error_set(err, GW_ERR_LOST, "the peer closed the connection in the middle of a message");
	return gw_error_set(err, GW_ERR_CLOSED, "the peer closed the connection");
}

/* The size of the next record with its header. 0: not all of it has come. More than GW_TLS_RECORD_MAX: invalid. */
static size_t next_record(const struct gw_tls *t)
{
	const uint8_t *header = t->in + t->in_at;
	size_t left = t->in_len - t->in_at;
	if (left < GW_TLS_HEADER)
		return 0;
	size_t size = GW_TLS_HEADER + ((size_t)header[3] << 8 | header[4]);
	return size <= left || size > GW_TLS_RECORD_MAX ? size : 0;
}

/* A message of the handshake after it: a new key of the peer, or a ticket, which is not used. */
static bool take_handshake(struct gw_tls *t, const uint8_t *message, size_t n)
{
	static const uint8_t key_update[] = {KEY_UPDATE, 0, 0, 1};
	if (n > 0 && message[0] == NEW_SESSION_TICKET)
		return true;
	if (n != sizeof(key_update) + 1 || memcmp(message, key_update, sizeof(key_update)) != 0 || message[4] > 1)
		return false;
	if (message[4])
		atomic_store(&t->renew, true);
	return gw_tls_protect_next(&t->opening);
}

static enum gw_status take_alert(struct gw_tls *t, const uint8_t *alert, size_t n, size_t sum, struct gw_error *err)
{
	if (n != 2)
		return broken(t, err, "an invalid alert");
	if (alert[1] == CLOSE_NOTIFY)
		return ended(sum, err);
	if (alert[1] == USER_CANCELED)
		return GW_OK;
	return broken(t, err, "the peer reports an error");
}

/* A record without data. */
static enum gw_status take_other(
	struct gw_tls *t, uint8_t type, const uint8_t *bytes, size_t n, size_t sum, struct gw_error *err)
{
	if (++t->without_data > WITHOUT_DATA_MAX)
		return broken(t, err, "too many records without data");
	if (type == GW_TLS_ALERT)
		return take_alert(t, bytes, n, sum, err);
	if (type == GW_TLS_DATA || (type == GW_TLS_HANDSHAKE && take_handshake(t, bytes, n)))
		return GW_OK;
	return broken(t, err, "an unexpected message");
}

/* Decrypts the next record, which has come, into room if it fits there, otherwise into plain. *got: bytes in room. */
static enum gw_status open_record(
	struct gw_tls *t, size_t size, struct iovec room, size_t sum, size_t *got, struct gw_error *err)
{
	size_t n;
	uint8_t type;
	bool fits = room.iov_base && size - GW_TLS_SEALED <= room.iov_len;
	uint8_t *out = fits ? room.iov_base : t->plain;
	*got = 0;
	if (t->end)
		return t->end == GW_ERR_CLOSED ? ended(sum, err) : unusable(t, err);
	if (size > GW_TLS_RECORD_MAX || !gw_tls_open(&t->opening, t->in + t->in_at, size, out, &n, &type))
		return t->end = broken(t, err, "a record was changed on its way");
	if (type != GW_TLS_DATA || n == 0)
		t->end = take_other(t, type, out, n, sum, err);
	/* The last record stays, so that later calls return to it. */
	if (t->end)
		return t->end;
	t->in_at += size;
	if (type != GW_TLS_DATA || n == 0)
		return GW_OK;
	t->without_data = 0;
	if (fits) {
		*got = n;
	} else {
		t->plain_at = 0;
		t->plain_len = n;
	}
	return GW_OK;
}

/* Receives more records. A connection that ends between two records counts as closed even without the peer's
 * announcement: an attacker cannot shorten a message that way, because each message begins with its length. */
static enum gw_status receive_more(struct gw_tls *t, size_t sum, struct gw_error *err)
{
	follow_silence(t);
	enum gw_status status = gw_tls_fill(t, NULL, err);
	return status == GW_ERR_CLOSED ? ended(sum + (t->in_len - t->in_at), err) : status;
}

static size_t take_plain(struct gw_tls *t, struct iovec room)
{
	size_t left = t->plain_len - t->plain_at, n = left < room.iov_len ? left : room.iov_len;
	memcpy(room.iov_base, t->plain + t->plain_at, n);
	t->plain_at += n;
	return n;
}

static enum gw_status tls_recvv(
	struct gw_transport *base, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct gw_tls *t = tls_of(base);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	struct iovec room;
	enum gw_status status = GW_OK;
	size_t sum = 0, part, size;
	if (atomic_load(&t->down))
		return unusable(t, err);
	while (!status && gw_iov_peek(&pos, &room, 1, SIZE_MAX) == 1) {
		part = take_plain(t, room);
		if (part == 0 && (size = next_record(t)) > 0)
			status = open_record(t, size, room, sum, &part, err);
		else if (part == 0 && sum >= min)
			break;
		else if (part == 0)
			status = receive_more(t, sum, err);
		gw_iov_advance(&pos, part);
		sum += part;
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
	size_t size, got;
	for (;;) {
		if (t->plain_at < t->plain_len)
			return true;
		if ((size = next_record(t)) > 0) {
			if (open_record(t, size, (struct iovec){NULL, 0}, 0, &got, NULL))
				return true;
			continue;
		}
		if (!t->inner->ops->readable(t->inner, timeout_ms > 0 ? gw_clock_ms_left(deadline) : timeout_ms))
			return false;
		if (gw_tls_fill(t, NULL, NULL))
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
	static const uint8_t close_notify[] = {1, CLOSE_NOTIFY};
	if (!atomic_load(&t->failed) && !atomic_load(&t->down) &&
		append(t, GW_TLS_ALERT, close_notify, sizeof(close_notify)))
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
