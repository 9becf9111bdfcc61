/* A log line is one line in one write, truncated, filtered by level, and harmless to terminals. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

struct seen {
	int n;
	enum gw_log_level level;
	char line[2048];
};

static void note(enum gw_log_level level, const char *line, void *user)
{
	struct seen *seen = user;
	seen->n++;
	seen->level = level;
	strncpy(seen->line, line, sizeof(seen->line) - 1);
}

static void test_sink_gets_level_and_text(void **state)
{
	(void)state;
	struct seen seen = {0};
	gw_log_set_sink(note, &seen);
	gw_log_warn("%s %d", "device", 3);
	gw_log_set_sink(NULL, NULL);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.level, GW_LOG_WARN);
	assert_string_equal(seen.line, "device 3");
}

static void test_environment_decides_the_first_level(void **state)
{
	(void)state;
	assert_false(gw_log_enabled(GW_LOG_DEBUG));
	assert_true(gw_log_enabled(GW_LOG_INFO));
}

static void test_level_filters(void **state)
{
	(void)state;
	struct seen seen = {0};
	gw_log_set_sink(note, &seen);
	gw_log_set_level(GW_LOG_WARN);
	gw_log_info("not written");
	gw_log_debug("not written");
	assert_int_equal(seen.n, 0);
	gw_log_error("written");
	assert_int_equal(seen.n, 1);
	gw_log_set_level(GW_LOG_DEBUG);
	gw_log_debug("written");
	assert_int_equal(seen.n, 2);
	gw_log_set_level(GW_LOG_INFO);
	gw_log_set_sink(NULL, NULL);
}

static void test_controls_of_a_peer_are_blanked(void **state)
{
	(void)state;
	struct seen seen = {0};
	gw_log_set_sink(note, &seen);
	gw_log_info("name %s", "a\nERROR forged\x1b[2J\x7f\xc3\xa9");
	gw_log_set_sink(NULL, NULL);
	assert_string_equal(seen.line, "name a?ERROR forged?[2J?\xc3\xa9");
}

static void expect_line(const char *text, const char *line)
{
	struct seen seen = {0};
	gw_log_set_sink(note, &seen);
	gw_log_info("%s", text);
	gw_log_set_sink(NULL, NULL);
	assert_string_equal(seen.line, line);
}

/* A lone 0x9b, and U+009B, mean ESC [, which starts a terminal control sequence. */
static void test_controls_above_ascii_are_blanked(void **state)
{
	(void)state;
	expect_line("a\x9b"
		    "2Jb",
		"a?2Jb");
	expect_line("a\xc2\x9b"
		    "2Jb\xc2\x80\xc2\x9f",
		"a?2Jb??");
	expect_line("\xe2\x80\xae"
		    "reversed\xe2\x80\xa8next",
		"?reversed?next");
	expect_line("caf\xc3\xa9 \xe6\x97\xa5", "caf\xc3\xa9 \xe6\x97\xa5");
}

static void test_invalid_utf8_is_replaced(void **state)
{
	(void)state;
	expect_line("\xff\xfe", "??");
	expect_line("cut \xe6\x97", "cut ??");
	expect_line("overlong \xc0\x8a", "overlong ??");
	expect_line("surrogate \xed\xa0\x80", "surrogate ???");
}

static void test_errno_survives(void **state)
{
	(void)state;
	int saved = dup(STDERR_FILENO);
	close(STDERR_FILENO);
	errno = ENOSPC;
	gw_log_info("goes nowhere");
	int after = errno;
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(after, ENOSPC);
}

/* Redirects stderr to a socket that preserves write boundaries. Returns its other end. */
static int capture_stderr(int *saved)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	*saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

static void release_stderr(int saved)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static void test_one_line_is_one_write(void **state)
{
	(void)state;
	char longer[4096];
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';

	int saved;
	int fd = capture_stderr(&saved);
	gw_log_info("short %d", 1);
	gw_log_info("%s", longer);
	release_stderr(saved);

	char got[4096];
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 8);
	assert_memory_equal(got, "short 1\n", 8);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 1024);
	assert_int_equal(got[1022], 'x');
	assert_int_equal(got[1023], '\n');
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 0);
	close(fd);
}

#define THREADS 4
#define LINES 500

static void count(enum gw_log_level level, const char *line, void *user)
{
	(void)level;
	(void)line;
	++*(int *)user; /* without a lock: the log guarantees one call at a time */
}

static void *log_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		gw_log_info("line %d", i);
	return arg;
}

static void test_sink_is_called_by_one_thread_at_a_time(void **state)
{
	(void)state;
	int n = 0;
	gw_log_set_sink(count, &n);
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_lines, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	gw_log_set_sink(NULL, NULL);
	assert_int_equal(n, THREADS * LINES);
}

int main(void)
{
	unsetenv("GGML_RPC_DEBUG");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment_decides_the_first_level),
		cmocka_unit_test(test_sink_gets_level_and_text),
		cmocka_unit_test(test_level_filters),
		cmocka_unit_test(test_controls_of_a_peer_are_blanked),
		cmocka_unit_test(test_controls_above_ascii_are_blanked),
		cmocka_unit_test(test_invalid_utf8_is_replaced),
		cmocka_unit_test(test_errno_survives),
		cmocka_unit_test(test_one_line_is_one_write),
		cmocka_unit_test(test_sink_is_called_by_one_thread_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
