/* Plain loops, which the compiler vectorises (-O3 in src/CMakeLists.txt). */
#include "device/peers/sum.h"

#include <string.h>

/* Whether a float is NaN, of its bits. */
static uint32_t is_nan(uint32_t bits)
{
	return (bits & 0x7fffffffU) > 0x7f800000U;
}

void gw_sum_to_bf16(const float *from, uint16_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;
		memcpy(&bits, from + i, sizeof(bits));
		uint32_t rounded = (bits + 0x7fffU + (bits >> 16 & 1)) >> 16;
		to[i] = (uint16_t)(is_nan(bits) ? bits >> 16 | 64 : rounded);
	}
}

void gw_sum_add_f32(float *sum, const float *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += values[i];
}

void gw_sum_add_bf16(float *sum, const uint16_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = (uint32_t)values[i] << 16;
		float value;
		memcpy(&value, &bits, sizeof(value));
		sum[i] += value;
	}
}
