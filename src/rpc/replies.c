#include "rpc/replies.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "wire/command.h"
#include "wire/cursor.h"

/* Bounds that keep both ends from blocking in a send at the same time: see gw_client_admit. */
#define MAX_REPLY_BYTES 65536
#define MAX_BLIND_BYTES 32768
#define BLIND_OVERHEAD 512 /* what the system may need for a small send besides its bytes */

static_assert((GW_CLIENT_MAX_PENDING & (GW_CLIENT_MAX_PENDING - 1)) == 0, "tickets wrap around the ring");

static struct gw_client_pending *pending_at(struct gw_client *c, uint64_t ticket)
{
	return &c->pending[ticket % GW_CLIENT_MAX_PENDING];
}

/* The bytes of a reply on the connection; the maximum if its size is not known. */
static size_t reply_bytes(const struct gw_client_pending *p)
{
	return GW_REPLY_HEADER + (p->var ? p->max : p->dest.size * p->dest.n);
}

static size_t in_flight(const struct gw_client *c)
{
	return (size_t)(c->issued - c->done);
}

static enum gw_status wrong_size(uint64_t got, size_t expected, struct gw_error *why)
{
	return gw_error_set(
		why, GW_ERR_PROTOCOL, "a reply has %" PRIu64 " bytes where %zu were expected", got, expected);
}

static enum gw_status receive_rows(struct gw_inbuf *in, const struct gw_dest *dest, struct gw_error *why)
{
	/* Rows without gaps are one piece. */
	if (dest->stride == dest->size)
		return gw_inbuf_read(in, dest->base, dest->size * dest->n, why);
	enum gw_status status = GW_OK;
	for (size_t i = 0; !status && i < dest->n; i++)
		status = gw_inbuf_read(in, (uint8_t *)dest->base + i * dest->stride, dest->size, why);
	return status;
}

static enum gw_status receive_var(struct gw_inbuf *in, struct gw_buf *buf, size_t size, struct gw_error *why)
{
	buf->len = 0;
	if (gw_buf_reserve(buf, size))
		return gw_error_set(why, GW_ERR_NOMEM, "no memory for a reply of %zu bytes", size);
	enum gw_status status = gw_inbuf_read(in, buf->data, size, why);
	if (!status)
		buf->len = size;
	return status;
}

static enum gw_status receive_body(
	struct gw_client *c, const struct gw_client_pending *p, uint64_t size, struct gw_error *why)
{
	size_t expected = reply_bytes(p) - GW_REPLY_HEADER;
	if (p->var)
		return size > expected ? wrong_size(size, expected, why)
				       : receive_var(&c->in, p->var, (size_t)size, why);
	return size != expected ? wrong_size(size, expected, why) : receive_rows(&c->in, &p->dest, why);
}

/* The size of the next reply. Reports that the server is alive are passed over. */
static enum gw_status receive_size(struct gw_client *c, uint64_t *size, struct gw_error *why)
{
	enum gw_status status;
	do
		status = gw_client_receive_size(c, size, why);
	while (!status && *size == GW_REPLY_ALIVE && c->reports_alive);
	return status;
}

static enum gw_status receive_next(struct gw_client *c)
{
	const struct gw_client_pending *p = pending_at(c, c->done + 1);
	struct gw_error why;
	uint64_t size;
	enum gw_status status = receive_size(c, &size, &why);
	if (!status)
		status = receive_body(c, p, size, &why);
	if (status)
		return gw_client_fail(c, status, &why);
	c->done++;
	c->reply_bytes -= reply_bytes(p);
	if (c->reply_bytes <= MAX_REPLY_BYTES)
		c->blind_bytes = c->blind_requests = 0;
	return GW_OK;
}

enum gw_status gw_client_receive_until(struct gw_client *c, uint64_t ticket)
{
	if (c->done >= ticket || c->done >= c->issued)
		return gw_client_send(c);
	gw_later_begin_wait();
	enum gw_status status = gw_client_send(c);
	while (!status && c->done < ticket && c->done < c->issued)
		status = receive_next(c);
	gw_later_end_wait();
	return status;
}

enum gw_status gw_client_take_alive(struct gw_client *c, struct gw_error *why)
{
	const struct gw_transport *t = c->transport;
	enum gw_status status = GW_OK;
	while (!status && c->reports_alive && in_flight(c) == 0 &&
		(gw_inbuf_len(&c->in) > 0 || t->ops->readable(c->transport, 0))) {
		uint64_t size = 0;
		status = gw_client_receive_size(c, &size, why);
		if (!status && size != GW_REPLY_ALIVE)
			status = gw_error_set(why, GW_ERR_PROTOCOL, "the server sent a reply without a request");
	}
	return status;
}

static enum gw_status receive_down_to(struct gw_client *c, size_t replies, size_t bytes)
{
	gw_later_begin_wait();
	enum gw_status status = gw_client_send(c);
	while (!status && (in_flight(c) > replies || c->reply_bytes > bytes))
		status = receive_next(c);
	gw_later_end_wait();
	return status;
}

/* How many requests, or replies, the transport holds while its other end receives nothing. */
static unsigned most_held(const struct gw_client *c)
{
	unsigned n = c->transport->ops->max_unread / GW_CLIENT_UNITS;
	return n > 0 && n < GW_CLIENT_MAX_PENDING ? n : GW_CLIENT_MAX_PENDING;
}

/* A deadlock needs the server blocked in sending reply k, and this side blocked in sending requests after k's. While
 * the replies on their way are few and small (both MAX bounds), the buffers of any transport hold them, and the server
 * is not blocked. Beyond that, every request that is queued counts as blind: a blocked server has read none of it.
 * Blind requests are limited, in bytes and in number, to what the transport's buffers take while the server reads
 * nothing; for more, replies are received first. The count starts over when few replies are left. */
enum gw_status gw_client_admit(struct gw_client *c, size_t size, bool reply)
{
	size_t cost = size > SIZE_MAX - BLIND_OVERHEAD ? SIZE_MAX : size + BLIND_OVERHEAD;
	unsigned most = most_held(c);
	enum gw_status status = GW_OK;
	if (reply && in_flight(c) >= most)
		status = receive_down_to(c, most / 2, SIZE_MAX);
	if (status || c->reply_bytes <= MAX_REPLY_BYTES)
		return status;
	if (cost > MAX_BLIND_BYTES - c->blind_bytes || c->blind_requests == most)
		return receive_down_to(c, SIZE_MAX, MAX_REPLY_BYTES / 2);
	c->blind_bytes += cost;
	c->blind_requests++;
	return GW_OK;
}

uint64_t gw_client_expect(struct gw_client *c, const struct gw_client_pending *pending)
{
	uint64_t ticket = ++c->issued;
	*pending_at(c, ticket) = *pending;
	c->reply_bytes += reply_bytes(pending);
	return ticket;
}
