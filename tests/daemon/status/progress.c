/* The progress line of a loading client: only on terminals, and only until loading ends. */
#include "daemon/status/progress.h"
#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/events.h"
#include "base/log.h"

static struct gw_scoreboard *board, *worker;
static struct gw_progress *progress;
static uint32_t slot;
static int terminal = -1, standard = -1;
static char out[8192];

/* Replaces standard error by a terminal. */
static void open_terminal(void)
{
	terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	int other = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(other >= 0);
	assert_int_equal(dup2(other, STDERR_FILENO), STDERR_FILENO);
	close(other);
	assert_int_equal(ioctl(terminal, TIOCSWINSZ, &(struct winsize){.ws_row = 24, .ws_col = 120}), 0);
}

static int setup(void **state)
{
	(void)state;
	int fds[2];
	const struct gw_scoreboard_client client = {.address = "192.0.2.7:1", .endpoint = "127.0.0.1:50052"};
	standard = dup(STDERR_FILENO);
	setenv("TERM", "xterm", 1);
	assert_int_equal(gw_scoreboard_new(1, 1, &board, NULL), GW_OK);
	assert_true(gw_scoreboard_take(board, &slot));
	gw_scoreboard_fds(board, fds);
	fds[0] = dup(fds[0]);
	fds[1] = dup(fds[1]);
	assert_int_equal(gw_scoreboard_attach(fds, 1, slot, &worker, NULL), GW_OK);
	gw_scoreboard_begin(board, slot, &client);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gw_progress_free(progress);
	progress = NULL;
	dup2(standard, STDERR_FILENO);
	close(standard);
	if (terminal >= 0)
		close(terminal);
	terminal = -1;
	gw_scoreboard_free(worker);
	gw_scoreboard_free(board);
	return 0;
}

/* The terminal's output since the last call. */
static const char *shown(void)
{
	size_t len = 0;
	struct pollfd p = {.fd = terminal, .events = POLLIN};
	while (len + 1 < sizeof(out) && poll(&p, 1, 100) > 0) {
		ssize_t n = read(terminal, out + len, sizeof(out) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
	return out;
}

static void nothing_is_drawn_without_a_terminal(void **state)
{
	(void)state;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(null, STDERR_FILENO);
	close(null);
	assert_int_equal(gw_progress_new(board, &progress, NULL), GW_OK);
	assert_null(progress);
	gw_progress_begin(progress, slot, "x");
	assert_true(gw_progress_deadline(progress) == GW_CLOCK_NEVER);
	gw_progress_draw(progress);
	gw_progress_end(progress, slot);
}

static void load_has_a_line_until_it_is_over(void **state)
{
	(void)state;
	struct gw_counters *c = gw_scoreboard_counters(worker);
	open_terminal();
	assert_int_equal(gw_progress_new(board, &progress, NULL), GW_OK);
	assert_non_null(progress);
	/* Without a loading client there is no timer. */
	assert_true(gw_progress_deadline(progress) == GW_CLOCK_NEVER);
	gw_counters_add(c, GW_COUNT_LOADED_NETWORK, 300 << 20);
	gw_counters_add(c, GW_COUNT_LOADED_MODEL, 50 << 20);
	gw_progress_begin(progress, slot, "192.0.2.7:1\x1b[31m");
	assert_true(gw_progress_deadline(progress) != GW_CLOCK_NEVER);
	gw_progress_draw(progress);
	assert_non_null(strstr(shown(), "192.0.2.7:1?[31m loads: 350.0 MiB, "));
	assert_non_null(strstr(out, "(network 300.0 MiB, local model 50.0 MiB)"));
	/* A log line replaces the progress line. */
	gw_log_info("something else");
	assert_non_null(strstr(shown(), "\x1b[Jsomething else\r\n"));
	gw_progress_end(progress, slot);
	assert_non_null(strstr(shown(), "has loaded 350.0 MiB within "));
	assert_true(gw_progress_deadline(progress) == GW_CLOCK_NEVER);
	gw_progress_end(progress, slot);
	assert_string_equal(shown(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_drawn_without_a_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(load_has_a_line_until_it_is_over, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
