/* What differs between protocol versions, as data. Source: docs/protocol.md, "Versions". */
#ifndef GW_WIRE_DIALECT_H
#define GW_WIRE_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/command.h"
#include "wire/ops.h"

struct gw_version {
	uint8_t major;
	uint8_t minor;
	uint8_t patch;
};

/* Whether version is least or a later one. */
static inline bool gw_version_at_least(struct gw_version version, struct gw_version least)
{
	unsigned a = (unsigned)version.major << 16 | (unsigned)version.minor << 8 | version.patch;
	unsigned b = (unsigned)least.major << 16 | (unsigned)least.minor << 8 | least.patch;
	return a >= b;
}

struct gw_dialect {
	struct gw_version version;
	unsigned n_commands;    /* ids from 0 to n_commands - 1 exist */
	uint32_t empty_reply;   /* bit i: command i is answered with a reply of size 0 */
	bool cache_flag;        /* SET_TENSOR carries the cache flag (7.0) */
	bool use_count;         /* rpc_tensor carries use_count (5.1) */
	bool graph_uid;         /* graphs are cached by uid (8.0); otherwise one graph a device is kept */
	bool hash_weights_only; /* SET_TENSOR_HASH is asked for weights only (7.0) */
	bool asks_more_sizes;   /* GET_ALLOC_SIZE is asked for more operations (6.0): docs/protocol.md, "Commands" */
	const struct gw_names *ops;
	const struct gw_names *types; /* that every release with this version has */
};

/* The newest dialect that this build speaks, which both ends use by default. */
extern const struct gw_dialect gw_dialect_8_0;
#define gw_dialect_newest gw_dialect_8_0

/* The dialect to use with a server that announces version, or NULL if there is none. An unknown minor or patch above
 * the newest known one of its major gets that newest one, and *newer is set (newer may be NULL). */
const struct gw_dialect *gw_dialect_for(struct gw_version version, bool *newer);

/* All dialects, oldest first; NULL from the end of the list on. */
const struct gw_dialect *gw_dialect_at(size_t i);

/* The dialect of a version as users write it: "4.0.2", or "4.0" for 4.0.0. NULL if there is none. */
const struct gw_dialect *gw_dialect_parse(const char *text);

/* How a command is answered. Variable-size replies are the caller's business. */
enum gw_reply {
	GW_REPLY_NONE,  /* not answered */
	GW_REPLY_EMPTY, /* answered with size 0 */
	GW_REPLY_BODY,  /* answered with a body */
};
enum gw_reply gw_dialect_reply(const struct gw_dialect *dialect, unsigned cmd);

/* Whether the dialect has the command; extension commands are not part of any dialect. */
static inline bool gw_dialect_has(const struct gw_dialect *dialect, unsigned cmd)
{
	return cmd < dialect->n_commands;
}

#endif
