#include "wire/dialect.h"

#include <stdio.h>
#include <string.h>

#define BIT(cmd) (UINT32_C(1) << (cmd))

/* What a request without a result was answered with, until 6.0. */
#define EMPTY_4 (BIT(GW_CMD_FREE_BUFFER) | BIT(GW_CMD_BUFFER_CLEAR) | BIT(GW_CMD_INIT_TENSOR))
#define EMPTY_5 (EMPTY_4 | BIT(GW_CMD_MEMSET_TENSOR))

#define COMMANDS_4 (GW_CMD_GRAPH_RECOMPUTE + 1)
#define COMMANDS_5 (GW_CMD_MEMSET_TENSOR + 1)

/* The versions before the newest, oldest first; a field that is not named is false. */
static const struct gw_dialect older[] = {
	{.version = {4, 0, 0},
		.n_commands = COMMANDS_4,
		.empty_reply = EMPTY_4,
		.ops = &gw_ops_96,
		.types = &gw_types_42},
	{.version = {4, 0, 1},
		.n_commands = COMMANDS_4,
		.empty_reply = EMPTY_4,
		.ops = &gw_ops_97,
		.types = &gw_types_42},
	{.version = {4, 0, 2},
		.n_commands = COMMANDS_4,
		.empty_reply = EMPTY_4,
		.ops = &gw_ops_98,
		.types = &gw_types_43},
	{.version = {4, 0, 3},
		.n_commands = COMMANDS_4,
		.empty_reply = EMPTY_4,
		.ops = &gw_ops_101,
		.types = &gw_types_43},
	{.version = {5, 0, 0},
		.n_commands = COMMANDS_5,
		.empty_reply = EMPTY_5,
		.ops = &gw_ops_101,
		.types = &gw_types_43},
	{.version = {5, 1, 0},
		.n_commands = COMMANDS_5,
		.empty_reply = EMPTY_5,
		.use_count = true,
		.ops = &gw_ops_101,
		.types = &gw_types_43},
	{.version = {6, 0, 0},
		.n_commands = COMMANDS_5,
		.use_count = true,
		.asks_more_sizes = true,
		.ops = &gw_ops_101,
		.types = &gw_types_43},
	{.version = {7, 0, 0},
		.n_commands = COMMANDS_5,
		.cache_flag = true,
		.use_count = true,
		.hash_weights_only = true,
		.asks_more_sizes = true,
		.ops = &gw_ops_101,
		.types = &gw_types_43},
};

const struct gw_dialect gw_dialect_8_0 = {
	.version = {8, 0, 0},
	.n_commands = GW_CMD_STOCK_COUNT,
	.cache_flag = true,
	.use_count = true,
	.graph_uid = true,
	.hash_weights_only = true,
	.asks_more_sizes = true,
	.ops = &gw_ops_101,
	.types = &gw_types_43,
};

#define N_OLDER (sizeof(older) / sizeof(older[0]))

const struct gw_dialect *gw_dialect_at(size_t i)
{
	if (i < N_OLDER)
		return &older[i];
	return i == N_OLDER ? &gw_dialect_8_0 : NULL;
}

static bool is_written(struct gw_version v, const char *text)
{
	char full[16];
	snprintf(full, sizeof(full), "%u.%u.%u", v.major, v.minor, v.patch);
	if (strcmp(text, full) == 0)
		return true;
	snprintf(full, sizeof(full), "%u.%u", v.major, v.minor);
	return v.patch == 0 && strcmp(text, full) == 0;
}

const struct gw_dialect *gw_dialect_parse(const char *text)
{
	const struct gw_dialect *d;
	for (size_t i = 0; (d = gw_dialect_at(i)); i++)
		if (is_written(d->version, text))
			return d;
	return NULL;
}

static bool serves(const struct gw_dialect *d, struct gw_version version)
{
	return d->version.major == version.major && gw_version_at_least(version, d->version);
}

const struct gw_dialect *gw_dialect_for(struct gw_version version, bool *newer)
{
	const struct gw_dialect *best = NULL;
	const struct gw_dialect *d;
	for (size_t i = 0; (d = gw_dialect_at(i)); i++)
		if (serves(d, version))
			best = d;
	if (best && newer)
		*newer = !gw_version_at_least(best->version, version);
	return best;
}

/* Commands with a reply that has a body, in every dialect that has the command. */
static const uint32_t body_replies = BIT(GW_CMD_ALLOC_BUFFER) | BIT(GW_CMD_GET_ALIGNMENT) | BIT(GW_CMD_GET_MAX_SIZE) |
				     BIT(GW_CMD_BUFFER_GET_BASE) | BIT(GW_CMD_SET_TENSOR_HASH) |
				     BIT(GW_CMD_GET_TENSOR) | BIT(GW_CMD_COPY_TENSOR) | BIT(GW_CMD_GET_DEVICE_MEMORY) |
				     BIT(GW_CMD_GET_ALLOC_SIZE) | BIT(GW_CMD_HELLO) | BIT(GW_CMD_DEVICE_COUNT) |
				     BIT(GW_CMD_GET_TENSOR_2D) | BIT(GW_CMD_COMM_INIT);

static bool is_silent_extension(unsigned cmd)
{
	return cmd == GW_CMD_EXT_ALIVE || (cmd >= GW_CMD_EXT_GROUP && cmd <= GW_CMD_EXT_RECEIVE);
}

enum gw_reply gw_dialect_reply(const struct gw_dialect *dialect, unsigned cmd)
{
	if (cmd >= GW_CMD_EXT_FIRST && cmd < GW_CMD_EXT_END)
		return is_silent_extension(cmd) ? GW_REPLY_NONE : GW_REPLY_BODY;
	if (!gw_dialect_has(dialect, cmd))
		return GW_REPLY_NONE;
	if (dialect->empty_reply & BIT(cmd))
		return GW_REPLY_EMPTY;
	return body_replies & BIT(cmd) ? GW_REPLY_BODY : GW_REPLY_NONE;
}
