/* Key files: parsing, errors, and which key matches an endpoint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/list/endpoint.h"
#include "transport/tls/key_file.h"
#include "transport/tls/pattern.h"

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
#define KEY_B "ff0102030405060708090a0b0c0d0e0f"

static enum gw_status parse(const char *text, struct gw_tls_keys *keys, struct gw_error *err)
{
	return gw_tls_keys_parse(text, strlen(text), keys, err);
}

static void reads_lines(void **state)
{
	(void)state;
	struct gw_tls_keys keys;
	assert_int_equal(parse("# comment: not a key\n\n  alice:" KEY_A "\r\nbob@lab-2:" KEY_B
			       "\t*.lab:50052 expires=2027-12-31\n   \ncarol:" KEY_B,
				 &keys, NULL),
		GW_OK);
	assert_int_equal(keys.n, 3);
	assert_string_equal(keys.keys[0].identity, "alice");
	assert_int_equal(keys.keys[0].secret_len, 32);
	assert_int_equal(keys.keys[0].secret[31], 0x1f);
	assert_string_equal(keys.keys[0].pattern, "");
	assert_int_equal(keys.keys[0].expires, 0);
	assert_int_equal(keys.keys[1].secret_len, 16);
	assert_int_equal(keys.keys[1].secret[0], 0xff);
	assert_string_equal(keys.keys[1].pattern, "*.lab:50052");
	/* date -u -d 2028-01-01 +%s */
	assert_int_equal(keys.keys[1].expires, 1830297600);
	assert_false(gw_tls_key_has_expired(&keys.keys[1], 1830297599));
	assert_true(gw_tls_key_has_expired(&keys.keys[1], 1830297600));
	assert_false(gw_tls_key_has_expired(&keys.keys[0], INT64_MAX));
	gw_tls_keys_free(&keys);
	assert_int_equal(keys.n, 0);
}

static void says_which_line_is_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"alice", "line 1: expected identity:hexkey"},
		{"\nalice: " KEY_A, "line 2: the key has 0 characters"},
		{":" KEY_A, "line 1: an identity has"},
		{"al ice:" KEY_A, "line 1: expected identity:hexkey"},
		{"al\x01ice:" KEY_A, "an identity has"},
		{"a234567890123456789012345678901234567890123456789012345678901234:" KEY_A, "an identity has"},
		{"alice:0011", "4 characters"},
		{"alice:" KEY_A KEY_A KEY_B, "160 characters"},
		{"alice:" KEY_A "0", "65 characters"},
		{"alice:0g0102030405060708090a0b0c0d0e0f", "not hexadecimal"},
		{"alice:" KEY_A " host other", "more than one endpoint pattern"},
		{"alice:" KEY_A " expires=2027-13-01", "YYYY-MM-DD"},
		{"alice:" KEY_A " expires=2027-02-30", "YYYY-MM-DD"},
		{"alice:" KEY_A " expires=", "YYYY-MM-DD"},
		{"alice:" KEY_A " expires=2027-01-01 expires=2027-01-01", "twice"},
		{"alice:" KEY_A "\nalice:" KEY_B, "line 2: a second key of identity alice"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct gw_tls_keys keys = {NULL, 77};
		struct gw_error err = {0};
		if (parse(bad[i].text, &keys, &err) != GW_ERR_INVALID)
			fail_msg("\"%s\" is accepted", bad[i].text);
		if (!strstr(err.text, bad[i].says))
			fail_msg("\"%s\": %s", bad[i].text, err.text);
		assert_null(strstr(err.text, "0102030405"));
		assert_int_equal(keys.n, 77);
	}
	struct gw_tls_keys keys;
	struct gw_error err;
	assert_int_equal(gw_tls_keys_parse("alice:\0", 7, &keys, &err), GW_ERR_INVALID);
	assert_non_null(strstr(err.text, "NUL"));
}

