/* The order of events is in docs/rdma.md, "The handshake". A stock peer switches by itself, right after HELLO; between
 * ggwire peers both ends confirm over TCP that a message has arrived in each direction before anything else moves. */
#include "transport/rdma/upgrade.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "transport/rdma/ggwire_path.h"
#include "transport/rdma/message.h"
#include "transport/rdma/pair.h"
#include "transport/rdma/stock_path.h"
#include "transport/rdma/wait.h"
#include "transport/tcp/stream.h"
#include "transport/tls/tls.h"
#include "wire/command.h"

#define PROBE_MS 5000 /* a device gives up after about two seconds */
_Static_assert(2 * PROBE_MS <= GW_UPGRADE_STEP_MS, "a server probes in both directions between two messages");

static struct gw_rdma *rdma_of(struct gw_upgrade *u)
{
	return (struct gw_rdma *)u;
}

static struct gw_upgrade *upgrade_of(struct gw_rdma *r)
{
	return (struct gw_upgrade *)r;
}

/* The library loads a driver when it first lists the driver's device, and keeps it. */
static void rdma_warm_up(void)
{
	const struct gw_verbs *v = gw_verbs_get(NULL);
	struct ibv_device **list = v ? v->get_device_list(NULL) : NULL;
	if (list)
		v->free_device_list(list);
}

static void rdma_drop(struct gw_upgrade *u)
{
	gw_rdma_free(rdma_of(u));
}

static enum gw_status not_offered(struct gw_error *why, const char *text)
{
	return gw_error_because(why, GW_UPGRADE_CAUSE_NOT_OFFERED, gw_error_set(why, GW_ERR_UNSUPPORTED, "%s", text));
}

/* Between HELLO and this, the client knows nothing about the server. */
static enum gw_status rdma_offer(
	struct gw_transport *t, uint8_t caps[GW_UPGRADE_CAPS], struct gw_upgrade **out, struct gw_error *why)
{
	struct gw_rdma_address local;
	struct gw_rdma *r;
	enum gw_status status = gw_rdma_open(t, GW_RDMA_ROCE | GW_RDMA_INFINIBAND, &r, why);
	if (status)
		return status;
	gw_rdma_local(r, &gw_rdma_stock_path, &local);
	gw_rdma_caps_encode(&local, caps);
	*out = upgrade_of(r);
	return GW_OK;
}

/* A stock server that announced RDMA has switched: the client must follow. */
static enum gw_status follow_stock(
	struct gw_rdma *r, const uint8_t theirs[GW_UPGRADE_CAPS], struct gw_transport **out, struct gw_error *why)
{
	struct gw_rdma_address at;
	if (!gw_rdma_caps_any(theirs)) {
		(void)not_offered(why, "the server announces no RDMA");
		return GW_OK;
	}
	if (!gw_rdma_caps_decode(theirs, &at))
		return not_offered(why, "what the server announces is not a queue pair on Linux");
	if (gw_rdma_activate(r, &gw_rdma_stock_path, &at, why))
		return GW_ERR_UNSUPPORTED;
	*out = gw_rdma_start(r);
	return GW_OK;
}

static enum gw_status bring_up(
	struct gw_rdma *r, const struct gw_rdma_path *path, const struct gw_rdma_address *peer, struct gw_error *why)
{
	if (!gw_rdma_address_ok(peer))
		return not_offered(why, "the other end's address is not valid");
	return gw_rdma_activate(r, path, peer, why);
}

static void stays_because_of_server(const struct gw_rdma_message *no, struct gw_error *why)
{
	(void)gw_error_because(
		why, no->cause, gw_error_set(why, GW_ERR_UNSUPPORTED, "the server cannot use RDMA: %s", no->reason));
}

/* This end failed for the reason in why. The server is told and stays on TCP, too. */
static enum gw_status withdraw(const struct gw_upgrade_channel *channel, struct gw_error *why)
{
	struct gw_error reason = *why, err;
	struct gw_rdma_message reply;
	gw_error_prefix(&reason, "the client cannot use RDMA");
	enum gw_status status = gw_rdma_message_decline(channel, GW_RDMA_CONFIRM, &reason, &err);
	if (!status)
		status = gw_rdma_message_receive(channel, GW_RDMA_CONFIRM, &reply, &err);
	if (status)
		*why = err;
	return status;
}

