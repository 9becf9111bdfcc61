#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum slot_state {
	SLOT_FREE,
	SLOT_TAKEN,
	SLOT_GONE, /* a tombstone: probing continues after it */
};

struct gw_map_slot {
	uint64_t key;
	uint64_t value; /* or a pointer */
	enum slot_state state;
};

_Static_assert(sizeof(void *) <= sizeof(uint64_t), "a pointer fits into a value");

#define FIRST_CAPACITY 16

static void *pointer_in(const struct gw_map_slot *slot)
{
	return (void *)(uintptr_t)slot->value;
}

/* Keys are often addresses: both halves of the product are used, so that neither low nor high bits alone decide. */
static size_t slot_of(const struct gw_map *map, uint64_t key)
{
	return (size_t)gw_hash_fold(key, UINT64_C(0x9e3779b97f4a7c15)) & (map->capacity - 1);
}

/* The slot that holds key, or NULL. */
static struct gw_map_slot *find(const struct gw_map *map, uint64_t key)
{
	if (map->count == 0)
		return NULL;
	for (size_t i = slot_of(map, key);; i = (i + 1) & (map->capacity - 1)) {
		struct gw_map_slot *slot = &map->slots[i];
		if (slot->state == SLOT_FREE)
			return NULL;
		if (slot->state == SLOT_TAKEN && slot->key == key)
			return slot;
	}
}

/* Enters a key that is absent; there is a free slot. */
static void enter(struct gw_map *map, uint64_t key, uint64_t value)
{
	size_t i = slot_of(map, key);
	while (map->slots[i].state == SLOT_TAKEN)
		i = (i + 1) & (map->capacity - 1);
	if (map->slots[i].state == SLOT_FREE)
		map->used++;
	map->slots[i] = (struct gw_map_slot){key, value, SLOT_TAKEN};
	map->count++;
}

static enum gw_status rebuild(struct gw_map *map, size_t capacity)
{
	struct gw_map_slot *slots = calloc(capacity, sizeof(*slots));
	if (!slots)
		return GW_ERR_NOMEM;
	struct gw_map fresh = {.slots = slots, .capacity = capacity};
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].state == SLOT_TAKEN)
			enter(&fresh, map->slots[i].key, map->slots[i].value);
	free(map->slots);
	*map = fresh;
	return GW_OK;
}

/* Whether n taken or gone slots leave enough free ones for short probes: at most three quarters full. */
static bool fits(size_t n, size_t capacity)
{
	return n <= capacity / 4 * 3;
}

static size_t capacity_for(size_t n)
{
	size_t capacity = FIRST_CAPACITY;
	while (!fits(n, capacity))
		capacity *= 2;
	return capacity;
}

enum gw_status gw_map_reserve(struct gw_map *map, size_t n)
{
	if (n > SIZE_MAX / 4 / sizeof(struct gw_map_slot))
		return GW_ERR_NOMEM;
	size_t extra = n > map->count ? n - map->count : 0;
	if (map->capacity && fits(map->used + extra, map->capacity))
		return GW_OK;
	return rebuild(map, capacity_for(map->count + extra));
}

enum gw_status gw_map_put_u64(struct gw_map *map, uint64_t key, uint64_t value)
{
	struct gw_map_slot *slot = find(map, key);
	if (slot) {
		slot->value = value;
		return GW_OK;
	}
	if (!map->capacity || !fits(map->used + 1, map->capacity)) {
		/* Twice what is needed, so that tombstones cannot make rebuilding frequent. */
		enum gw_status status = rebuild(map, capacity_for(2 * (map->count + 1)));
		if (status != GW_OK)
			return status;
	}
	enter(map, key, value);
	return GW_OK;
}

enum gw_status gw_map_put(struct gw_map *map, uint64_t key, void *value)
{
	return gw_map_put_u64(map, key, (uintptr_t)value);
}

bool gw_map_find_u64(const struct gw_map *map, uint64_t key, uint64_t *value)
{
	const struct gw_map_slot *slot = find(map, key);
	if (slot)
		*value = slot->value;
	return slot;
}

void *gw_map_get(const struct gw_map *map, uint64_t key)
{
	const struct gw_map_slot *slot = find(map, key);
	return slot ? pointer_in(slot) : NULL;
}

bool gw_map_find(const struct gw_map *map, uint64_t key, void **value)
{
	const struct gw_map_slot *slot = find(map, key);
	if (slot && value)
		*value = pointer_in(slot);
	return slot;
}

void *gw_map_del(struct gw_map *map, uint64_t key)
{
	struct gw_map_slot *slot = find(map, key);
	if (!slot)
		return NULL;
	slot->state = SLOT_GONE;
	map->count--;
	return pointer_in(slot);
}

bool gw_map_next(const struct gw_map *map, size_t *pos, uint64_t *key, void **value)
{
	while (*pos < map->capacity) {
		const struct gw_map_slot *slot = &map->slots[(*pos)++];
		if (slot->state != SLOT_TAKEN)
			continue;
		*key = slot->key;
		*value = pointer_in(slot);
		return true;
	}
	return false;
}

void gw_map_clear(struct gw_map *map)
{
	if (map->capacity)
		memset(map->slots, 0, map->capacity * sizeof(*map->slots));
	map->count = 0;
	map->used = 0;
}

size_t gw_map_bytes(const struct gw_map *map)
{
	return map->capacity * sizeof(*map->slots);
}

size_t gw_map_bytes_for(size_t n)
{
	return capacity_for(n) * sizeof(struct gw_map_slot);
}

void gw_map_free(struct gw_map *map)
{
	free(map->slots);
	*map = (struct gw_map){0};
}
