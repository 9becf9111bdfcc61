/* What is in a cache's directory. Its files may be those of several processes, stock servers included. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_LISTING_H
#define GW_DEVICE_WEIGHTS_CACHE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "device/weights/cache_layout.h"

/* An entry: a payload that can be removed to make room. */
struct gw_cache_listed {
	char name[GW_CACHE_DIGITS + 1];
	uint32_t dir;   /* in dirs */
	uint64_t bytes; /* of disk */
	struct timespec used;
};

struct gw_cache_listing {
	struct gw_cache_listed *entries; /* least recently used first */
	size_t n, room;
	char **dirs; /* their paths */
	size_t n_dirs, dirs_room;
	uint64_t bytes; /* of disk, of everything but files that are being written */
};

/* Lists the directory and its domains' directories. On the way, removes what killed processes left, and the directories
 * of domains that have had no entry for an hour. What cannot be read counts as nothing. *out is to be freed. Blocks
 * for the disk. */
void gw_cache_list(const char *path, struct gw_cache_listing *out);
void gw_cache_listing_free(struct gw_cache_listing *l);

/* Removes what killed processes left in one directory. Whether it holds an entry. Blocks for the disk. */
bool gw_cache_sweep(const char *path);

#endif
