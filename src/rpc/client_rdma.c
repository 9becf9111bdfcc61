/* The client's side of going over to RDMA. A ggwire server is asked on TCP, and both confirm there before they change;
 * a stock server changes by itself, right after its answer to HELLO. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/client_private.h"
#include "rpc/rdma_message.h"
#include "wire/cursor.h"

#define SAY_MS 5000 /* a device gives up after about two seconds */

static void drop(struct gw_client *c)
{
	gw_rdma_free(c->rdma);
	c->rdma = NULL;
}

static void change(struct gw_client *c)
{
	assert(gw_inbuf_len(&c->in) == 0);
	c->transport = gw_rdma_start(c->rdma, c->transport);
	c->rdma = NULL;
	c->in.transport = c->out.transport = c->transport;
}

static enum gw_status demanded(const struct gw_client *c, struct gw_error *err)
{
	return gw_error_set(
		err, GW_ERR_UNSUPPORTED, "server at %s: RDMA alone is allowed, and %s", c->name, c->stay.text);
}

enum gw_status gw_client_announce(struct gw_client *c, uint8_t caps[GW_WIRE_CAPS], struct gw_error *err)
{
	memset(caps, 0, GW_WIRE_CAPS);
	if (c->mode == GW_TRANSPORT_TCP) {
		gw_error_set(&c->stay, GW_ERR_UNSUPPORTED, "this side is set to TCP");
		return GW_OK;
	}
	if (gw_rdma_probe(c->transport, GW_RDMA_ROCE | GW_RDMA_INFINIBAND, &c->rdma, &c->stay)) {
		if (c->mode == GW_TRANSPORT_RDMA)
			return demanded(c, err);
		/* What a user has set and does not exist is worth a warning; a machine without RDMA is not. */
		if (c->stay.status == GW_ERR_INVALID)
			gw_log_warn("RPC server %s: RDMA is not used: %s", c->name, c->stay.text);
		return GW_OK;
	}
	gw_rdma_put_caps(c->rdma, caps);
	return GW_OK;
}

static enum gw_status give_up(struct gw_client *c, const char *why, struct gw_error *err)
{
	c->start_over = c->mode == GW_TRANSPORT_AUTO;
	return gw_error_set(
		err, GW_ERR_UNSUPPORTED, "server at %s uses RDMA now, and this side cannot: %s", c->name, why);
}

/* The server has changed to RDMA if it has announced it: there is no staying on TCP. */
static enum gw_status settle_stock(struct gw_client *c, const uint8_t theirs[GW_WIRE_CAPS], struct gw_error *err)
{
	struct gw_rdma_address at;
	struct gw_error why;
	if (!gw_wire_caps_any(theirs)) {
		drop(c);
		gw_error_set(&c->stay, GW_ERR_UNSUPPORTED, "the server announces no RDMA");
		return GW_OK;
	}
	if (!gw_rdma_take_caps(theirs, &at))
		return give_up(c, "what the server announces is no queue pair on Linux", err);
	if (gw_rdma_activate(c->rdma, GW_RDMA_PATH_STOCK, &at, &why))
		return give_up(c, why.text, err);
	if (gw_inbuf_len(&c->in) > 0)
		return give_up(c, "the server has sent more than its answer", err);
	change(c);
	return GW_OK;
}

static enum gw_status bad_reply(const struct gw_client *c, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_PROTOCOL, "server at %s: its reply to EXT_RDMA is none", c->name);
}