static enum gw_status confirm(
	struct gw_rdma *r, const struct gw_upgrade_channel *channel, struct gw_transport **out, struct gw_error *why)
{
	struct gw_rdma_message reply;
	enum gw_status status =
		gw_rdma_message_send(channel, &(struct gw_rdma_message){.step = GW_RDMA_CONFIRM, .yes = true}, why);
	if (!status)
		status = gw_rdma_message_receive(channel, GW_RDMA_CONFIRM, &reply, why);
	if (status)
		return status;
	if (!reply.yes) {
		stays_because_of_server(&reply, why);
		return GW_OK;
	}
	/* The server has switched, and its device reported that its probe arrived. */
	status = gw_rdma_await_probe(r, PROBE_MS, why);
	if (!status)
		*out = gw_rdma_start(r);
	return status;
}

static struct gw_rdma_message offer_of(const struct gw_rdma *r)
{
	struct gw_rdma_message offer = {.step = GW_RDMA_OFFER, .yes = true};
	gw_rdma_local(r, &gw_rdma_ggwire_path, &offer.address);
	return offer;
}

static enum gw_status follow_ggwire(
	struct gw_rdma *r, const struct gw_upgrade_channel *channel, struct gw_transport **out, struct gw_error *why)
{
	const struct gw_rdma_message offer = offer_of(r);
	struct gw_rdma_message reply;
	enum gw_status status = gw_rdma_message_send(channel, &offer, why);
	if (!status)
		status = gw_rdma_message_receive(channel, GW_RDMA_OFFER, &reply, why);
	if (status)
		return status;
	if (!reply.yes) {
		stays_because_of_server(&reply, why);
		return GW_OK;
	}
	if (bring_up(r, &gw_rdma_ggwire_path, &reply.address, why) || gw_rdma_send_probe(r, PROBE_MS, why))
		return withdraw(channel, why);
	return confirm(r, channel, out, why);
}

static enum gw_status rdma_complete(struct gw_upgrade *u, const uint8_t theirs[GW_UPGRADE_CAPS],
	const struct gw_upgrade_channel *channel, struct gw_transport **out, struct gw_error *why)
{
	*out = NULL;
	enum gw_status status =
		channel ? follow_ggwire(rdma_of(u), channel, out, why) : follow_stock(rdma_of(u), theirs, out, why);
	if (!*out)
		rdma_drop(u);
	return status;
}

/* A queue pair for the client's kind of address, brought up towards it. */
static enum gw_status answer(struct gw_transport *t, const struct gw_rdma_path *path,
	const struct gw_rdma_address *client, struct gw_rdma **out, struct gw_error *why)
{
	struct gw_rdma *r;
	enum gw_status status = gw_rdma_open(t, client->kind, &r, why);
	if (status)
		return status;
	status = gw_rdma_activate(r, path, client, why);
	if (status)
		gw_rdma_free(r);
	else
		*out = r;
	return status;
}

/* HELLO does not say whether the client is a stock one, which switches right after the reply. So the queue pair that
 * the reply announces is up before the reply is sent, and the client's first bytes decide. */
static enum gw_status rdma_accept(struct gw_transport *t, const uint8_t theirs[GW_UPGRADE_CAPS],
	uint8_t ours[GW_UPGRADE_CAPS], struct gw_upgrade **out, struct gw_error *why)
{
	struct gw_rdma_address client, local;
	struct gw_rdma *r;
	memset(ours, 0, GW_UPGRADE_CAPS);
	if (!gw_rdma_caps_any(theirs))
		return not_offered(why, "the client announces no RDMA");
	if (!gw_rdma_caps_decode(theirs, &client))
		return not_offered(why, "what the client announces is not a queue pair on Linux");
	enum gw_status status = answer(t, &gw_rdma_stock_path, &client, &r, why);
	if (status)
		return status;
	gw_rdma_local(r, &gw_rdma_stock_path, &local);
	gw_rdma_caps_encode(&local, ours);
	*out = upgrade_of(r);
	return GW_OK;
}

static enum gw_status rdma_await_first(struct gw_upgrade *u, struct gw_transport **out, struct gw_error *err)
{
	struct gw_rdma *r = rdma_of(u);
	bool over_rdma = false;
	enum gw_status status = GW_OK;
	/* The socket does not show what TLS has received already. */
	if (gw_tls_inner(r->tcp) == r->tcp || !r->tcp->ops->readable(r->tcp, 0))
		status = gw_rdma_await_first(r, gw_stream_tcp_fd(gw_tls_inner(r->tcp)), &over_rdma, err);
	*out = NULL;
	if (!status && over_rdma)
		*out = gw_rdma_start(r);
	else
		rdma_drop(u);
	return status;
}

