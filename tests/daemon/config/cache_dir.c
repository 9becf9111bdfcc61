/* Which variable selects the cache directory, and what the server creates there. */
#include "daemon/config/cache_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64], path[4096], expected[256];

static int setup(void **state)
{
	(void)state;
	strcpy(base, "/tmp/ggwire-test-XXXXXX");
	unsetenv("LLAMA_CACHE");
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	return mkdtemp(base) ? 0 : -1;
}

/* Removes base/below and its parents up to base. */
static void remove_chain(const char *below)
{
	char victim[256];
	snprintf(victim, sizeof(victim), "%s/%s", base, below);
	for (; strlen(victim) > strlen(base); *strrchr(victim, '/') = 0)
		rmdir(victim);
	assert_int_equal(rmdir(base), 0);
}

static void expect_made(const char *below)
{
	struct stat st;
	struct gw_error err;
	if (gw_cache_dir_make(path, sizeof(path), &err))
		fail_msg("%s", err.text);
	snprintf(expected, sizeof(expected), "%s/%s", base, below);
	assert_string_equal(path, expected);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0755);
}

static void variables_have_the_stock_priorities(void **state)
{
	(void)state;
	umask(022);
	setenv("HOME", base, 1);
	expect_made(".cache/llama.cpp/rpc");
	rmdir(path);
	setenv("LLAMA_CACHE", "", 1);
	char xdg[128];
	snprintf(xdg, sizeof(xdg), "%s/.cache", base);
	setenv("XDG_CACHE_HOME", xdg, 1);
	setenv("HOME", "/nonexistent", 1);
	expect_made(".cache/llama.cpp/rpc");
	expect_made(".cache/llama.cpp/rpc");
	remove_chain(".cache/llama.cpp/rpc");
	assert_int_equal(mkdir(base, 0755), 0);
	char own[128];
	snprintf(own, sizeof(own), "%s/own/", base);
	setenv("LLAMA_CACHE", own, 1);
	expect_made("own/rpc");
	remove_chain("own/rpc");
}

static void indices_are_next_to_the_cache(void **state)
{
	(void)state;
	struct gw_error err;
	setenv("HOME", base, 1);
	assert_int_equal(gw_index_dir_make(path, sizeof(path), &err), GW_OK);
	snprintf(expected, sizeof(expected), "%s/.cache/ggwire", base);
	assert_string_equal(path, expected);
	remove_chain(".cache/ggwire");
	assert_int_equal(mkdir(base, 0755), 0);
	setenv("XDG_CACHE_HOME", base, 1);
	assert_int_equal(gw_index_dir_make(path, sizeof(path), &err), GW_OK);
	snprintf(expected, sizeof(expected), "%s/ggwire", base);
	assert_string_equal(path, expected);
	remove_chain("ggwire");
}

static void no_variable_is_an_error(void **state)
{
	(void)state;
	struct gw_error err;
	assert_int_equal(gw_cache_dir_make(path, sizeof(path), &err), GW_ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "HOME"));
	rmdir(base);
}

static void an_obstructing_file_is_named(void **state)
{
	(void)state;
	struct gw_error err;
	snprintf(expected, sizeof(expected), "%s/file", base);
	FILE *f = fopen(expected, "w");
	assert_non_null(f);
	fclose(f);
	setenv("LLAMA_CACHE", expected, 1);
	assert_int_equal(gw_cache_dir_make(path, sizeof(path), &err), GW_ERR_SYSTEM);
	assert_non_null(strstr(err.text, expected));
	unlink(expected);
	rmdir(base);
}

static void path_beyond_the_bound_is_refused(void **state)
{
	(void)state;
	setenv("LLAMA_CACHE", base, 1);
	assert_int_equal(gw_cache_dir_make(path, strlen(base) + 4, NULL), GW_ERR_LIMIT);
	rmdir(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(variables_have_the_stock_priorities, setup),
		cmocka_unit_test_setup(indices_are_next_to_the_cache, setup),
		cmocka_unit_test_setup(no_variable_is_an_error, setup),
		cmocka_unit_test_setup(an_obstructing_file_is_named, setup),
		cmocka_unit_test_setup(path_beyond_the_bound_is_refused, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
