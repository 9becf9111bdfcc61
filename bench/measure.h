/* What the measuring programs share. */
#ifndef GW_BENCH_MEASURE_H
#define GW_BENCH_MEASURE_H

#include <stddef.h>

/* Microseconds of the monotonic clock. */
double now_us(void);

/* The median of n values, which it sorts; n is at least 1. */
double median(double *values, size_t n);

/* End the program with a message; die_errno's has the text of errno. */
_Noreturn void die(const char *what);
_Noreturn void die_errno(const char *what);

#endif