static struct gw_transport *rdma_go_over(struct gw_upgrade *u)
{
	return gw_rdma_start(rdma_of(u));
}

/* The client's confirmation, and the server's. Whether both are yes. */
static enum gw_status confirm_to_client(
	struct gw_rdma *r, const struct gw_upgrade_channel *channel, bool *yes, struct gw_error *why)
{
	struct gw_rdma_message confirmed;
	struct gw_error err;
	enum gw_status status = gw_rdma_message_receive(channel, GW_RDMA_CONFIRM, &confirmed, why);
	if (status)
		return status;
	if (!confirmed.yes)
		gw_error_because(why, confirmed.cause, gw_error_set(why, GW_ERR_UNSUPPORTED, "%s", confirmed.reason));
	*yes = confirmed.yes && !gw_rdma_await_probe(r, PROBE_MS, why) && !gw_rdma_send_probe(r, PROBE_MS, why);
	if (*yes)
		return gw_rdma_message_send(
			channel, &(struct gw_rdma_message){.step = GW_RDMA_CONFIRM, .yes = true}, why);
	status = gw_rdma_message_decline(channel, GW_RDMA_CONFIRM, why, &err);
	if (status)
		*why = err;
	return status;
}

static enum gw_status accept_offer(struct gw_transport *t, const struct gw_rdma_message *offer,
	const struct gw_error *refusal, struct gw_rdma **out, struct gw_error *why)
{
	if (refusal) {
		*why = *refusal;
		return GW_ERR_UNSUPPORTED;
	}
	if (!gw_rdma_address_ok(&offer->address))
		return not_offered(why, "the client's address is not valid");
	return answer(t, &gw_rdma_ggwire_path, &offer->address, out, why);
}

static enum gw_status rdma_negotiate(struct gw_transport *t, const struct gw_upgrade_channel *channel,
	const struct gw_error *refusal, struct gw_transport **out, struct gw_error *why)
{
	struct gw_rdma_message offer, reply;
	struct gw_rdma *r;
	bool yes = false;
	*out = NULL;
	enum gw_status status = gw_rdma_message_receive(channel, GW_RDMA_OFFER, &offer, why);
	if (status)
		return status;
	if (accept_offer(t, &offer, refusal, &r, why)) {
		struct gw_error err;
		status = gw_rdma_message_decline(channel, GW_RDMA_OFFER, why, &err);
		if (status)
			*why = err;
		return status;
	}
	reply = offer_of(r);
	status = gw_rdma_message_send(channel, &reply, why);
	if (!status)
		status = confirm_to_client(r, channel, &yes, why);
	if (status || !yes)
		gw_rdma_free(r);
	else
		*out = gw_rdma_start(r);
	return status;
}

static enum gw_status rdma_check(struct gw_error *why)
{
	return gw_verbs_get(why) ? GW_OK : GW_ERR_NOT_FOUND;
}

static enum gw_status rdma_describe(const uint8_t address[16], char *out, size_t size, struct gw_error *why)
{
	struct gw_rdma_port port;
	const struct gw_verbs *v = gw_verbs_get(why);
	if (!v)
		return GW_ERR_NOT_FOUND;
	enum gw_status status = gw_rdma_select(v, address, GW_RDMA_ROCE | GW_RDMA_INFINIBAND, &port, why);
	if (status)
		return status;
	v->close_device(port.context);
	snprintf(out, size, "%s port %u, GID %u, %s, packets of %u bytes", port.device, port.number, port.gid_index,
		port.kind == GW_RDMA_INFINIBAND ? "InfiniBand"
		: port.roce_v2                  ? "RoCE v2"
						: "RoCE v1",
		128U << port.mtu);
	return GW_OK;
}

const struct gw_upgrade_kind gw_rdma_upgrade = {
	.is_built = true,
	.command = GW_CMD_EXT_RDMA,
	.level = GW_EXT_LEVEL_RDMA,
	.warm_up = rdma_warm_up,
	.offer = rdma_offer,
	.complete = rdma_complete,
	.accept = rdma_accept,
	.await_first = rdma_await_first,
	.go_over = rdma_go_over,
	.negotiate = rdma_negotiate,
	.drop = rdma_drop,
	.check = rdma_check,
	.describe = rdma_describe,
};
