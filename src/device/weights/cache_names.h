/* The file that pairs the FNV-1a of a directory's entries, which is their name, with their XXH3-128, by which ggwire
 * clients ask.
 *
 * A pair with a correct checksum is trusted: an entry that was asked for by FNV-1a is verified by its XXH3, which is
 * many times faster. The checksum detects errors of the disk. It is no protection against anyone who can write to the
 * directory. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_NAMES_H
#define GW_DEVICE_WEIGHTS_CACHE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/map.h"

/* What was read of a directory's file. All-zero is valid: nothing was. Single owner. */
struct gw_cache_names {
	struct stat file; /* as of then; st_ino 0 = never */
	struct gw_sums *pairs;
	size_t n, room;
	struct gw_map by_fnv;  /* -> place in pairs, counted from 1 */
	struct gw_map by_xxh3; /* by the lower half */
};

void gw_cache_names_free(struct gw_cache_names *names);

/* Completes the sums, of which one is there, from what was noted last in dir's file. False if nothing was. Reads what
 * is new in the file; blocks for the disk. */
bool gw_cache_names_find(struct gw_cache_names *names, const char *dir, struct gw_sums *sums);

/* Notes that both sums are of the same payload, unless that was noted before. Returns by how many bytes of disk the
 * file grew. A failure only makes later questions fail. Blocks for the disk. */
uint64_t gw_cache_names_add(struct gw_cache_names *names, const char *dir, const struct gw_sums *sums);

#endif
