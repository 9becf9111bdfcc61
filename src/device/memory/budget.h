/* How many bytes one client may make its server hold, and how many it does: buffers, graphs, scratch memory. A client
 * with several connections can have one budget for all, of which each connection holds a part. A struct gw_budget is
 * one connection's; one thread at a time uses it. */
#ifndef GW_DEVICE_MEMORY_BUDGET_H
#define GW_DEVICE_MEMORY_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* What connects the parts of a budget, also those of other processes. */
struct gw_budget_share {
	_Atomic uint64_t *own; /* where the others read what this part holds */

	/* How many bytes the others hold: all that they had stored at own before this was called. */
	uint64_t (*others)(void *user);
	void *user;
};

/* An all-zero budget has no bound. */
struct gw_budget {
	uint64_t max; /* bytes; 0 = no bound */
	uint64_t used;
	const struct gw_budget_share *share; /* lent; NULL: there are no other parts. Unused without a bound */
};

/* The part of a budget of max bytes that buffers leave alone: a client that has filled its memory with weights can
 * still compute. */
static inline uint64_t gw_budget_reserve(uint64_t max)
{
	const uint64_t most = UINT64_C(256) << 20;
	return max / 16 < most ? max / 16 : most;
}

/* Bytes that other connections hold. */
uint64_t gw_budget_others(const struct gw_budget *b);

/* Bytes that can still be taken. */
uint64_t gw_budget_left(const struct gw_budget *b);

/* Takes n bytes, or none and returns false if they are not left. Of two connections that take the last bytes at the
 * same time, at most one gets them. NULL has no bound. */
bool gw_budget_take(struct gw_budget *b, uint64_t n);

/* Gives back what was taken. */
void gw_budget_give(struct gw_budget *b, uint64_t n);

/* Makes *taken bytes n, or 0 and returns false if they are not left. Only the difference is taken or given, so no other
 * connection can take what is held already. */
bool gw_budget_resize(struct gw_budget *b, uint64_t *taken, uint64_t n);

/* The client has left: the others no longer see what this part holds until it is freed. */
void gw_budget_leave(struct gw_budget *b);

/* Says that n bytes for something ("the graph") could not be taken: GW_ERR_LIMIT. */
enum gw_status gw_budget_refuse(const struct gw_budget *b, uint64_t n, const char *what, struct gw_error *err);

#endif
