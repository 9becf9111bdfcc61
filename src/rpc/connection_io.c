#include "rpc/connection_io.h"

#include <assert.h>
#include <inttypes.h>

#include "rpc/connection_state.h"
#include "wire/command.h"
#include "wire/cursor.h"

#define COPY_MAX 16384 /* pieces of a reply up to this length are queued, not sent from where they are */

/* ggwire's own client sends many pieces of a token at once, so looking for more pays only after the short pieces
 * between all-reduces. */
#define REDUCE_SPIN_NS UINT64_C(50000)

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

/* The client may wait for a reply before it sends more, so no reply stays queued while this side waits for bytes. */
static enum gw_status before_receiving(struct gw_connection *p, size_t n, struct gw_error *err)
{
	return gw_inbuf_len(&p->in) < n ? send_queue(p, NULL, 0, err) : GW_OK;
}

/* A client that asks nothing needs no reports. */
static enum gw_status await_header(struct gw_connection *p, struct gw_error *err)
{
	bool idle = p->alive && gw_inbuf_len(&p->in) < GW_REQUEST_HEADER;
	if (idle)
		gw_heartbeat_turn(p->alive);
	enum gw_status status = gw_connection_checked(p, gw_inbuf_fill(&p->in, GW_REQUEST_HEADER, err));
	if (idle)
		gw_heartbeat_turn(p->alive);
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
		p->in.spin_ns = *cmd == GW_CMD_EXT_ALLREDUCE ? REDUCE_SPIN_NS : 0;
	return GW_OK;
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

/* Queues a piece of the current reply, after which left bytes of it are to come. */
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

enum gw_status gw_connection_report_alive(void *connection, uint64_t *sends)
{
	struct gw_connection *p = connection;
	uint8_t bytes[GW_REPLY_HEADER];
	const struct iovec iov = {bytes, sizeof(bytes)};
	struct gw_transport *t = p->transport;
	enum gw_status status = GW_OK;
	gw_put_le64(bytes, GW_REPLY_ALIVE);
	/* Whoever holds the lock is sending, or the client does not read: then it needs no report. */
	if (pthread_mutex_trylock(&p->sending))
		return GW_OK;
	if (!p->mid_reply && p->sends == *sends)
		status = t->ops->sendv(t, &iov, 1, NULL);
	*sends = p->sends;
	pthread_mutex_unlock(&p->sending);
	return status;
}
