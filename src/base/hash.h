/* Hashes: FNV-1a 64 names the stock cache's files and is part of the protocol; gw_hash_bytes is for tables in memory.
 */
#ifndef GW_BASE_HASH_H
#define GW_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define GW_FNV_INIT UINT64_C(0xcbf29ce484222325)

/* FNV-1a 64 of n bytes, continued from state (GW_FNV_INIT at the start). */
uint64_t gw_fnv1a(uint64_t state, const void *bytes, size_t n);

/* Both halves of the 128-bit product: every bit of a reaches low bits of the result. 0 for a == 0. */
static inline uint64_t gw_hash_fold(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 product = (u128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A good 64-bit mix of n bytes for hash tables; its values are not stable between releases and never leave the process.
 */
uint64_t gw_hash_bytes(const void *bytes, size_t n);

#endif
