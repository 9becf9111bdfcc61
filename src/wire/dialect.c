#include "wire/dialect.h"

#include <stddef.h>

const struct gw_dialect gw_dialect_8_0 = {
	.version = {8, 0, 0},
	.n_commands = GW_CMD_STOCK_COUNT,
	.empty_reply = 0,
	.cache_flag = true,
	.use_count = true,
	.graph_uid = true,
	.hash_weights_only = true,
	.ops = &gw_ops_101,
	.types = &gw_types_43,
};

/* Every version we speak, oldest first. */
static const struct gw_dialect *const dialects[] = {&gw_dialect_8_0};

static unsigned rank(struct gw_version v)
{
	return (unsigned)v.minor << 8 | v.patch;
}

const struct gw_dialect *gw_dialect_for(struct gw_version version, bool *newer)
{
	const struct gw_dialect *best = NULL;
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		const struct gw_dialect *d = dialects[i];
		if (d->version.major == version.major && rank(d->version) <= rank(version))
			best = d;
	}
	if (best && newer)
		*newer = rank(best->version) < rank(version);
	return best;
}

/* Commands with a reply that has a body, in every dialect that has the command. */
#define BIT(cmd) (UINT32_C(1) << (cmd))
static const uint32_t body_replies = BIT(GW_CMD_ALLOC_BUFFER) | BIT(GW_CMD_GET_ALIGNMENT) | BIT(GW_CMD_GET_MAX_SIZE) |
				     BIT(GW_CMD_BUFFER_GET_BASE) | BIT(GW_CMD_SET_TENSOR_HASH) |
				     BIT(GW_CMD_GET_TENSOR) | BIT(GW_CMD_COPY_TENSOR) | BIT(GW_CMD_GET_DEVICE_MEMORY) |
				     BIT(GW_CMD_GET_ALLOC_SIZE) | BIT(GW_CMD_HELLO) | BIT(GW_CMD_DEVICE_COUNT) |
				     BIT(GW_CMD_GET_TENSOR_2D) | BIT(GW_CMD_COMM_INIT);

enum gw_reply gw_dialect_reply(const struct gw_dialect *dialect, unsigned cmd)
{
	if (cmd >= GW_CMD_EXT_FIRST && cmd < GW_CMD_EXT_END)
		return GW_REPLY_BODY;
	if (!gw_dialect_has(dialect, cmd))
		return GW_REPLY_NONE;
	if (dialect->empty_reply & BIT(cmd))
		return GW_REPLY_EMPTY;
	return body_replies & BIT(cmd) ? GW_REPLY_BODY : GW_REPLY_NONE;
}
