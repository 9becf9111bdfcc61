/* A hash map from a 64-bit number to a pointer or to another number: open addressing, no key is reserved. A map holds
 * one kind of value. Single owner, no locking. */
#ifndef GW_BASE_MAP_H
#define GW_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct gw_map_slot;

struct gw_map {
	struct gw_map_slot *slots;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
	size_t used; /* count and the tombstones */
};

/* An all-zero struct gw_map is an empty map. */

/* Makes room for n entries in all, so that the next puts cannot fail. */
enum gw_status gw_map_reserve(struct gw_map *map, size_t n);

/* Inserts or replaces. value may be NULL (it then reads as present through gw_map_find). */
enum gw_status gw_map_put(struct gw_map *map, uint64_t key, void *value);

/* The same for a map of numbers. */
enum gw_status gw_map_put_u64(struct gw_map *map, uint64_t key, uint64_t value);
bool gw_map_find_u64(const struct gw_map *map, uint64_t key, uint64_t *value);

/* The value for key, or NULL. */
void *gw_map_get(const struct gw_map *map, uint64_t key);

/* Whether key is present; sets *value (may be NULL) if so. */
bool gw_map_find(const struct gw_map *map, uint64_t key, void **value);

/* Removes key and returns its value, or NULL. */
void *gw_map_del(struct gw_map *map, uint64_t key);

/* Iteration: start with *pos = 0; false at the end. gw_map_del of the current key is allowed meanwhile, puts are not.
 */
bool gw_map_next(const struct gw_map *map, size_t *pos, uint64_t *key, void **value);

/* Removes all entries, keeping the memory. */
void gw_map_clear(struct gw_map *map);

/* Bytes of memory that the map holds, and those that one holds after gw_map_reserve for n entries. */
size_t gw_map_bytes(const struct gw_map *map);
size_t gw_map_bytes_for(size_t n);

/* Returns the memory; the map is empty and usable again. Values are the caller's. */
void gw_map_free(struct gw_map *map);

#endif
