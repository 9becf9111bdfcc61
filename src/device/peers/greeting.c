#include "device/peers/greeting.h"

#include <string.h>

#include "transport/list/transports.h"

/* The other server sends this little at once. */
#define HANDSHAKE_MS 5000
/* All servers compute parts of the same graph, but one may be much slower. */
#define PATIENCE 4

static enum gw_status send_caps(struct gw_transport *t, const uint8_t caps[GW_UPGRADE_CAPS], struct gw_error *err)
{
	const struct iovec iov = {(void *)(uintptr_t)caps, GW_UPGRADE_CAPS};
	return t->ops->sendv(t, &iov, 1, err);
}

static enum gw_status receive_caps(struct gw_transport *t, uint8_t caps[GW_UPGRADE_CAPS], struct gw_error *err)
{
	const struct iovec iov = {caps, GW_UPGRADE_CAPS};
	size_t got;
	return t->ops->recvv(t, &iov, 1, GW_UPGRADE_CAPS, &got, err);
}

/* The order is HELLO's, with the server that connects in the client's place. *link is replaced by what follows it. */
static enum gw_status greet(struct gw_transport **link, bool rdma, struct gw_error *err)
{
	uint8_t ours[GW_UPGRADE_CAPS] = {0}, theirs[GW_UPGRADE_CAPS];
	struct gw_upgrade *upgrade = NULL;
	struct gw_transport *over = NULL;
	struct gw_error why;
	if (rdma && gw_transport_upgrade->offer(*link, ours, &upgrade, &why))
		memset(ours, 0, sizeof(ours));
	enum gw_status status = send_caps(*link, ours, err);
	if (!status)
		status = receive_caps(*link, theirs, err);
	if (status || !upgrade) {
		gw_transport_upgrade->drop(upgrade);
		return status;
	}
	status = gw_transport_upgrade->complete(upgrade, theirs, NULL, &over, &why);
	if (over)
		*link = over;
	if (status && err)
		*err = why;
	return status;
}

static enum gw_status answer(struct gw_transport **link, bool rdma, struct gw_error *err)
{
	uint8_t ours[GW_UPGRADE_CAPS] = {0}, theirs[GW_UPGRADE_CAPS];
	struct gw_upgrade *upgrade = NULL;
	struct gw_error why;
	enum gw_status status = receive_caps(*link, theirs, err);
	if (status)
		return status;
	if (rdma)
		(void)gw_transport_upgrade->accept(*link, theirs, ours, &upgrade, &why);
	status = send_caps(*link, ours, err);
	if (!status && upgrade)
		*link = gw_transport_upgrade->go_over(upgrade);
	else
		gw_transport_upgrade->drop(upgrade);
	return status;
}

static enum gw_status demand_rdma(const struct gw_transport *before, const struct gw_transport *after,
	enum gw_transport_mode mode, struct gw_error *err)
{
	if (mode == GW_TRANSPORT_RDMA && before->keep_encrypted)
		return gw_upgrade_keeps_encrypted(err);
	if (mode == GW_TRANSPORT_RDMA && before == after)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "this server is set to RDMA alone");
	return GW_OK;
}

enum gw_status gw_peers_greet(
	struct gw_transport **link, bool listened, enum gw_transport_mode mode, struct gw_error *err)
{
	struct gw_transport *before = *link;
	if (mode == GW_TRANSPORT_AUTO)
		(void)gw_transport_mode_from_env(&mode, NULL);
	bool rdma = mode != GW_TRANSPORT_TCP && !(*link)->keep_encrypted;
	(*link)->silence_ms = HANDSHAKE_MS;
	enum gw_status status = listened ? answer(link, rdma, err) : greet(link, rdma, err);
	if (!status)
		status = demand_rdma(before, *link, mode, err);
	(*link)->silence_ms = PATIENCE * gw_transport_timeout_ms();
	return status;
}
