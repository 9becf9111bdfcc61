/* Monotonic time. */
#ifndef GW_BASE_CLOCK_H
#define GW_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary moment; never goes back. */
uint64_t gw_clock_ns(void);

/* The same, some milliseconds late at most, for a few nanoseconds of time. */
uint64_t gw_clock_coarse_ns(void);

/* Milliseconds since 1970, by the wall clock. */
uint64_t gw_clock_unix_ms(void);

#endif
