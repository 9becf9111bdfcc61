/* In place of upgrade.c in builds without RDMA: it offers nothing, and declines what a client offers. */
#include <string.h>

#include "transport/rdma/message.h"
#include "transport/rdma/upgrade.h"
#include "wire/command.h"

static enum gw_status not_built(struct gw_error *why)
{
	return gw_error_because(
		why, GW_UPGRADE_CAUSE_NOT_BUILT, gw_error_set(why, GW_ERR_UNSUPPORTED, "this build has no RDMA"));
}

static enum gw_status none_offer(
	struct gw_transport *t, uint8_t caps[GW_UPGRADE_CAPS], struct gw_upgrade **out, struct gw_error *why)
{
	(void)t;
	(void)caps;
	(void)out;
	return not_built(why);
}

static enum gw_status none_accept(struct gw_transport *t, const uint8_t theirs[GW_UPGRADE_CAPS],
	uint8_t ours[GW_UPGRADE_CAPS], struct gw_upgrade **out, struct gw_error *why)
{
	(void)t;
	(void)theirs;
	(void)out;
	memset(ours, 0, GW_UPGRADE_CAPS);
	return not_built(why);
}

static enum gw_status none_negotiate(struct gw_transport *t, const struct gw_upgrade_channel *channel,
	const struct gw_error *refusal, struct gw_transport **out, struct gw_error *why)
{
	struct gw_rdma_message offer;
	struct gw_error err;
	(void)t;
	*out = NULL;
	enum gw_status status = gw_rdma_message_receive(channel, GW_RDMA_OFFER, &offer, why);
	if (status)
		return status;
	(void)not_built(why);
	status = gw_rdma_message_decline(channel, GW_RDMA_OFFER, refusal ? refusal : why, &err);
	if (status)
		*why = err;
	return status;
}

static void none_drop(struct gw_upgrade *u)
{
	(void)u;
}

static enum gw_status none_describe(const uint8_t address[16], char *out, size_t size, struct gw_error *why)
{
	(void)address;
	(void)out;
	(void)size;
	return not_built(why);
}

/* Nothing is offered or accepted, so nothing is completed or awaited. */
const struct gw_upgrade_kind gw_rdma_upgrade = {
	.command = GW_CMD_EXT_RDMA,
	.level = GW_EXT_LEVEL_RDMA,
	.offer = none_offer,
	.accept = none_accept,
	.negotiate = none_negotiate,
	.drop = none_drop,
	.check = not_built,
	.describe = none_describe,
};
