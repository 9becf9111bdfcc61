#include "base/hash.h"

#include <string.h>

uint64_t gw_fnv1a(uint64_t state, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < n; i++)
		state = (state ^ p[i]) * UINT64_C(0x100000001b3);
	return state;
}

/* Both halves of the 128-bit product, so that high bits of the input reach low bits of the result. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 product = (u128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t gw_hash_bytes(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15) ^ n;
	uint64_t word;
	for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		state = fold(state ^ word, UINT64_C(0xd6e8feb86659fd93));
	}
	if (n > 0) {
		word = 0;
		memcpy(&word, p, n);
		state = fold(state ^ word, UINT64_C(0xd6e8feb86659fd93));
	}
	return fold(state, UINT64_C(0xa0761d6478bd642f));
}
