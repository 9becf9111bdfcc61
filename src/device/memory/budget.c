#include "device/memory/budget.h"

#include <stddef.h>

uint64_t gw_budget_others(const struct gw_budget *b)
{
	return b->max > 0 && b->share ? b->share->others(b->share->user) : 0;
}

/* Without overflow: the others can be compromised. */
static uint64_t left_of(const struct gw_budget *b, uint64_t others)
{
	if (b->max == 0)
		return UINT64_MAX - b->used;
	return b->max > b->used && b->max - b->used > others ? b->max - b->used - others : 0;
}

uint64_t gw_budget_left(const struct gw_budget *b)
{
	return left_of(b, gw_budget_others(b));
}

/* The fence orders this before reading what the others hold. They do the same, so of two that take at the same time at
 * least one sees the other. */
static void show(const struct gw_budget *b)
{
	if (b->max == 0 || !b->share)
		return;
	atomic_store_explicit(b->share->own, b->used, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

bool gw_budget_take(struct gw_budget *b, uint64_t n)
{
	if (!b)
		return true;
	if (n > left_of(b, 0))
		return false;
	b->used += n;
	show(b);
	if (gw_budget_others(b) <= left_of(b, 0))
		return true;
	gw_budget_give(b, n);
	return false;
}

void gw_budget_give(struct gw_budget *b, uint64_t n)
{
	if (!b)
		return;
	b->used -= n;
	show(b);
}

bool gw_budget_resize(struct gw_budget *b, uint64_t *taken, uint64_t n)
{
	bool enough = n <= *taken || gw_budget_take(b, n - *taken);
	uint64_t before = *taken;
	*taken = enough ? n : 0;
	if (*taken < before)
		gw_budget_give(b, before - *taken);
	return enough;
}

void gw_budget_leave(struct gw_budget *b)
{
	if (b->share)
		atomic_store(b->share->own, 0);
	b->share = NULL;
}

enum gw_status gw_budget_refuse(const struct gw_budget *b, uint64_t n, const char *what, struct gw_error *err)
{
	uint64_t others = gw_budget_others(b);
	if (others > 0)
		return gw_error_set(err, GW_ERR_LIMIT,
			"%s needs %llu bytes, but only %llu of --max-memory %llu are left; the client's other "
			"connections hold %llu",
			what, (unsigned long long)n, (unsigned long long)gw_budget_left(b), (unsigned long long)b->max,
			(unsigned long long)others);
	return gw_error_set(err, GW_ERR_LIMIT, "%s needs %llu bytes, but only %llu of --max-memory %llu are left", what,
		(unsigned long long)n, (unsigned long long)gw_budget_left(b), (unsigned long long)b->max);
}
