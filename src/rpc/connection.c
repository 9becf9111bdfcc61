#include "rpc/connection.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "rpc/connection_private.h"
#include "wire/cursor.h"
#include "wire/extension.h"

#define COPY_MAX 16384 /* pieces of a reply up to this length are queued rather than sent from where they are */
#define HANDSHAKE_MS 10000

/* A stock client sends a token's step in some thirty pieces, each of which would wake this side. Measured with two
 * processors, idle and busy (docs/benchmarks.md). Ours sends a step at once. */
#define STOCK_SPIN_NS UINT64_C(100000)

enum gw_status gw_connection_new(struct gw_transport *t, const struct gw_dialect *dialect, struct gw_connection **out)
{
	struct gw_connection *p = calloc(1, sizeof(*p));
	if (!p)
		return GW_ERR_NOMEM;
	if (gw_inbuf_init(&p->in, t))
		goto free_peer;
	if (gw_outq_init(&p->out, t))
		goto free_in;
	if (pthread_mutex_init(&p->sending, NULL))
		goto free_out;
	p->transport = t;
	p->dialect = dialect;
	*out = p;
	return GW_OK;

free_out:
	gw_outq_free(&p->out);
free_in:
	gw_inbuf_free(&p->in);
free_peer:
	free(p);
	return GW_ERR_NOMEM;
}

enum gw_status gw_connection_checked(struct gw_connection *p, enum gw_status status)
{
	if (status)
		p->failed = true;
	return status;
}

static enum gw_status send_queue(struct gw_connection *p, const struct iovec *tail, int n, struct gw_error *err)
{
	if (p->out.len == 0 && n == 0)
		return GW_OK;
	pthread_mutex_lock(&p->sending);
	enum gw_status status = gw_outq_send(&p->out, tail, n, err);
	p->mid_reply = p->reply_left > 0;
	p->sends++;
	pthread_mutex_unlock(&p->sending);
	return gw_connection_checked(p, status);
}

enum gw_status gw_connection_flush(struct gw_connection *p, struct gw_error *err)
{
	return send_queue(p, NULL, 0, err);
}

void gw_connection_free(struct gw_connection *p)
{
	struct gw_transport *t = p->transport;
	if (!p->failed)
		(void)gw_connection_flush(p, NULL);
	else
		t->ops->shutdown(t);
	gw_alive_stop(p->alive);
	pthread_mutex_destroy(&p->sending);
	gw_rdma_free(p->rdma);
	t->ops->close(t);
	gw_outq_free(&p->out);
	gw_inbuf_free(&p->in);
	free(p);
}

/* The client may be waiting for a reply before it sends on: none stays queued while this side waits for bytes. */
static enum gw_status before_receiving(struct gw_connection *p, size_t n, struct gw_error *err)
{
	return gw_inbuf_len(&p->in) < n ? send_queue(p, NULL, 0, err) : GW_OK;
}

/* While nothing is asked there is nothing to say. */
static enum gw_status await_header(struct gw_connection *p, struct gw_error *err)
{
	bool idle = p->alive && gw_inbuf_len(&p->in) < GW_REQUEST_HEADER;
	if (idle)
		gw_alive_turn(p->alive);
	enum gw_status status = gw_connection_checked(p, gw_inbuf_fill(&p->in, GW_REQUEST_HEADER, err));
	if (idle)
		gw_alive_turn(p->alive);
	return status;
}

enum gw_status gw_connection_header(struct gw_connection *p, unsigned *cmd, uint64_t *size, struct gw_error *err)
{
	enum gw_status status = before_receiving(p, GW_REQUEST_HEADER, err);
	if (!status)
		status = await_header(p, err);
	if (status)
		return status;
	const uint8_t *header = gw_inbuf_take(&p->in, GW_REQUEST_HEADER);
	*cmd = header[0];
	*size = p->body_left = gw_le64(header + 1);
	if (*cmd >= GW_CMD_EXT_INFO)
		p->in.spin_ns = 0;
	return GW_OK;
}

enum gw_status gw_connection_next(struct gw_connection *p, unsigned *cmd, uint64_t *size, struct gw_error *err)
{
	assert(p->body_left == 0 && p->reply_left == 0);
	if (p->settling) {
		p->settling = false;
		enum gw_status status = gw_connection_settle(p, err);
		if (status)
			return status;
	}
	return gw_connection_header(p, cmd, size, err);
}

enum gw_status gw_connection_read(struct gw_connection *p, void *dst, size_t n, struct gw_error *err)
{
	if (n > p->body_left)
		return gw_error_set(err, GW_ERR_PROTOCOL, "the request ends %" PRIu64 " bytes too early",
			(uint64_t)n - p->body_left);
	enum gw_status status = before_receiving(p, n, err);
	if (!status)
		status = gw_connection_checked(p, gw_inbuf_read(&p->in, dst, n, err));
	if (!status)
		p->body_left -= n;
	return status;
}

uint64_t gw_connection_left(const struct gw_connection *p)
{
	return p->body_left;
}

/* Queues what leaves left bytes of the current reply to come. */
static enum gw_status queue(
	struct gw_connection *p, const void *bytes, size_t size, uint64_t left, struct gw_error *err)
{
	enum gw_status status = gw_outq_fits(&p->out, size, 1) ? GW_OK : send_queue(p, NULL, 0, err);
	if (status)
		return status;
	gw_outq_put(&p->out, bytes, size);
	p->reply_left = left;
	return p->out.len >= GW_OUTQ_FULL ? send_queue(p, NULL, 0, err) : GW_OK;
}

