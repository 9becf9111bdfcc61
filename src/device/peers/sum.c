/* Plain loops, which the compiler vectorises (-O3 in src/CMakeLists.txt). */
#include "device/peers/sum.h"

#include <string.h>

/* Elements whose sums are in the processor's cache while the parts are added. */
#define BLOCK 1024

/* Whether a float is NaN, of its bits. */
static uint32_t is_nan(uint32_t bits)
{
	return (bits & 0x7fffffffU) > 0x7f800000U;
}

static inline __attribute__((always_inline)) void round_all(const float *from, uint16_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;
		memcpy(&bits, from + i, sizeof(bits));
		uint32_t rounded = (bits + 0x7fffU + (bits >> 16 & 1)) >> 16;
		to[i] = (uint16_t)(is_nan(bits) ? bits >> 16 | 64 : rounded);
	}
}

#ifdef __x86_64__
/* The only loop that the processor limits, and not its memory: more than twice as fast as with SSE2. */
__attribute__((target("avx2"))) static void round_with_avx2(const float *from, uint16_t *to, size_t n)
{
	round_all(from, to, n);
}

void gw_sum_to_bf16(const float *from, uint16_t *to, size_t n)
{
	if (__builtin_cpu_supports("avx2"))
		round_with_avx2(from, to, n);
	else
		round_all(from, to, n);
}
#else
void gw_sum_to_bf16(const float *from, uint16_t *to, size_t n)
{
	round_all(from, to, n);
}
#endif

void gw_sum_add_f32(float *sum, const float *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += values[i];
}

static float widen(uint16_t value)
{
	uint32_t bits = (uint32_t)value << 16;
	float wide;
	memcpy(&wide, &bits, sizeof(wide));
	return wide;
}

void gw_sum_add_bf16(float *sum, const uint16_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += widen(values[i]);
}

void gw_sum_from_bf16(const uint16_t *from, float *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = widen(from[i]);
}

void gw_sum_all_f32(float *sum, const float *const *parts, size_t n_parts, size_t n)
{
	float block[BLOCK];
	for (size_t at = 0; at < n; at += BLOCK) {
		size_t some = n - at < BLOCK ? n - at : BLOCK;
		memcpy(block, parts[0] + at, some * sizeof(float));
		for (size_t k = 1; k < n_parts; k++)
			gw_sum_add_f32(block, parts[k] + at, some);
		memcpy(sum + at, block, some * sizeof(float));
	}
}

void gw_sum_all_bf16(float *sum, const uint16_t *const *parts, size_t n_parts, size_t n)
{
	for (size_t at = 0; at < n; at += BLOCK) {
		size_t some = n - at < BLOCK ? n - at : BLOCK;
		gw_sum_from_bf16(parts[0] + at, sum + at, some);
		for (size_t k = 1; k < n_parts; k++)
			gw_sum_add_bf16(sum + at, parts[k] + at, some);
	}
}
