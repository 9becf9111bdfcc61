/* The cache's files have their FNV-1a for a name, as the stock server has it. This is their other name, XXH3-128, by
 * which ggwire clients ask and which is quick to check: a file of pairs beside them.
 *
 * A pair whose checksum is right is believed: a payload that was asked for by its FNV-1a is checked by the XXH3 noted
 * with it, at many times the speed. The checksum guards against a disk's errors. Against one who may write the
 * directory nothing would: to make another payload with the same FNV-1a is easy. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_NAMES_H
#define GW_DEVICE_WEIGHTS_CACHE_NAMES_H

#include <stdbool.h>

#include "base/digest.h"

#define GW_CACHE_NAMES "ggwire-xxh3"

/* Notes that both sums are of the same payload. A failure only makes later questions fail. Blocks for the disk. */
void gw_cache_names_add(const char *dir, const struct gw_sums *sums);

/* Completes the sums, of which one is there, from what was noted last. False if nothing was. Blocks for the disk. */
bool gw_cache_names_find(const char *dir, struct gw_sums *sums);

#endif
