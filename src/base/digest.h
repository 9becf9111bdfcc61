/* The hashes by which peers name contents: FNV-1a 64, which every peer knows, and XXH3-128, which is fast. */
#ifndef GW_BASE_DIGEST_H
#define GW_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/xxh3.h"

/* One of them, or both. */
struct gw_sums {
	bool has_fnv;
	bool has_xxh3;
	uint64_t fnv;
	struct gw_xxh3_sum xxh3;
};

/* Whether the sums have a kind in common, and agree in all that they have in common. */
bool gw_sums_agree(const struct gw_sums *a, const struct gw_sums *b);

/* Sums of bytes that come in pieces. */
struct gw_digest {
	struct gw_sums sums;
	struct gw_xxh3 *xxh3;
};

/* Which sums to compute. XXH3 is left out if the build lacks it, or if there is no memory for it. */
void gw_digest_begin(struct gw_digest *d, bool fnv, bool xxh3);
void gw_digest_update(struct gw_digest *d, const void *bytes, size_t n);

/* Ends the digest, which holds memory until then. */
struct gw_sums gw_digest_end(struct gw_digest *d);

#endif
