/* Arithmetic on numbers a peer chose: true and a result, or false and an untouched output. */
#ifndef GW_BASE_CHECKED_H
#define GW_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool gw_add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
	uint64_t r;
	if (__builtin_add_overflow(a, b, &r))
		return false;
	*sum = r;
	return true;
}

static inline bool gw_mul_u64(uint64_t a, uint64_t b, uint64_t *product)
{
	uint64_t r;
	if (__builtin_mul_overflow(a, b, &r))
		return false;
	*product = r;
	return true;
}

/* Whether [offset, offset + length) lies in [0, size). */
static inline bool gw_range_ok(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

#endif
