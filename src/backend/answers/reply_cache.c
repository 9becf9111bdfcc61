#include "backend/answers/reply_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct entry {
	struct entry *next;
	uint64_t value;
	size_t size;
	uint8_t key[];
};

void gw_reply_cache_init(struct gw_reply_cache *a)
{
	*a = (struct gw_reply_cache){0};
	pthread_mutex_init(&a->lock, NULL);
}

static struct entry *find_entry(const struct gw_reply_cache *a, uint64_t hash, const void *key, size_t size)
{
	struct entry *e = gw_map_get(&a->map, hash);

	while (e && (e->size != size || memcmp(e->key, key, size) != 0))
		e = e->next;
	return e;
}

bool gw_reply_cache_find(struct gw_reply_cache *a, const void *key, size_t size, uint64_t *value)
{
	uint64_t hash = gw_hash_bytes(key, size);

	pthread_mutex_lock(&a->lock);
	struct entry *e = find_entry(a, hash, key, size);
	if (e)
		*value = e->value;
	pthread_mutex_unlock(&a->lock);
	return e;
}

static void clear_locked(struct gw_reply_cache *a)
{
	size_t pos = 0;
	uint64_t hash;
	void *head;

	while (gw_map_next(&a->map, &pos, &hash, &head)) {
		for (struct entry *e = head, *next; e; e = next) {
			next = e->next;
			free(e);
		}
	}
	gw_map_free(&a->map);
	a->count = 0;
}

static void insert_locked(struct gw_reply_cache *a, uint64_t hash, const void *key, size_t size, uint64_t value)
{
	struct entry *e = malloc(sizeof(*e) + size);

	if (!e)
		return;
	*e = (struct entry){.next = gw_map_get(&a->map, hash), .value = value, .size = size};
	memcpy(e->key, key, size);
	if (gw_map_put(&a->map, hash, e) != GW_OK) {
		free(e);
		return;
	}
	a->count++;
}

void gw_reply_cache_put(struct gw_reply_cache *a, const void *key, size_t size, uint64_t value)
{
	uint64_t hash = gw_hash_bytes(key, size);

	pthread_mutex_lock(&a->lock);
	if (a->count >= GW_REPLY_CACHE_MAX)
		clear_locked(a);
	if (!find_entry(a, hash, key, size))
		insert_locked(a, hash, key, size, value);
	pthread_mutex_unlock(&a->lock);
}

void gw_reply_cache_clear(struct gw_reply_cache *a)
{
	pthread_mutex_lock(&a->lock);
	clear_locked(a);
	pthread_mutex_unlock(&a->lock);
}
