/* The server's side of going over to RDMA. The client may be a stock one, which begins over RDMA right after the reply
 * to HELLO, or a ggwire one, which asks on TCP first; HELLO does not say. So the queue pair that the reply announces is
 * up before the reply is sent, and the client's first bytes decide. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "rpc/connection_private.h"
#include "rpc/rdma_message.h"

#define SAY_MS 5000 /* a device gives up after about two seconds */

static void stays(struct gw_connection *p, const char *why)
{
	gw_error_set(&p->stay, GW_ERR_UNSUPPORTED, "%s", why);
}

/* What a user has set and does not exist is worth a warning; a machine without RDMA is not. */
static void stays_for(struct gw_connection *p, const struct gw_error *why)
{
	p->stay = *why;
	if (why->status == GW_ERR_INVALID)
		gw_log_warn("%s: RDMA is not used: %s", gw_connection_name(p), why->text);
}

static void drop(struct gw_connection *p)
{
	gw_rdma_free(p->rdma);
	p->rdma = NULL;
}

static void change(struct gw_connection *p)
{
	struct gw_transport *t = gw_rdma_start(p->rdma, p->transport);
	p->rdma = NULL;
	p->transport = p->in.transport = p->out.transport = t;
	p->in.spin_ns = 0;
	p->on_rdma = true;
}

static enum gw_status bring_up(
	struct gw_connection *p, enum gw_rdma_path path, const struct gw_rdma_address *client, struct gw_error *why)
{
	enum gw_status status = gw_rdma_probe(p->transport, client->kind, &p->rdma, why);
	if (status)
		return status;
	status = gw_rdma_activate(p->rdma, path, client, why);
	if (status)
		drop(p);
	return status;
}

enum gw_status gw_connection_announce(
	struct gw_connection *p, const uint8_t theirs[GW_WIRE_CAPS], uint8_t ours[GW_WIRE_CAPS], struct gw_error *err)
{
	struct gw_rdma_address client;
	struct gw_error why;
	memset(ours, 0, GW_WIRE_CAPS);
	if (p->mode == GW_TRANSPORT_AUTO && gw_transport_mode_from_env(&p->mode, err))
		return GW_ERR_INVALID;
	if (p->mode == GW_TRANSPORT_TCP)
		stays(p, "the server is set to TCP");
	else if (!gw_wire_caps_any(theirs))
		stays(p, "the client announces no RDMA");
	else if (!gw_rdma_take_caps(theirs, &client))
		stays(p, "what the client announces is no queue pair on Linux");
	else if (bring_up(p, GW_RDMA_PATH_STOCK, &client, &why))
		stays_for(p, &why);
	else
		gw_rdma_put_caps(p->rdma, ours);
	return GW_OK;
}

static enum gw_status receive(struct gw_connection *p, uint8_t step, struct gw_ext_rdma *m, struct gw_error *err)
{
	uint8_t body[GW_EXT_RDMA_MAX];
	unsigned cmd;
	uint64_t size;
	enum gw_status status = gw_connection_header(p, &cmd, &size, err);
	if (status)
		return status;
	if (cmd != GW_CMD_EXT_RDMA || size > sizeof(body))
		return gw_error_set(err, GW_ERR_PROTOCOL, "command %u of %llu bytes where EXT_RDMA was expected", cmd,
			(unsigned long long)size);
	status = gw_connection_read(p, body, size, err);
	if (!status && !gw_ext_rdma_decode(body, size, step, m))
		status = gw_error_set(err, GW_ERR_PROTOCOL, "EXT_RDMA cannot be decoded");
	return status;
}

static enum gw_status answer(struct gw_connection *p, const struct gw_ext_rdma *m, struct gw_error *err)
{
	uint8_t body[GW_EXT_RDMA_MAX];
	enum gw_status status = gw_connection_reply(p, body, gw_ext_rdma_encode(m, body), err);
	return status ? status : gw_connection_flush(p, err);
}

/* No's reason is the client's to log. */
static void refuse(struct gw_ext_rdma *m, const char *reason)
{
	m->yes = false;
	snprintf(m->reason, sizeof(m->reason), "%.*s", GW_EXT_TEXT - 1, reason);
}

static enum gw_status accept_offer(struct gw_connection *p, const struct gw_ext_rdma *offer, struct gw_error *why)
{
	struct gw_rdma_address client;
	if (p->mode == GW_TRANSPORT_TCP)
		return gw_error_set(why, GW_ERR_UNSUPPORTED, "the server is set to TCP");
	if (!gw_rdma_take_offer(offer, &client))
		return gw_error_set(why, GW_ERR_UNSUPPORTED, "the client's address is none");
	return bring_up(p, GW_RDMA_PATH_GGWIRE, &client, why);
}

static enum gw_status confirm(struct gw_connection *p, struct gw_error *err)
{
	struct gw_ext_rdma confirmed, reply = {.step = GW_EXT_RDMA_CONFIRM, .yes = true};
	struct gw_error why;
	enum gw_status status = receive(p, GW_EXT_RDMA_CONFIRM, &confirmed, err);
	if (status)
		return status;
	if (!confirmed.yes) {
		stays(p, confirmed.reason);
		refuse(&reply, "");
	} else if (gw_rdma_hear(p->rdma, SAY_MS, &why) || gw_rdma_say(p->rdma, SAY_MS, &why)) {
		stays_for(p, &why);
		refuse(&reply, why.text);
	}
	status = answer(p, &reply, err);
	if (status || !reply.yes)
		drop(p);
	else
		change(p);
	return status;
}

/* The client asks for RDMA: both bring up their ends, and both say on TCP that messages have arrived, before anything
 * else travels over it. */
static enum gw_status negotiate(struct gw_connection *p, struct gw_error *err)
{
	struct gw_ext_rdma offer, reply = {.step = GW_EXT_RDMA_OFFER};
	struct gw_error why;
	enum gw_status status = receive(p, GW_EXT_RDMA_OFFER, &offer, err);
	if (status)
		return status;
	if (accept_offer(p, &offer, &why)) {
		stays_for(p, &why);
		refuse(&reply, why.text);
	} else {
		gw_rdma_put_offer(p->rdma, &reply);
	}
	status = answer(p, &reply, err);
	if (status)
		drop(p);
	return status || !p->rdma ? status : confirm(p, err);
}

/* The client's first request is on TCP. */
static enum gw_status settle_on_tcp(struct gw_connection *p, struct gw_error *err)
{
	const struct gw_transport *tcp = p->transport;
	enum gw_status status = gw_connection_checked(p, gw_inbuf_fill(&p->in, 1, err));
	if (!status && *gw_inbuf_peek(&p->in) == GW_CMD_EXT_RDMA && !gw_transport_stock_only())
		status = negotiate(p, err);
	if (status || p->transport != tcp)
		return status;
	gw_log_debug("%s: stays on TCP: %s", gw_connection_name(p), p->stay.text);
	if (p->mode == GW_TRANSPORT_RDMA)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "the server is set to RDMA alone, and %s", p->stay.text);
	return GW_OK;
}

enum gw_status gw_connection_settle(struct gw_connection *p, struct gw_error *err)
{
	bool over_rdma = false;
	if (p->rdma && gw_inbuf_len(&p->in) == 0) {
		enum gw_status status = gw_rdma_await_first(p->rdma, p->transport, &over_rdma, err);
		if (status)
			return gw_connection_checked(p, status);
	}
	if (over_rdma) {
		change(p);
		return GW_OK;
	}
	if (p->rdma) {
		drop(p);
		stays(p, "the client does");
	}
	return settle_on_tcp(p, err);
}
