#include "backend/answers/told.h"

#include "base/hash.h"

void gw_told_init(struct gw_told *t)
{
	*t = (struct gw_told){0};
	pthread_mutex_init(&t->lock, NULL);
}

static void enter_locked(struct gw_told *t, uint64_t hash, uint64_t number)
{
	if (t->now.count >= GW_TOLD_MAX / 2) {
		gw_map_free(&t->before);
		t->before = t->now;
		t->now = (struct gw_map){0};
	}
	/* Without memory for it, the number may change, as if ggml had never got it. */
	(void)gw_map_put_u64(&t->now, hash, number);
}

size_t gw_told_first(struct gw_told *t, const void *question, size_t size, size_t number)
{
	uint64_t hash = gw_hash_bytes(question, size);
	uint64_t first = number;

	pthread_mutex_lock(&t->lock);
	atomic_store_explicit(&t->any, true, memory_order_relaxed);
	if (!gw_map_find_u64(&t->now, hash, &first)) {
		(void)gw_map_find_u64(&t->before, hash, &first);
		enter_locked(t, hash, first);
	}
	pthread_mutex_unlock(&t->lock);
	return (size_t)first;
}

void gw_told_clear(struct gw_told *t)
{
	pthread_mutex_lock(&t->lock);
	gw_map_free(&t->now);
	gw_map_free(&t->before);
	atomic_store(&t->any, false);
	pthread_mutex_unlock(&t->lock);
}
