/* FNV-1a 64 is the published function. The table hash depends on every bit and the length, and on nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

static void test_fnv_known_vectors(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t hash;
	} known[] = {
		{"", UINT64_C(0xcbf29ce484222325)},
		{"a", UINT64_C(0xaf63dc4c8601ec8c)},
		{"b", UINT64_C(0xaf63df4c8601f1a5)},
		{"foo", UINT64_C(0xdcb27518fed9d577)},
		{"foobar", UINT64_C(0x85944171f73967e8)},
		{"chongo was here!\n", UINT64_C(0x46810940eff5f915)},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(gw_fnv1a(GW_FNV_INIT, known[i].text, strlen(known[i].text)) == known[i].hash);
}

static void test_fnv_continues(void **state)
{
	(void)state;
	assert_true(gw_fnv1a(gw_fnv1a(GW_FNV_INIT, "foo", 3), "bar", 3) == UINT64_C(0x85944171f73967e8));
}

static void fill(uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
}

static void test_every_bit_counts(void **state)
{
	(void)state;
	uint8_t bytes[131];
	for (size_t n = 1; n <= sizeof(bytes); n += n < 70 ? 1 : 61) {
		fill(bytes, n);
		uint64_t before = gw_hash_bytes(bytes, n);
		for (size_t bit = 0; bit < n * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_true(gw_hash_bytes(bytes, n) != before);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_true(gw_hash_bytes(bytes, n) == before);
	}
}

static void test_length_counts(void **state)
{
	(void)state;
	const uint8_t zeros[100] = {0};
	for (size_t a = 0; a <= sizeof(zeros); a++)
		for (size_t b = 0; b < a; b++)
			assert_true(gw_hash_bytes(zeros, a) != gw_hash_bytes(zeros, b));
}

static void test_address_does_not_count(void **state)
{
	(void)state;
	uint8_t room[64 + 8];
	uint8_t bytes[61];
	fill(bytes, sizeof(bytes));
	uint64_t expected = gw_hash_bytes(bytes, sizeof(bytes));
	for (size_t shift = 0; shift < 8; shift++) {
		memcpy(room + shift, bytes, sizeof(bytes));
		assert_true(gw_hash_bytes(room + shift, sizeof(bytes)) == expected);
	}
}

/* Small numbers in a long key, as in descriptions of tensors: the low bits of the hash must distinguish them. */
static void test_low_bits_are_evenly_distributed(void **state)
{
	(void)state;
	enum {
		BUCKETS = 1024,
		KEYS = BUCKETS * 16
	};
	static unsigned n[BUCKETS];
	uint8_t key[300] = {0};
	for (uint32_t i = 0; i < KEYS; i++) {
		memcpy(key + 100, &i, sizeof(i));
		n[gw_hash_bytes(key, sizeof(key)) % BUCKETS]++;
	}
	for (int i = 0; i < BUCKETS; i++)
		assert_true(n[i] > 0 && n[i] < 48);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fnv_known_vectors),
		cmocka_unit_test(test_fnv_continues),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_length_counts),
		cmocka_unit_test(test_address_does_not_count),
		cmocka_unit_test(test_low_bits_are_evenly_distributed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
