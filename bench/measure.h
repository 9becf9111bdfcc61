/* Functions for the measuring programs. */
#ifndef GW_BENCH_MEASURE_H
#define GW_BENCH_MEASURE_H

#include <stddef.h>

/* Microseconds of the monotonic clock. */
double now_us(void);

/* Sorts the n values, at least 1, and returns the median. */
double median(double *values, size_t n);

/* Sorts the n values, times of the same work, and prints NAME_us, their median, and NAME_low_us, the tenth percentile,
 * which other load on the machine disturbs less. One unit of the values is scale microseconds. */
void print_times(const char *name, double scale, double *values, size_t n);

/* End the program with a message. die_errno appends the text of errno. */
_Noreturn void die(const char *what);
_Noreturn void die_errno(const char *what);

#endif
