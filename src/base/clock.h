/* Monotonic time, and deadlines in it. */
#ifndef GW_BASE_CLOCK_H
#define GW_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define GW_NS_PER_MS UINT64_C(1000000)
#define GW_NS_PER_S UINT64_C(1000000000)

/* A deadline that never passes. Deadlines are values of gw_clock_ns. */
#define GW_CLOCK_NEVER UINT64_MAX

/* Nanoseconds since an arbitrary moment; never goes back. */
uint64_t gw_clock_ns(void);

/* The same, some milliseconds late at most, for a few nanoseconds of time. */
uint64_t gw_clock_coarse_ns(void);

/* The deadline ms milliseconds from now; GW_CLOCK_NEVER for a negative ms. */
uint64_t gw_clock_deadline(int ms);

/* The milliseconds left until a deadline, as poll takes them: rounded up, 0 once it has passed, -1 for
 * GW_CLOCK_NEVER. */
int gw_clock_ms_left(uint64_t deadline);

/* The same moment as a timespec of CLOCK_MONOTONIC, for pthread_cond_timedwait; ns is any value of gw_clock_ns. */
struct timespec gw_clock_timespec(uint64_t ns);

/* Milliseconds since 1970, by the wall clock. */
uint64_t gw_clock_unix_ms(void);

#endif
