/* Durations and what they come to. */
#ifndef GW_CLI_STATS_H
#define GW_CLI_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Percentiles count this many of the latest durations; the rest counts all. */
#define GW_STATS_KEPT ((size_t)1 << 20)

/* An all-zero struct is empty. Single owner, no locking. */
struct gw_stats {
	uint64_t *kept; /* nanoseconds */
	size_t capacity;
	uint64_t n;
	uint64_t min, max, sum; /* nanoseconds */
};

/* GW_ERR_NOMEM. */
enum gw_status gw_stats_add(struct gw_stats *s, uint64_t ns);
void gw_stats_free(struct gw_stats *s);

/* In milliseconds; 0 without samples. percent is from 0 to 100. */
double gw_stats_min_ms(const struct gw_stats *s);
double gw_stats_avg_ms(const struct gw_stats *s);
double gw_stats_max_ms(const struct gw_stats *s);

/* The same; sorts what was kept, so add nothing afterwards. */
double gw_stats_percentile_ms(struct gw_stats *s, unsigned percent);

#endif
