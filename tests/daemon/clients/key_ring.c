/* A server reloads its keys when the file changes. A broken file admits nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/clients/key_ring.h"

#define ALICE "alice:000102030405060708090a0b0c0d0e0f\n"
#define BOB "bob:ff0102030405060708090a0b0c0d0e0f\n"

static char path[64], logged[4096];

static void keep_lines(enum gw_log_level level, const char *line, void *user)
{
	(void)level;
	(void)user;
	size_t n = strlen(logged);
	snprintf(logged + n, sizeof(logged) - n, "%s\n", line);
}

/* Replaces the file by a new one, as `ggwire key remove` and editors do. */
static void put(const char *text, mode_t mode)
{
	char temporary[80];
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	FILE *f = fopen(temporary, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(temporary, mode), 0);
	assert_int_equal(rename(temporary, path), 0);
	logged[0] = '\0';
}

static bool has(struct gw_key_ring *ring, const char *identity)
{
	struct gw_tls_key key;
	struct gw_error err = {0};
	enum gw_status status = gw_key_ring_find(ring, identity, &key, &err);
	assert_true(status == GW_OK || status == GW_ERR_NOT_FOUND);
	assert_true(status == GW_OK || err.text[0]);
	return status == GW_OK;
}

static void keys_follow_their_file(void **state)
{
	(void)state;
	struct gw_key_ring *ring;
	put(ALICE, 0600);
	assert_int_equal(gw_key_ring_open(path, &ring, NULL), GW_OK);
	assert_int_equal(gw_key_ring_count(ring), 1);
	assert_true(has(ring, "alice") && !has(ring, "bob"));
	assert_string_equal(logged, "");
	FILE *f = fopen(path, "a");
	assert_non_null(f);
	fputs(BOB, f);
	fclose(f);
	assert_true(has(ring, "alice") && has(ring, "bob"));
	assert_non_null(strstr(logged, "has changed: 2 keys"));
	put(BOB, 0600);
	assert_true(!has(ring, "alice") && has(ring, "bob"));
	put(BOB "carol:000102030405060708090a0b0c0d0e0f expires=2020-01-01\n", 0600);
	assert_true(has(ring, "bob") && !has(ring, "carol"));
	gw_key_ring_free(ring);
}

static void a_broken_key_file_admits_nobody(void **state)
{
	(void)state;
	struct gw_key_ring *ring;
	put(ALICE, 0600);
	assert_int_equal(gw_key_ring_open(path, &ring, NULL), GW_OK);
	static const struct {
		const char *text;
		mode_t mode;
		const char *says;
	} bad[] = {
		{ALICE, 0644, "chmod 600"},
		{"alice\n", 0600, "line 1"},
		{ALICE ALICE, 0600, "line 2"},
		{ALICE "alice:ff0102030405060708090a0b0c0d0e0f host\n", 0600, "has two keys"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i].text, bad[i].mode);
		assert_false(has(ring, "alice"));
		assert_non_null(strstr(logged, bad[i].says));
		/* The server logs the error once, not for every client. */
		logged[0] = '\0';
		assert_false(has(ring, "alice"));
		assert_string_equal(logged, "");
		put(ALICE, 0600);
		assert_true(has(ring, "alice"));
	}
	unlink(path);
	assert_false(has(ring, "alice"));
	gw_key_ring_free(ring);
	assert_int_equal(gw_key_ring_open(path, &ring, NULL), GW_ERR_NOT_FOUND);
	assert_false(has(NULL, "alice"));
}

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/gw-ring-%ld", (long)getpid());
	gw_log_set_sink(keep_lines, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_follow_their_file),
		cmocka_unit_test(a_broken_key_file_admits_nobody),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
