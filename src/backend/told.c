#include "backend/told.h"

#include <stdint.h>

#include "base/hash.h"

void gw_told_init(struct gw_told *t)
{
	*t = (struct gw_told){0};
	pthread_mutex_init(&t->lock, NULL);
}

/* A number as the maps hold it, never followed. */
static void *mark_of(size_t number)
{
	return (void *)(uintptr_t)number; /* NOLINT(performance-no-int-to-ptr) */
}

static void enter_locked(struct gw_told *t, uint64_t hash, size_t number)
{
	if (t->now.count >= GW_TOLD_MAX / 2) {
		gw_map_free(&t->before);
		t->before = t->now;
		t->now = (struct gw_map){0};
	}
	/* Without memory for it, the number may change, as if it had never been told. */
	(void)gw_map_put(&t->now, hash, mark_of(number));
}

size_t gw_told_first(struct gw_told *t, const void *question, size_t size, size_t number)
{
	uint64_t hash = gw_hash_bytes(question, size);
	void *first = mark_of(number);

	pthread_mutex_lock(&t->lock);
	atomic_store_explicit(&t->any, true, memory_order_relaxed);
	if (!gw_map_find(&t->now, hash, &first)) {
		(void)gw_map_find(&t->before, hash, &first);
		enter_locked(t, hash, (size_t)(uintptr_t)first);
	}
	pthread_mutex_unlock(&t->lock);
	return (size_t)(uintptr_t)first;
}

void gw_told_clear(struct gw_told *t)
{
	pthread_mutex_lock(&t->lock);
	gw_map_free(&t->now);
	gw_map_free(&t->before);
	atomic_store(&t->any, false);
	pthread_mutex_unlock(&t->lock);
}
