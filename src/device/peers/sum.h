/* Arithmetic of all-reduces. Memory may have any alignment that its type has, and must not overlap unless said
 * otherwise.
 */
#ifndef GW_DEVICE_PEERS_SUM_H
#define GW_DEVICE_PEERS_SUM_H

#include <stddef.h>
#include <stdint.h>

/* Rounds to the nearest BF16, as ggml does: ties to even, NaN remains NaN. */
void gw_sum_to_bf16(const float *from, uint16_t *to, size_t n);

/* sum[i] += values[i] */
void gw_sum_add_f32(float *sum, const float *values, size_t n);
void gw_sum_add_bf16(float *sum, const uint16_t *values, size_t n);

/* The most parts of a sum. */
#define GW_SUM_PARTS 16

/* sum[i] = ((parts[0][i] + parts[1][i]) + parts[2][i]) + ..., n_parts of them; sum may be one of the parts. The same
 * bits wherever it is computed, except for which NaN it is. */
void gw_sum_all_f32(float *sum, const float *const *parts, size_t n_parts, size_t n);

/* The same of BF16. */
void gw_sum_all_bf16(float *sum, const uint16_t *const *parts, size_t n_parts, size_t n);

void gw_sum_from_bf16(const uint16_t *from, float *to, size_t n);

#endif
