/* How many bytes one client may make its server hold, and how many it does: buffers, graphs, scratch memory. Single
 * owner, no locking. */
#ifndef GW_DEVICE_MEMORY_BUDGET_H
#define GW_DEVICE_MEMORY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* An all-zero budget has no bound. */
struct gw_budget {
	uint64_t max; /* bytes; 0 = no bound */
	uint64_t used;
};

/* The part of a budget of max bytes that buffers leave alone: a client that has filled its memory with weights can
 * still compute. */
static inline uint64_t gw_budget_reserve(uint64_t max)
{
	const uint64_t most = UINT64_C(256) << 20;
	return max / 16 < most ? max / 16 : most;
}

/* Bytes that can still be taken. */
static inline uint64_t gw_budget_left(const struct gw_budget *b)
{
	if (b->max == 0)
		return UINT64_MAX - b->used;
	return b->max > b->used ? b->max - b->used : 0;
}

/* Takes n bytes, or none and returns false if they are not left. NULL has no bound. */
static inline bool gw_budget_take(struct gw_budget *b, uint64_t n)
{
	if (!b)
		return true;
	if (n > gw_budget_left(b))
		return false;
	b->used += n;
	return true;
}

/* Says that n bytes for something ("the graph") could not be taken: GW_ERR_LIMIT. */
enum gw_status gw_budget_refuse(const struct gw_budget *b, uint64_t n, const char *what, struct gw_error *err);

/* Gives back what was taken. */
static inline void gw_budget_give(struct gw_budget *b, uint64_t n)
{
	if (b)
		b->used -= n;
}

#endif