/* One EXT_RDMA there and back, on TCP. */
static enum gw_status ask(struct gw_client *c, const struct gw_ext_rdma *request, struct gw_ext_rdma *reply,
	uint64_t deadline, struct gw_error *err)
{
	const uint8_t cmd = GW_CMD_EXT_RDMA;
	uint8_t body[GW_EXT_RDMA_MAX], size[8];
	size_t n = gw_ext_rdma_encode(request, body);
	gw_put_le64(size, n);
	gw_outq_put(&c->out, &cmd, sizeof(cmd));
	gw_outq_put(&c->out, size, sizeof(size));
	gw_outq_put(&c->out, body, n);
	enum gw_status status = gw_outq_send(&c->out, NULL, 0, err);
	if (!status)
		status = gw_client_await(c, GW_REPLY_HEADER, deadline, err);
	if (status)
		return status;
	uint64_t length = gw_le64(gw_inbuf_take(&c->in, GW_REPLY_HEADER));
	if (length > GW_EXT_RDMA_MAX)
		return bad_reply(c, err);
	status = gw_client_await(c, (size_t)length, deadline, err);
	if (status)
		return status;
	if (!gw_ext_rdma_decode(gw_inbuf_take(&c->in, (size_t)length), (size_t)length, request->step, reply) ||
		gw_inbuf_len(&c->in) > 0)
		return bad_reply(c, err);
	return GW_OK;
}

/* Brings our end up, and sees that a message gets through. */
static enum gw_status bring_up(struct gw_client *c, const struct gw_ext_rdma *offer, struct gw_error *why)
{
	struct gw_rdma_address at;
	if (!gw_rdma_take_offer(offer, &at))
		return gw_error_set(why, GW_ERR_PROTOCOL, "the server's address is none");
	enum gw_status status = gw_rdma_activate(c->rdma, GW_RDMA_PATH_GGWIRE, &at, why);
	return status ? status : gw_rdma_say(c->rdma, SAY_MS, why);
}

static void stays_because_of_server(struct gw_client *c, const struct gw_ext_rdma *no)
{
	gw_error_set(&c->stay, GW_ERR_UNSUPPORTED, "the server cannot: %s", no->reason);
}

/* Tells the server how our end came up, and hears how it sees the connection. */
static enum gw_status confirm(struct gw_client *c, bool up, uint64_t deadline, struct gw_error *err)
{
	struct gw_ext_rdma request = {.step = GW_EXT_RDMA_CONFIRM, .yes = up}, reply;
	if (!up)
		snprintf(request.reason, sizeof(request.reason), "the client cannot: %.100s", c->stay.text);
	enum gw_status status = ask(c, &request, &reply, deadline, err);
	if (status)
		return status;
	if (up && !reply.yes)
		stays_because_of_server(c, &reply);
	if (!up || !reply.yes) {
		drop(c);
		return GW_OK;
	}
	/* The server is on RDMA from here on, and its device has said that this message is here. */
	status = gw_rdma_hear(c->rdma, SAY_MS, err);
	if (!status)
		change(c);
	return status;
}

static enum gw_status settle_ggwire(struct gw_client *c, int timeout_ms, struct gw_error *err)
{
	struct gw_ext_rdma offer, reply;
	uint64_t deadline = gw_clock_deadline(timeout_ms + 2 * SAY_MS);
	gw_rdma_put_offer(c->rdma, &offer);
	enum gw_status status = ask(c, &offer, &reply, deadline, err);
	if (status)
		return status;
	if (!reply.yes) {
		stays_because_of_server(c, &reply);
		drop(c);
		return GW_OK;
	}
	bool up = bring_up(c, &reply, &c->stay) == GW_OK;
	return confirm(c, up, deadline, err);
}

enum gw_status gw_client_settle(
	struct gw_client *c, const struct gw_wire_hello_rsp *answer, int timeout_ms, struct gw_error *err)
{
	const struct gw_transport *tcp = c->transport;
	enum gw_status status = GW_OK;
	if (c->rdma)
		status = c->extensions >= GW_EXT_LEVEL_RDMA ? settle_ggwire(c, timeout_ms, err)
							    : settle_stock(c, answer->caps, err);
	if (status || c->transport != tcp)
		return status;
	gw_log_debug("RPC server %s: stays on TCP: %s", c->name, c->stay.text);
	return c->mode == GW_TRANSPORT_RDMA ? demanded(c, err) : GW_OK;
}
