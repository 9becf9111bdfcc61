/* XXH3-128, where this build has it: a hash that is much faster than memory. */
#ifndef GW_BASE_XXH3_H
#define GW_BASE_XXH3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct gw_xxh3; /* a hash under way */

struct gw_xxh3_sum {
	uint64_t low;
	uint64_t high;
};

bool gw_xxh3_available(void);

/* GW_ERR_UNSUPPORTED where it is not available, GW_ERR_NOMEM. */
enum gw_status gw_xxh3_new(struct gw_xxh3 **out);
void gw_xxh3_free(struct gw_xxh3 *state);
void gw_xxh3_update(struct gw_xxh3 *state, const void *bytes, size_t n);
struct gw_xxh3_sum gw_xxh3_sum(const struct gw_xxh3 *state);

#endif
