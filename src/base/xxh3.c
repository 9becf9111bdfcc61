#include "base/xxh3.h"

#ifdef GGWIRE_XXH3

#define XXH_INLINE_ALL
#include <xxhash.h>

bool gw_xxh3_available(void)
{
	return true;
}

enum gw_status gw_xxh3_new(struct gw_xxh3 **out)
{
	XXH3_state_t *state = XXH3_createState();

	if (!state)
		return GW_ERR_NOMEM;
	XXH3_128bits_reset(state);
	*out = (struct gw_xxh3 *)state;
	return GW_OK;
}

void gw_xxh3_free(struct gw_xxh3 *state)
{
	XXH3_freeState((XXH3_state_t *)state);
}

void gw_xxh3_update(struct gw_xxh3 *state, const void *bytes, size_t n)
{
	XXH3_128bits_update((XXH3_state_t *)state, bytes, n);
}

struct gw_xxh3_sum gw_xxh3_sum(const struct gw_xxh3 *state)
{
	XXH128_hash_t sum = XXH3_128bits_digest((const XXH3_state_t *)state);

	return (struct gw_xxh3_sum){.low = sum.low64, .high = sum.high64};
}

#else

bool gw_xxh3_available(void)
{
	return false;
}

enum gw_status gw_xxh3_new(struct gw_xxh3 **out)
{
	(void)out;
	return GW_ERR_UNSUPPORTED;
}

void gw_xxh3_free(struct gw_xxh3 *state)
{
	(void)state;
}

void gw_xxh3_update(struct gw_xxh3 *state, const void *bytes, size_t n)
{
	(void)state;
	(void)bytes;
	(void)n;
}

struct gw_xxh3_sum gw_xxh3_sum(const struct gw_xxh3 *state)
{
	(void)state;
	return (struct gw_xxh3_sum){0};
}

#endif
