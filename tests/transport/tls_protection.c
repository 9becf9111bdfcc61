/* Records of TLS 1.3: a published record comes out as published, what was sealed is opened once and in its place, and
 * whatever else arrives is refused without a byte of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transport/tls/protection.h"

#define AES 0x1301
#define CHACHA 0x1303

static const uint8_t secret[GW_TLS_TRAFFIC_SECRET] = {0x9e, 0x40, 0x64, 0x6c, 0xe7, 0x9a, 0x7f, 0x9d, 0xc0, 0x5a, 0xf8,
	0x88, 0x9b, 0xce, 0x65, 0x52, 0x87, 0x5a, 0xfa, 0x0b, 0x06, 0xdf, 0x00, 0x87, 0xf7, 0x92, 0xeb, 0xb7, 0xc1,
	0x75, 0x04, 0xa5};
static struct gw_tls_protection sealing, opening;
static uint8_t plain[GW_TLS_RECORD], record[GW_TLS_RECORD_MAX], out[GW_TLS_RECORD_MAX];

static void begin(uint16_t suite)
{
	const struct gw_openssl *lib = gw_openssl_get(NULL);
	assert_non_null(lib);
	assert_true(gw_tls_protect(&sealing, lib, suite, true, secret));
	assert_true(gw_tls_protect(&opening, lib, suite, false, secret));
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7);
}

static int end(void **state)
{
	(void)state;
	gw_tls_unprotect(&sealing);
	gw_tls_unprotect(&opening);
	return 0;
}

/* RFC 8448, section 3: the client's application data. */
static void records_are_those_of_the_standard(void **state)
{
	static const uint8_t expected[] = {0x17, 0x03, 0x03, 0x00, 0x43, 0xa2, 0x3f, 0x70, 0x54, 0xb6, 0x2c, 0x94, 0xd0,
		0xaf, 0xfa, 0xfe, 0x82, 0x28, 0xba, 0x55, 0xcb, 0xef, 0xac, 0xea, 0x42, 0xf9, 0x14, 0xaa, 0x66, 0xbc,
		0xab, 0x3f, 0x2b, 0x98, 0x19, 0xa8, 0xa5, 0xb4, 0x6b, 0x39, 0x5b, 0xd5, 0x4a, 0x9a, 0x20, 0x44, 0x1e,
		0x2b, 0x62, 0x97, 0x4e, 0x1f, 0x5a, 0x62, 0x92, 0xa2, 0x97, 0x70, 0x14, 0xbd, 0x1e, 0x3d, 0xea, 0xe6,
		0x3a, 0xee, 0xbb, 0x21, 0x69, 0x49, 0x15, 0xe4};
	(void)state;
	begin(AES);
	for (size_t i = 0; i < 50; i++)
		plain[i] = (uint8_t)i;
	assert_true(gw_tls_seal(&sealing, GW_TLS_DATA, plain, 50, record));
	assert_memory_equal(record, expected, sizeof(expected));
}

static void check_suite(uint16_t suite)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 1000, GW_TLS_RECORD - 1, GW_TLS_RECORD};
	size_t n;
	uint8_t type;
	begin(suite);
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			assert_true(gw_tls_seal(&sealing, GW_TLS_HANDSHAKE, plain, sizes[i], record));
			out[sizes[i]] = 0x5a;
			assert_true(gw_tls_open(&opening, record, sizes[i] + GW_TLS_SEALED, out, &n, &type));
			assert_int_equal(n, sizes[i]);
			assert_int_equal(type, GW_TLS_HANDSHAKE);
			assert_memory_equal(out, plain, n);
			/* No more than the content is written, so it can go where it belongs. */
			assert_int_equal(out[n], 0x5a);
		}
		assert_true(gw_tls_protect_next(&sealing) && gw_tls_protect_next(&opening));
	}
}

static void both_suites_and_new_keys_work(void **state)
{
	(void)state;
	check_suite(AES);
	end(NULL);
	check_suite(CHACHA);
	end(NULL);
	assert_false(gw_tls_protect(&sealing, gw_openssl_get(NULL), 0x1302, true, secret));
}

static bool opens(size_t n)
{
	size_t len;
	uint8_t type;
	memset(out, 1, sizeof(out));
	if (gw_tls_open(&opening, record, n, out, &len, &type))
		return true;
	for (size_t i = 0; n >= GW_TLS_SEALED && i < n - GW_TLS_SEALED; i++)
		assert_true(out[i] == 0 || record[0] != GW_TLS_DATA);
	return false;
}

static void a_changed_bit_is_noticed(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * (40 + GW_TLS_SEALED); bit++) {
		begin(bit % 2 ? AES : CHACHA);
		assert_true(gw_tls_seal(&sealing, GW_TLS_DATA, plain, 40, record));
		record[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(opens(40 + GW_TLS_SEALED));
		end(NULL);
	}
	for (size_t n = 0; n < 40 + GW_TLS_SEALED; n++) {
		begin(AES);
		assert_true(gw_tls_seal(&sealing, GW_TLS_DATA, plain, 40, record));
		assert_false(opens(n));
		end(NULL);
	}
}

/* Not again, and not before its turn. */
static void each_record_has_its_place(void **state)
{
	(void)state;
	begin(AES);
	assert_true(gw_tls_seal(&sealing, GW_TLS_DATA, plain, 40, record));
	assert_true(opens(40 + GW_TLS_SEALED));
	assert_false(opens(40 + GW_TLS_SEALED));
	end(NULL);
	begin(AES);
	assert_true(gw_tls_seal(&sealing, GW_TLS_DATA, plain, 40, record));
	assert_true(gw_tls_seal(&sealing, GW_TLS_DATA, plain, 40, record));
	assert_false(opens(40 + GW_TLS_SEALED));
}

/* Peers may pad records with zeros, but not send nothing else. */
static void padding_is_not_content(void **state)
{
	size_t n;
	uint8_t type;
	(void)state;
	begin(AES);
	memset(plain + 30, 0, 20);
	plain[29] = GW_TLS_ALERT;
	assert_true(gw_tls_seal(&sealing, (enum gw_tls_content)0, plain, 50, record));
	assert_true(gw_tls_open(&opening, record, 50 + GW_TLS_SEALED, out, &n, &type));
	assert_int_equal(n, 29);
	assert_int_equal(type, GW_TLS_ALERT);
	memset(plain, 0, 50);
	assert_true(gw_tls_seal(&sealing, (enum gw_tls_content)0, plain, 50, record));
	assert_false(gw_tls_open(&opening, record, 50 + GW_TLS_SEALED, out, &n, &type));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(records_are_those_of_the_standard, end),
		cmocka_unit_test_teardown(both_suites_and_new_keys_work, end),
		cmocka_unit_test(a_changed_bit_is_noticed),
		cmocka_unit_test_teardown(each_record_has_its_place, end),
		cmocka_unit_test_teardown(padding_is_not_content, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
