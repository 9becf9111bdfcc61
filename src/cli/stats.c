#include "cli/stats.h"

#include <stdlib.h>

#include "base/clock.h"

#define FIRST_CAPACITY 256

static enum gw_status grow(struct gw_stats *s)
{
	size_t capacity = s->capacity ? 2 * s->capacity : FIRST_CAPACITY;
	uint64_t *kept = reallocarray(s->kept, capacity, sizeof(*kept));
	if (!kept)
		return GW_ERR_NOMEM;
	s->kept = kept;
	s->capacity = capacity;
	return GW_OK;
}

enum gw_status gw_stats_add(struct gw_stats *s, uint64_t ns)
{
	size_t at = (size_t)(s->n % GW_STATS_KEPT);
	if (at == s->capacity && grow(s))
		return GW_ERR_NOMEM;
	s->kept[at] = ns;
	if (s->n == 0 || ns < s->min)
		s->min = ns;
	if (ns > s->max)
		s->max = ns;
	s->sum += ns;
	s->n++;
	return GW_OK;
}

void gw_stats_free(struct gw_stats *s)
{
	free(s->kept);
	*s = (struct gw_stats){0};
}

double gw_stats_min_ms(const struct gw_stats *s)
{
	return (double)s->min / GW_NS_PER_MS;
}

double gw_stats_avg_ms(const struct gw_stats *s)
{
	return s->n ? (double)s->sum / (double)s->n / GW_NS_PER_MS : 0;
}

double gw_stats_max_ms(const struct gw_stats *s)
{
	return (double)s->max / GW_NS_PER_MS;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

double gw_stats_percentile_ms(struct gw_stats *s, unsigned percent)
{
	size_t n = s->n < GW_STATS_KEPT ? (size_t)s->n : GW_STATS_KEPT;
	if (n == 0)
		return 0;
	qsort(s->kept, n, sizeof(*s->kept), compare);
	/* The smallest that at least so many percent are not above. */
	size_t rank = (n * percent + 99) / 100;
	return (double)s->kept[rank > 0 ? rank - 1 : 0] / GW_NS_PER_MS;
}
