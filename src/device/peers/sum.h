/* Arithmetic of all-reduces. Memory may have any alignment that its type has, and must not overlap. */
#ifndef GW_DEVICE_PEERS_SUM_H
#define GW_DEVICE_PEERS_SUM_H

#include <stddef.h>
#include <stdint.h>

/* Rounds to the nearest BF16, as ggml does: ties to even, NaN remains NaN. */
void gw_sum_to_bf16(const float *from, uint16_t *to, size_t n);

/* sum[i] += values[i] */
void gw_sum_add_f32(float *sum, const float *values, size_t n);
void gw_sum_add_bf16(float *sum, const uint16_t *values, size_t n);

#endif
