/* ggwire key: its output is a valid key file, and failures never lose a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/serving.h"
#include "transport/tls/key_file.h"

static char out[1 << 14];
static char directory[] = "/tmp/gw-key-XXXXXX";
static char path[128];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/new/keys", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	return rmdir(directory);
}

static int key(const char *what, const char *name, const char *option, const char *value)
{
	const char *args[] = {"key", "-f", path, what, name ? name : option, name ? option : value, value, NULL};
	return serving_run("ggwire", args, out, sizeof(out));
}

static void load(struct gw_tls_keys *keys)
{
	struct gw_error err;
	if (gw_tls_keys_load(path, keys, &err))
		fail_msg("%s", err.text);
}

static void adds_lists_and_removes(void **state)
{
	(void)state;
	struct gw_tls_keys keys, printed;
	struct stat st;
	assert_int_equal(key("list", NULL, NULL, NULL), 1);
	assert_int_equal(key("add", "alice", NULL, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	load(&keys);
	assert_int_equal(keys.n, 1);
	assert_string_equal(keys.keys[0].identity, "alice");
	assert_int_equal(keys.keys[0].secret_len, 32);
	/* It prints the line for the client. */
	const char *line = strstr(out, "\nalice:");
	assert_non_null(line);
	assert_int_equal(gw_tls_keys_parse(line, strlen(line), &printed, NULL), GW_OK);
	assert_memory_equal(printed.keys[0].secret, keys.keys[0].secret, 32);
	gw_tls_keys_free(&printed);
	assert_int_equal(key("add", "alice", NULL, NULL), 2);
	assert_non_null(strstr(out, "alice has a key already"));
	assert_int_equal(key("add", "bob", "-d", "30"), 0);
	struct gw_tls_keys two;
	load(&two);
	assert_int_equal(two.n, 2);
	assert_memory_equal(two.keys[0].secret, keys.keys[0].secret, 32);
	assert_memory_not_equal(two.keys[1].secret, keys.keys[0].secret, 32);
	assert_true(two.keys[1].expires > 0);
	gw_tls_keys_free(&keys);
	gw_tls_keys_free(&two);
	assert_int_equal(key("list", NULL, NULL, NULL), 0);
	assert_non_null(strstr(out, "alice"));
	assert_non_null(strstr(out, "valid to"));
	assert_null(strchr(out, ':'));
	assert_int_equal(key("remove", "carol", NULL, NULL), 1);
	assert_int_equal(key("remove", "alice", NULL, NULL), 0);
	load(&keys);
	assert_int_equal(keys.n, 1);
	assert_string_equal(keys.keys[0].identity, "bob");
	gw_tls_keys_free(&keys);
}

static void write_file(const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void keeps_comments_and_other_lines(void **state)
{
	(void)state;
	char text[256] = {0};
	write_file("# office\nbob:00112233445566778899aabbccddeeff", 0600);
	assert_int_equal(key("add", "bo", NULL, NULL), 0);
	assert_int_equal(key("remove", "bo", NULL, NULL), 0);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	assert_string_equal(text, "# office\nbob:00112233445566778899aabbccddeeff\n");
}

static void leaves_invalid_files_unchanged(void **state)
{
	(void)state;
	write_file("bob:00112233445566778899aabbccddeeff\n", 0640);
	assert_int_equal(key("add", "alice", NULL, NULL), 2);
	assert_non_null(strstr(out, "chmod 600"));
	write_file("what is this\n", 0600);
	assert_int_equal(key("add", "alice", NULL, NULL), 2);
	assert_non_null(strstr(out, "line 1"));
	assert_int_equal(key("remove", "alice", NULL, NULL), 2);
}

/* Many processes at once: every key is stored, and the file is valid. */
static void parallel_changes_are_all_kept(void **state)
{
	(void)state;
	enum {
		N = 8
	};
	char names[N][8];
	int pipes[N];
	pid_t pids[N];
	struct gw_tls_keys keys;
	unlink(path);
	for (int i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "user%d", i);
		const char *args[] = {"key", "-f", path, "add", names[i], NULL};
		pids[i] = serving_launch(args, &pipes[i]);
	}
	for (int i = 0; i < N; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
		close(pipes[i]);
	}
	load(&keys);
	assert_int_equal(keys.n, N);
	gw_tls_keys_free(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_lists_and_removes),
		cmocka_unit_test(keeps_comments_and_other_lines),
		cmocka_unit_test(leaves_invalid_files_unchanged),
		cmocka_unit_test(parallel_changes_are_all_kept),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
