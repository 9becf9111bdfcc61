#include "rpc/client_hello.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "transport/list/transports.h"
#include "wire/cursor.h"
#include "wire/extension.h"
#include "wire/message.h"
#include "wire/refusal.h"

_Static_assert(GW_WIRE_CAPS == GW_UPGRADE_CAPS, "HELLO has room for an upgrade's bytes");

/* A handshake in progress. */
struct handshake {
	struct gw_client *c;
	enum gw_transport_mode mode;
	int timeout_ms;
	bool start_over;
	uint64_t deadline; /* of the answer that is awaited */
};

static enum gw_status no_answer(const struct gw_client *c, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_TIMEOUT,
		"server at %s accepted the connection but does not answer HELLO: a stock server that serves another "
		"client does this, and so does a program that is not an RPC server",
		c->name);
}

static enum gw_status hung_up(const struct gw_client *c, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_PROTOCOL,
		"server at %s closed the connection when it received HELLO: it is not an RPC server, is older than "
		"protocol 4.0, or refuses this machine",
		c->name);
}

/* Receives until n bytes are buffered, or the deadline has passed. */
static enum gw_status await(const struct handshake *h, size_t n, struct gw_error *err)
{
	struct gw_client *c = h->c;
	while (gw_inbuf_len(&c->in) < n) {
		if (!c->transport->ops->readable(c->transport, gw_clock_ms_left(h->deadline)))
			return no_answer(c, err);
		/* One more byte and whatever comes with it: a peer that sends half an answer must not block this side.
		 */
		if (gw_inbuf_fill(&c->in, gw_inbuf_len(&c->in) + 1, err))
			return hung_up(c, err);
	}
	return GW_OK;
}

static void send_hello(struct gw_client *c, const struct gw_wire_hello_req *hello)
{
	uint8_t body[GW_WIRE_HELLO_REQ];
	size_t n = gw_wire_hello_req_encode(hello, body);
	gw_client_put_header(c, GW_CMD_HELLO, n);
	gw_outq_put(&c->out, body, n);
	/* A server that has closed the connection may have sent the reason before: the reply is read all the same. */
	(void)gw_outq_send(&c->out, NULL, 0, NULL);
}

static enum gw_status not_hello(const struct gw_client *c, struct gw_error *err)
{
	return gw_error_set(
		err, GW_ERR_PROTOCOL, "server at %s is not an RPC server: its reply to HELLO is invalid", c->name);
}

static enum gw_status refused(const struct gw_client *c, const struct gw_ext_refusal *refusal, struct gw_error *err)
{
	char text[GW_EXT_REFUSAL_TEXT];
	return gw_error_set(err, GW_ERR_LIMIT, "server at %s: %s", c->name, gw_ext_refusal_text(refusal, text));
}

static enum gw_status receive_answer(struct handshake *h, struct gw_wire_hello_rsp *answer, struct gw_error *err)
{
	struct gw_client *c = h->c;
	struct gw_ext_refusal refusal;
	h->deadline = gw_clock_deadline(h->timeout_ms);
	enum gw_status status = await(h, GW_REPLY_HEADER, err);
	if (status)
		return status;
	uint64_t size = gw_le64(gw_inbuf_take(&c->in, GW_REPLY_HEADER));
	if (gw_reply_is_refusal(size, &refusal))
		return refused(c, &refusal, err);
	if (size != GW_WIRE_HELLO_RSP)
		return not_hello(c, err);
	status = await(h, GW_WIRE_HELLO_RSP, err);
	if (status)
		return status;
	if (!gw_wire_hello_rsp_decode(gw_inbuf_take(&c->in, GW_WIRE_HELLO_RSP), GW_WIRE_HELLO_RSP, answer))
		return not_hello(c, err);
	return GW_OK;
}

static enum gw_status no_dialect(const struct gw_client *c, struct gw_error *err)
{
	const struct gw_version *oldest = &gw_dialect_at(0)->version, *newest = &gw_dialect_newest.version;
	const struct gw_version *theirs = &c->version;
	return gw_error_set(err, GW_ERR_UNSUPPORTED,
		"server at %s speaks RPC protocol %u.%u.%u, but this client supports only %u.%u.%u to %u.%u.%u: update "
		"the %s",
		c->name, theirs->major, theirs->minor, theirs->patch, oldest->major, oldest->minor, oldest->patch,
		newest->major, newest->minor, newest->patch, theirs->major < oldest->major ? "server" : "client");
}

static enum gw_status choose_dialect(struct gw_client *c, const struct gw_wire_hello_rsp *answer, struct gw_error *err)
{
	const struct gw_version *theirs = &answer->version;
	bool newer = false;
	c->version = answer->version;
	c->server_level = answer->extensions;
	if (!gw_transport_stock_only())
		c->extensions = answer->extensions < GW_EXT_LEVEL ? answer->extensions : GW_EXT_LEVEL;
	c->dialect = gw_dialect_for(*theirs, &newer);
	if (!c->dialect)
		return no_dialect(c, err);
	if (newer)
		gw_log_warn(
			"RPC server %s: speaks RPC protocol %u.%u.%u, which is newer than this client; using %u.%u.%u",
			c->name, theirs->major, theirs->minor, theirs->patch, c->dialect->version.major,
			c->dialect->version.minor, c->dialect->version.patch);
	return GW_OK;
}

static enum gw_status demanded(const struct gw_client *c, struct gw_error *err)
{
	return gw_error_set(
		err, GW_ERR_UNSUPPORTED, "server at %s: only RDMA is allowed, but %s", c->name, c->stay.text);
}

