/* Checksums of pieces equal that of the whole, and our XXH3 equals the published one. */
#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

static struct gw_sums sums_of(const void *bytes, size_t n, size_t piece)
{
	struct gw_digest d;

	gw_digest_begin(&d, true, true);
	for (size_t at = 0; at < n; at += piece)
		gw_digest_update(&d, (const uint8_t *)bytes + at, n - at < piece ? n - at : piece);
	return gw_digest_end(&d);
}

static void sums_of_pieces_equal_that_of_the_whole(void **state)
{
	static uint8_t bytes[5000];
	static const size_t pieces[] = {1, 63, 64, 1024, 4999};

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i >> 3);
	struct gw_sums whole = sums_of(bytes, sizeof(bytes), sizeof(bytes));
	assert_true(whole.fnv == gw_fnv1a(GW_FNV_INIT, bytes, sizeof(bytes)));
	assert_int_equal(whole.has_xxh3, gw_xxh3_available());
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct gw_sums sums = sums_of(bytes, sizeof(bytes), pieces[i]);
		assert_true(gw_sums_agree(&sums, &whole));
	}
}

/* The published value for no bytes is 99aa06d3014798d86001c324468d497f. */
static void xxh3_is_the_published_one(void **state)
{
	(void)state;
	if (!gw_xxh3_available())
		skip();
	struct gw_sums sums = sums_of("", 0, 1);
	assert_true(sums.xxh3.high == UINT64_C(0x99aa06d3014798d8));
	assert_true(sums.xxh3.low == UINT64_C(0x6001c324468d497f));
}

static void common_sums_decide_equality(void **state)
{
	const struct gw_sums fnv = {.has_fnv = true, .fnv = 1}, other = {.has_fnv = true, .fnv = 2};
	const struct gw_sums xxh3 = {.has_xxh3 = true, .xxh3 = {3, 4}}, high = {.has_xxh3 = true, .xxh3 = {3, 5}};
	const struct gw_sums both = {.has_fnv = true, .has_xxh3 = true, .fnv = 1, .xxh3 = {3, 4}};
	const struct gw_sums none = {0};

	(void)state;
	assert_true(gw_sums_agree(&fnv, &both));
	assert_true(gw_sums_agree(&both, &xxh3));
	assert_true(gw_sums_agree(&both, &both));
	assert_false(gw_sums_agree(&other, &both));
	assert_false(gw_sums_agree(&high, &both));
	assert_false(gw_sums_agree(&fnv, &xxh3));
	assert_false(gw_sums_agree(&none, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_pieces_equal_that_of_the_whole),
		cmocka_unit_test(xxh3_is_the_published_one),
		cmocka_unit_test(common_sums_decide_equality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