enum gw_status gw_connection_reply_begin(struct gw_connection *p, uint64_t size, struct gw_error *err)
{
	uint8_t header[GW_REPLY_HEADER];
	assert(p->reply_left == 0);
	gw_put_le64(header, size);
	return queue(p, header, sizeof(header), size, err);
}

enum gw_status gw_connection_reply_write(struct gw_connection *p, const void *data, size_t size, struct gw_error *err)
{
	const struct iovec tail = {(void *)(uintptr_t)data, size};
	assert(size <= p->reply_left);
	if (size <= COPY_MAX)
		return queue(p, data, size, p->reply_left - size, err);
	p->reply_left -= size;
	return send_queue(p, &tail, 1, err);
}

enum gw_status gw_connection_reply(struct gw_connection *p, const void *body, size_t size, struct gw_error *err)
{
	enum gw_status status = gw_connection_reply_begin(p, size, err);
	return status ? status : gw_connection_reply_write(p, body, size, err);
}

static enum gw_status read_hello(struct gw_connection *p, struct gw_wire_hello_req *hello, struct gw_error *err)
{
	uint8_t body[GW_WIRE_HELLO_REQ];
	unsigned cmd;
	uint64_t size;
	/* Whoever is no RPC client may have nothing more to say than its first byte. */
	enum gw_status status = gw_connection_checked(p, gw_inbuf_fill(&p->in, 1, err));
	if (status)
		return status;
	if (*gw_inbuf_peek(&p->in) != GW_CMD_HELLO)
		return gw_error_set(err, GW_ERR_PROTOCOL, "no HELLO, first byte 0x%02x: this is not an RPC client",
			*gw_inbuf_peek(&p->in));
	status = gw_connection_header(p, &cmd, &size, err);
	if (status)
		return status;
	if (size == 0)
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "HELLO without a body: the client speaks RPC protocol 3 or older");
	if (size != sizeof(body))
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "HELLO of %" PRIu64 " bytes, expected %zu", size, sizeof(body));
	status = gw_connection_read(p, body, sizeof(body), err);
	if (status)
		return status;
	if (!gw_wire_hello_req_decode(body, sizeof(body), hello))
		return gw_error_set(err, GW_ERR_PROTOCOL, "HELLO cannot be decoded");
	return GW_OK;
}

enum gw_status gw_connection_handshake(struct gw_connection *p, struct gw_error *err)
{
	struct gw_wire_hello_rsp answer = {.version = p->dialect->version};
	struct gw_wire_hello_req hello;
	uint8_t body[GW_WIRE_HELLO_RSP];
	gw_inbuf_hurry(&p->in, HANDSHAKE_MS);
	answer.extensions = gw_transport_stock_only() ? 0 : GW_EXT_LEVEL;
	enum gw_status status = read_hello(p, &hello, err);
	gw_inbuf_hurry(&p->in, 0);
	p->in.spin_ns = STOCK_SPIN_NS;
	if (!status)
		status = gw_connection_announce(p, hello.caps, answer.caps, err);
	if (!status)
		status = gw_connection_reply(p, body, gw_wire_hello_rsp_encode(&answer, body), err);
	p->settling = true;
	return status ? status : gw_connection_flush(p, err);
}

enum gw_status gw_connection_keep_alive(struct gw_connection *p, uint32_t interval_ms, struct gw_error *err)
{
	if (p->alive)
		return GW_OK;
	return gw_alive_start(p, interval_ms, &p->alive, err);
}

enum gw_status gw_connection_say_alive(struct gw_connection *p, uint64_t *sends)
{
	uint8_t bytes[GW_REPLY_HEADER];
	const struct iovec iov = {bytes, sizeof(bytes)};
	struct gw_transport *t = p->transport;
	enum gw_status status = GW_OK;
	gw_put_le64(bytes, GW_REPLY_ALIVE);
	/* Whoever holds it is saying something, or the client does not read: then it need not be told. */
	if (pthread_mutex_trylock(&p->sending))
		return GW_OK;
	if (!p->mid_reply && p->sends == *sends)
		status = t->ops->sendv(t, &iov, 1, NULL);
	*sends = p->sends;
	pthread_mutex_unlock(&p->sending);
	return status;
}

void gw_connection_set_mode(struct gw_connection *p, enum gw_transport_mode mode)
{
	p->mode = mode;
}

void gw_connection_count(struct gw_connection *p, _Atomic uint64_t *received, _Atomic uint64_t *sent)
{
	p->in.received = received;
	p->out.sent = sent;
}

void gw_connection_keep_memory(struct gw_connection *p, void *base, size_t size)
{
	struct gw_transport *t = p->transport;
	if (t->ops->keep)
		t->ops->keep(t, base, size);
}

void gw_connection_forget_memory(struct gw_connection *p, const void *base)
{
	struct gw_transport *t = p->transport;
	if (t->ops->forget)
		t->ops->forget(t, base);
}

bool gw_connection_is_rdma(const struct gw_connection *p)
{
	return p->on_rdma;
}

void gw_connection_shutdown(struct gw_connection *p)
{
	struct gw_transport *t = p->transport;
	t->ops->shutdown(t);
}

const struct gw_dialect *gw_connection_dialect(const struct gw_connection *p)
{
	return p->dialect;
}

const char *gw_connection_name(const struct gw_connection *p)
{
	const struct gw_transport *t = p->transport;
	return t->peer;
}