/* Parses random text: no crash (the copy ends where the text ends), and accepted text has the documented form. */
static void any_text_is_safe(void **state)
{
	(void)state;
	static const char alphabet[] = "aZ0f9:. \t\n\r#*=@-\x01\xff"
				       "expires=2027-01-01";
	uint32_t seed = 12345;
	size_t accepted = 0;
	for (int round = 0; round < 20000; round++) {
		char text[200];
		size_t n = 0, head = 0;
		seed = seed * 1664525 + 1013904223;
		if (round % 2)
			head = n = (size_t)snprintf(text, sizeof(text), "id:%s%s", KEY_B, round % 4 == 1 ? " " : "\n");
		for (size_t max = head + (seed >> 8) % 60; n < max; n++) {
			seed = seed * 1664525 + 1013904223;
			text[n] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		char *copy = malloc(n ? n : 1);
		assert_non_null(copy);
		memcpy(copy, text, n);
		struct gw_tls_keys keys;
		if (gw_tls_keys_parse(copy, n, &keys, NULL) == GW_OK) {
			for (size_t i = 0; i < keys.n; i++) {
				assert_true(gw_tls_is_identity(keys.keys[i].identity));
				assert_true(keys.keys[i].secret_len >= GW_TLS_SECRET_MIN);
				assert_true(keys.keys[i].secret_len <= GW_TLS_SECRET_MAX);
			}
			accepted += keys.n > 0;
			gw_tls_keys_free(&keys);
		}
		free(copy);
	}
	assert_true(accepted > 100);
}

static void finds_identities(void **state)
{
	(void)state;
	struct gw_tls_keys keys;
	assert_int_equal(parse("alice:" KEY_A "\nbob:" KEY_B "\nalice2:" KEY_B, &keys, NULL), GW_OK);
	assert_ptr_equal(gw_tls_keys_find(&keys, "alice"), &keys.keys[0]);
	assert_ptr_equal(gw_tls_keys_find(&keys, "alice2"), &keys.keys[2]);
	assert_null(gw_tls_keys_find(&keys, "ali"));
	assert_null(gw_tls_keys_find(&keys, ""));
	gw_tls_keys_free(&keys);
}

static void patterns_fit_endpoints(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *endpoint;
		bool fits;
	} cases[] = {
		{"", "192.0.2.7:50052", true},
		{"", "unix:/run/x", false},
		{"unix:*", "unix:/run/x", true},
		{"*", "unix:/run/x", true},
		{"192.0.2.7", "192.0.2.7:50052", true},
		{"192.0.2.7:50052", "192.0.2.7:50052", true},
		{"192.0.2.7:50053", "192.0.2.7:50052", false},
		{"192.0.2.?", "192.0.2.17:50052", false},
		{"192.0.2.*", "192.0.2.17:50052", true},
		{"*.lab", "gpu1.LAB:50052", true},
		{"*.lab", "gpu1.lab.example:50052", false},
		{"*.lab:5005?", "gpu1.lab:50052", true},
		{"[2001:db8::1]", "[2001:db8::1]:50052", true},
		{"[2001:db8::1]:50052", "[2001:db8::1]:50052", true},
		{"2001:db8::1", "[2001:db8::1]:50052", false},
		{"[2001:db8::*", "[2001:db8::1]:50052", true},
		{"*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa:50052", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gw_endpoint ep;
		assert_int_equal(gw_endpoint_parse(cases[i].endpoint, false, &ep, NULL), GW_OK);
		if (gw_tls_pattern_fits(cases[i].pattern, &ep) != cases[i].fits)
			fail_msg("%s, %s", cases[i].pattern, cases[i].endpoint);
	}
	struct gw_tls_keys keys;
	struct gw_endpoint ep;
	assert_int_equal(parse("a:" KEY_A " host1\nb:" KEY_A " host*\nc:" KEY_A, &keys, NULL), GW_OK);
	assert_int_equal(gw_endpoint_parse("host2:1", false, &ep, NULL), GW_OK);
	assert_string_equal(gw_tls_keys_for(&keys, &ep)->identity, "b");
	gw_tls_keys_free(&keys);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	unlink(path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void files_readable_by_others_are_refused(void **state)
{
	(void)state;
	char path[64];
	struct gw_tls_keys keys;
	struct gw_error err;
	snprintf(path, sizeof(path), "/tmp/gw-keys-%ld", (long)getpid());
	static const mode_t bad[] = {0644, 0640, 0604, 0660, 0601, 0620};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file(path, "alice:" KEY_A "\n", bad[i]);
		assert_int_equal(gw_tls_keys_load(path, &keys, &err), GW_ERR_INVALID);
		assert_non_null(strstr(err.text, path));
		assert_non_null(strstr(err.text, "chmod 600"));
	}
	setenv("CREDENTIALS_DIRECTORY", "/tmp", 1);
	write_file(path, "alice:" KEY_A "\n", 0440);
	assert_int_equal(gw_tls_keys_load(path, &keys, &err), GW_OK);
	gw_tls_keys_free(&keys);
	setenv("CREDENTIALS_DIRECTORY", "/tm", 1);
	assert_int_equal(gw_tls_keys_load(path, &keys, &err), GW_ERR_INVALID);
	unsetenv("CREDENTIALS_DIRECTORY");
	write_file(path, "alice:" KEY_A "\n", 0600);
	assert_int_equal(gw_tls_keys_load(path, &keys, &err), GW_OK);
	assert_int_equal(keys.n, 1);
	gw_tls_keys_free(&keys);
	write_file(path, "alice:" KEY_A "\n", 0400);
	assert_int_equal(gw_tls_keys_load(path, &keys, &err), GW_OK);
	gw_tls_keys_free(&keys);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 1, 1), 0);
		assert_int_equal(gw_tls_keys_load(path, &keys, &err), GW_ERR_INVALID);
		assert_non_null(strstr(err.text, "belongs to user 1"));
	}
	unlink(path);
	assert_int_equal(gw_tls_keys_load(path, &keys, &err), GW_ERR_NOT_FOUND);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(gw_tls_keys_load(path, &keys, &err), GW_ERR_INVALID);
	unlink(path);
	assert_int_equal(gw_tls_keys_load("/tmp", &keys, &err), GW_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(says_which_line_is_wrong),
		cmocka_unit_test(any_text_is_safe),
		cmocka_unit_test(finds_identities),
		cmocka_unit_test(patterns_fit_endpoints),
		cmocka_unit_test(files_readable_by_others_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