/* Before HELLO: prepares this end for an upgrade, if it is allowed and possible. */
static enum gw_status offer_upgrade(
	const struct handshake *h, uint8_t caps[GW_UPGRADE_CAPS], struct gw_upgrade **upgrade, struct gw_error *err)
{
	struct gw_client *c = h->c;
	memset(caps, 0, GW_UPGRADE_CAPS);
	if (h->mode == GW_TRANSPORT_TCP) {
		gw_error_because(&c->stay, GW_UPGRADE_CAUSE_SWITCHED_OFF,
			gw_error_set(&c->stay, GW_ERR_UNSUPPORTED, "this side is set to TCP"));
		return GW_OK;
	}
	enum gw_status status = c->transport->keep_encrypted
					? gw_upgrade_keeps_encrypted(&c->stay)
					: gw_transport_upgrade->offer(c->transport, caps, upgrade, &c->stay);
	if (!status)
		return GW_OK;
	if (h->mode == GW_TRANSPORT_RDMA)
		return demanded(c, err);
	/* A wrong setting deserves a warning; a machine without RDMA does not. */
	if (c->stay.status == GW_ERR_INVALID)
		gw_log_warn("RPC server %s: RDMA is not used: %s", c->name, c->stay.text);
	return GW_OK;
}

/* gw_upgrade_channel: one message there, one back. */
static enum gw_status send_message(void *user, const void *body, size_t size, struct gw_error *err)
{
	struct handshake *h = user;
	struct gw_client *c = h->c;
	gw_client_put_header(c, gw_transport_upgrade->command, size);
	gw_outq_put(&c->out, body, size);
	h->deadline = gw_clock_deadline(h->timeout_ms + GW_UPGRADE_STEP_MS);
	return gw_outq_send(&c->out, NULL, 0, err);
}

static enum gw_status receive_message(void *user, void *body, size_t max, size_t *size, struct gw_error *err)
{
	const struct handshake *h = user;
	struct gw_client *c = h->c;
	enum gw_status status = await(h, GW_REPLY_HEADER, err);
	if (status)
		return status;
	uint64_t length = gw_le64(gw_inbuf_take(&c->in, GW_REPLY_HEADER));
	if (length > max)
		return gw_error_set(err, GW_ERR_PROTOCOL, "server at %s: malformed reply to %s", c->name,
			gw_cmd_name(gw_transport_upgrade->command));
	status = await(h, (size_t)length, err);
	if (status)
		return status;
	*size = (size_t)length;
	memcpy(body, gw_inbuf_take(&c->in, *size), *size);
	return GW_OK;
}

/* The server has switched but this side cannot: a new connection without an upgrade is the only way. */
static enum gw_status give_up(struct handshake *h, const char *why, struct gw_error *err)
{
	h->start_over = h->mode == GW_TRANSPORT_AUTO;
	return gw_error_set(
		err, GW_ERR_UNSUPPORTED, "server at %s switched to RDMA, but this side cannot: %s", h->c->name, why);
}

static enum gw_status complete_upgrade(
	struct handshake *h, struct gw_upgrade *upgrade, const uint8_t theirs[GW_UPGRADE_CAPS], struct gw_error *err)
{
	const struct gw_upgrade_kind *kind = gw_transport_upgrade;
	const struct gw_upgrade_channel channel = {h, send_message, receive_message};
	struct gw_client *c = h->c;
	struct gw_transport *t;
	enum gw_status status =
		kind->complete(upgrade, theirs, c->extensions >= kind->level ? &channel : NULL, &t, &c->stay);
	if (status == GW_ERR_UNSUPPORTED)
		return give_up(h, c->stay.text, err);
	if (status) {
		if (err)
			*err = c->stay;
		return status;
	}
	if (!t)
		return GW_OK;
	c->transport = c->in.transport = c->out.transport = t;
	if (gw_inbuf_len(&c->in) > 0)
		return give_up(h, "the server has sent more than its answer", err);
	c->upgraded = true;
	c->stay = (struct gw_error){0};
	return GW_OK;
}

static enum gw_status shake_hands(struct handshake *h, struct gw_upgrade **upgrade, struct gw_error *err)
{
	struct gw_client *c = h->c;
	struct gw_wire_hello_req hello;
	struct gw_wire_hello_rsp answer;
	enum gw_status status = offer_upgrade(h, hello.caps, upgrade, err);
	if (!status) {
		send_hello(c, &hello);
		status = receive_answer(h, &answer, err);
	}
	if (!status)
		status = choose_dialect(c, &answer, err);
	if (!status && *upgrade) {
		struct gw_upgrade *taken = *upgrade;
		*upgrade = NULL;
		status = complete_upgrade(h, taken, answer.caps, err);
	}
	if (status || c->upgraded)
		return status;
	gw_log_debug("RPC server %s: stays on TCP: %s", c->name, c->stay.text);
	return h->mode == GW_TRANSPORT_RDMA ? demanded(c, err) : GW_OK;
}

enum gw_status gw_client_handshake(
	struct gw_client *c, enum gw_transport_mode mode, int timeout_ms, bool *start_over, struct gw_error *err)
{
	struct handshake h = {.c = c, .mode = mode, .timeout_ms = timeout_ms};
	struct gw_upgrade *upgrade = NULL;
	enum gw_status status = shake_hands(&h, &upgrade, err);
	gw_transport_upgrade->drop(upgrade);
	*start_over = h.start_over;
	return status;
}
