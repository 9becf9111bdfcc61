/* The client's side of HELLO. Nothing is known about who is at the other end until this is through. */
#include "base/clock.h"
#include "base/log.h"
#include "rpc/client_private.h"
#include "wire/cursor.h"
#include "wire/extension.h"
#include "wire/message.h"

static enum gw_status send_hello(struct gw_client *c, const struct gw_wire_hello_req *hello, struct gw_error *err)
{
	uint8_t body[GW_WIRE_HELLO_REQ];
	uint8_t size[8];
	const uint8_t cmd = GW_CMD_HELLO;
	size_t n = gw_wire_hello_req_encode(hello, body);
	gw_put_le64(size, n);
	gw_outq_put(&c->out, &cmd, sizeof(cmd));
	gw_outq_put(&c->out, size, sizeof(size));
	gw_outq_put(&c->out, body, n);
	return gw_outq_send(&c->out, NULL, 0, err);
}

static enum gw_status no_answer(const struct gw_client *c, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_TIMEOUT,
		"server at %s does not answer: it may be busy with another client (a stock RPC server serves one at a "
		"time), "
		"or it is not an RPC server",
		c->name);
}

static enum gw_status hung_up(const struct gw_client *c, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_PROTOCOL,
		"server at %s closed the connection on HELLO: it is not an RPC server, is older than protocol 4.0, or "
		"turns this machine away",
		c->name);
}

enum gw_status gw_client_await(struct gw_client *c, size_t n, uint64_t deadline, struct gw_error *err)
{
	while (gw_inbuf_len(&c->in) < n) {
		if (!c->transport->ops->readable(c->transport, gw_clock_ms_left(deadline)))
			return no_answer(c, err);
		/* One more byte and whatever comes with it: a peer that sends half an answer must not hold us. */
		enum gw_status status = gw_inbuf_fill(&c->in, gw_inbuf_len(&c->in) + 1, err);
		if (status)
			return hung_up(c, err);
	}
	return GW_OK;
}

static enum gw_status receive_answer(
	struct gw_client *c, int timeout_ms, struct gw_wire_hello_rsp *answer, struct gw_error *err)
{
	uint64_t deadline = gw_clock_deadline(timeout_ms);
	enum gw_status status = gw_client_await(c, GW_REPLY_HEADER, deadline, err);
	if (status)
		return status;
	if (gw_le64(gw_inbuf_take(&c->in, GW_REPLY_HEADER)) != GW_WIRE_HELLO_RSP)
		return gw_error_set(err, GW_ERR_PROTOCOL,
			"server at %s is not an RPC server: its answer to HELLO is none", c->name);
	status = gw_client_await(c, GW_WIRE_HELLO_RSP, deadline, err);
	if (status)
		return status;
	if (!gw_wire_hello_rsp_decode(gw_inbuf_take(&c->in, GW_WIRE_HELLO_RSP), GW_WIRE_HELLO_RSP, answer))
		return gw_error_set(err, GW_ERR_PROTOCOL,
			"server at %s is not an RPC server: its answer to HELLO is none", c->name);
	return GW_OK;
}

static enum gw_status no_dialect(const struct gw_client *c, struct gw_version theirs, struct gw_error *err)
{
	const struct gw_version *oldest = &gw_dialect_at(0)->version, *newest = &gw_dialect_newest.version;
	return gw_error_set(err, GW_ERR_UNSUPPORTED,
		"server at %s speaks RPC protocol %u.%u.%u, this client %u.%u.%u to %u.%u.%u: update the %s", c->name,
		theirs.major, theirs.minor, theirs.patch, oldest->major, oldest->minor, oldest->patch, newest->major,
		newest->minor, newest->patch, theirs.major < oldest->major ? "server" : "client");
}

static enum gw_status choose_dialect(struct gw_client *c, struct gw_version theirs, struct gw_error *err)
{
	bool newer = false;
	c->dialect = gw_dialect_for(theirs, &newer);
	if (!c->dialect)
		return no_dialect(c, theirs, err);
	if (newer)
		gw_log_warn(
			"RPC server %s: speaks RPC protocol %u.%u.%u, which is newer than this client; using %u.%u.%u",
			c->name, theirs.major, theirs.minor, theirs.patch, c->dialect->version.major,
			c->dialect->version.minor, c->dialect->version.patch);
	return GW_OK;
}

enum gw_status gw_client_handshake(struct gw_client *c, int timeout_ms, struct gw_error *err)
{
	struct gw_wire_hello_req hello;
	struct gw_wire_hello_rsp answer;
	enum gw_status status = gw_client_announce(c, hello.caps, err);
	if (status)
		return status;
	if (send_hello(c, &hello, err))
		return hung_up(c, err);
	status = receive_answer(c, timeout_ms, &answer, err);
	if (status)
		return status;
	status = choose_dialect(c, answer.version, err);
	if (status)
		return status;
	c->server = (struct gw_client_server){answer.version, answer.extensions};
	if (!gw_transport_stock_only())
		c->extensions = answer.extensions < GW_EXT_LEVEL ? answer.extensions : GW_EXT_LEVEL;
	return gw_client_settle(c, &answer, timeout_ms, err);
}
