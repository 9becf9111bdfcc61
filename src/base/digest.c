#include "base/digest.h"

#include "base/hash.h"

bool gw_sums_agree(const struct gw_sums *a, const struct gw_sums *b)
{
	bool fnv = a->has_fnv && b->has_fnv;
	bool xxh3 = a->has_xxh3 && b->has_xxh3;

	if (fnv && a->fnv != b->fnv)
		return false;
	if (xxh3 && (a->xxh3.low != b->xxh3.low || a->xxh3.high != b->xxh3.high))
		return false;
	return fnv || xxh3;
}

void gw_digest_begin(struct gw_digest *d, bool fnv, bool xxh3)
{
	*d = (struct gw_digest){.sums = {.has_fnv = fnv, .fnv = GW_FNV_INIT}};
	d->sums.has_xxh3 = xxh3 && gw_xxh3_new(&d->xxh3) == GW_OK;
}

void gw_digest_update(struct gw_digest *d, const void *bytes, size_t n)
{
	if (d->sums.has_fnv)
		d->sums.fnv = gw_fnv1a(d->sums.fnv, bytes, n);
	if (d->sums.has_xxh3)
		gw_xxh3_update(d->xxh3, bytes, n);
}

struct gw_sums gw_digest_end(struct gw_digest *d)
{
	struct gw_sums sums = d->sums;

	if (sums.has_xxh3) {
		sums.xxh3 = gw_xxh3_sum(d->xxh3);
		gw_xxh3_free(d->xxh3);
	}
	*d = (struct gw_digest){0};
	return sums;
}
