#include "rpc/request.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "rpc/client_state.h"
#include "rpc/replies.h"
#include "transport/mode.h"
#include "wire/extension.h"

static bool parts_size(const struct iovec *parts, int n, size_t *size)
{
	uint64_t sum = 0;
	if (n < 0 || n > GW_CLIENT_MAX_PARTS)
		return false;
	for (int i = 0; i < n; i++)
		if (!gw_add_u64(sum, parts[i].iov_len, &sum))
			return false;
	*size = (size_t)sum;
	return true;
}

/* Sends a long body at once, after the queue, directly from the caller's memory. */
static enum gw_status send_long(struct gw_client *c, const struct iovec *parts, int n)
{
	struct gw_error why;
	gw_later_send_others(&c->later);
	/* On a path that counts receives, unread reports would use them up. */
	enum gw_status status = c->transport->ops->max_unread ? gw_client_take_alive(c, &why) : GW_OK;
	if (!status)
		status = gw_outq_send(&c->out, parts, n, &why);
	if (status)
		gw_client_hear_why(c, &why);
	return status ? gw_client_fail(c, status, &why) : GW_OK;
}

/* Queues one request; *ticket is set if a reply is pending. */
static enum gw_status enqueue(struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n, size_t size,
	const struct gw_client_pending *pending, uint64_t *ticket)
{
	bool copy = size < GW_CLIENT_COPY_MAX;
	size_t queued = GW_REQUEST_HEADER + (copy ? size : 0);
	enum gw_status status = gw_client_admit(c, GW_REQUEST_HEADER + size, pending != NULL);
	if (!status && !gw_outq_fits(&c->out, queued, GW_CLIENT_UNITS))
		status = gw_client_send(c);
	if (status)
		return status;
	gw_client_put_header(c, cmd, size);
	if (copy)
		gw_outq_putv(&c->out, parts, n);
	if (pending)
		*ticket = gw_client_expect(c, pending);
	if (!copy)
		return send_long(c, parts, n);
	return c->out.len >= GW_CLIENT_COPY_MAX ? gw_client_send(c) : GW_OK;
}

/* How the server will answer; false if it does not know the command. */
static bool reply_of(const struct gw_client *c, enum gw_cmd cmd, enum gw_reply *reply)
{
	bool extension = cmd >= GW_CMD_EXT_FIRST && cmd < GW_CMD_EXT_END;
	if (extension ? c->extensions == 0 : !gw_dialect_has(c->dialect, cmd))
		return false;
	*reply = gw_dialect_reply(c->dialect, cmd);
	return true;
}

enum gw_status gw_client_post(struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n)
{
	const struct gw_client_pending empty = {.var = NULL};
	enum gw_reply reply;
	uint64_t ticket;
	size_t size;
	if (!reply_of(c, cmd, &reply))
		return GW_ERR_UNSUPPORTED;
	if (reply == GW_REPLY_BODY || !parts_size(parts, n, &size))
		return GW_ERR_INVALID;
	enum gw_status status = gw_client_enter(c);
	if (status)
		return status;
	status = enqueue(c, cmd, parts, n, size, reply == GW_REPLY_EMPTY ? &empty : NULL, &ticket);
	return gw_client_leave(c, status);
}

enum gw_status gw_client_keep_alive(struct gw_client *c)
{
	uint8_t body[GW_EXT_ALIVE_REQ];
	const struct iovec part = {body, sizeof(body)};
	int ms = gw_transport_timeout_ms();
	if (c->extensions < GW_EXT_LEVEL_ALIVE)
		return GW_OK;
	gw_ext_alive_encode((uint32_t)ms / 4, body);
	enum gw_status status = gw_client_post(c, GW_CMD_EXT_ALIVE, &part, 1);
	if (status)
		return status;
	c->reports_alive = true;
	c->transport->silence_ms = ms;
	return GW_OK;
}

enum gw_status gw_client_flush(struct gw_client *c)
{
	enum gw_status status = gw_client_enter(c);
	return status ? status : gw_client_leave(c, gw_client_send(c));
}

void gw_client_flush_later(struct gw_client *c)
{
	gw_later_send(&c->later);
}

void gw_client_flush_soon(struct gw_client *c)
{
	gw_client_want_flush(c);
}

/* A request with a reply: sent at once, and the reply awaited if wait is set. */
static enum gw_status request(struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n,
	const struct gw_client_pending *pending, bool wait, uint64_t *ticket)
{
	enum gw_reply reply;
	uint64_t issued = 0;
	size_t size;
	if (!reply_of(c, cmd, &reply))
		return GW_ERR_UNSUPPORTED;
	if (reply == GW_REPLY_NONE || !parts_size(parts, n, &size))
		return GW_ERR_INVALID;
	enum gw_status status = gw_client_enter(c);
	if (status)
		return status;
	status = enqueue(c, cmd, parts, n, size, pending, &issued);
	if (!status)
		status = wait ? gw_client_receive_until(c, issued) : gw_client_send(c);
	status = gw_client_leave(c, status);
	if (!status && ticket)
		*ticket = issued;
	return status;
}

enum gw_status gw_client_call_var(
	struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n, struct gw_buf *reply, size_t max)
{
	const struct gw_client_pending pending = {.var = reply, .max = max};
	reply->len = 0;
	return request(c, cmd, parts, n, &pending, true, NULL);
}

enum gw_status gw_client_call(
	struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n, void *reply, size_t size)
{
	/* A reply that breaks off must not leave a part of it with the caller. */
	uint8_t small[256];
	void *scratch = size <= sizeof(small) ? small : malloc(size);
	if (!scratch)
		return GW_ERR_NOMEM;
	const struct gw_client_pending pending = {.dest = {scratch, size, 1, size}};
	enum gw_status status = request(c, cmd, parts, n, &pending, true, NULL);
	if (!status && size > 0)
		memcpy(reply, scratch, size);
	if (scratch != small)
		free(scratch);
	return status;
}

enum gw_status gw_client_get(struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n,
	const struct gw_dest *dest, uint64_t *ticket)
{
	const struct gw_client_pending pending = {.dest = *dest};
	if (!gw_dest_valid(dest))
		return GW_ERR_INVALID;
	enum gw_status status = request(c, cmd, parts, n, &pending, false, ticket);
	if (status)
		gw_dest_zero(dest);
	return status;
}

enum gw_status gw_client_drain(struct gw_client *c, uint64_t ticket)
{
	enum gw_status status = gw_client_enter(c);
	return status ? status : gw_client_leave(c, gw_client_receive_until(c, ticket));
}

enum gw_status gw_client_await(struct gw_client *c, uint64_t ticket, int timeout_ms)
{
	enum gw_status status = gw_client_enter(c);
	if (status)
		return status;
	gw_later_begin_wait();
	status = gw_client_send(c);
	if (!status && c->done < ticket && gw_inbuf_len(&c->in) == 0 &&
		!c->transport->ops->readable(c->transport, timeout_ms))
		status = GW_ERR_TIMEOUT;
	if (!status)
		status = gw_client_receive_until(c, ticket);
	gw_later_end_wait();
	return gw_client_leave(c, status);
}

enum gw_status gw_client_explain(const struct gw_client *c, enum gw_status status, struct gw_error *err)
{
	if (status && atomic_load(&c->interrupted)) {
		if (err)
			*err = c->interruption;
		return c->interruption.status;
	}
	if (status && atomic_load(&c->lost))
		return gw_error_set(err, status, "server at %s: connection lost: %s", c->name, c->why.text);
	return gw_error_set(err, status, "server at %s: %s", c->name, gw_status_text(status));
}
