/* What top writes to a terminal: colours, unless NO_COLOR is set. */
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct serving s;
static char endpoint[GW_ENDPOINT_MAX];
static char shown[1 << 16];

static int setup(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-p", "0"));
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

/* Reads what is written to the terminal until it contains the text. False if it ends before. */
static bool read_until(int terminal, const char *text)
{
	size_t len = strlen(shown);
	struct pollfd p = {.fd = terminal, .events = POLLIN};
	while (!strstr(shown, text) && len + 1 < sizeof(shown) && poll(&p, 1, SERVING_WAIT_MS) > 0) {
		ssize_t n = read(terminal, shown + len, sizeof(shown) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		shown[len] = '\0';
	}
	return strstr(shown, text) != NULL;
}

/* Runs top in a terminal of its own until it has shown its devices and clients, and ends it with q. */
static void run_top(const char *no_color)
{
	const struct winsize size = {.ws_row = 24, .ws_col = 80};
	int terminal, status;
	shown[0] = '\0';
	pid_t pid = forkpty(&terminal, NULL, NULL, &size);
	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		if (no_color)
			setenv("NO_COLOR", no_color, 1);
		else
			unsetenv("NO_COLOR");
		execl(GGWIRE_PROGRAM, "ggwire", "top", endpoint, (char *)NULL);
		_exit(127);
	}
	bool seen = read_until(terminal, "no client is connected");
	assert_int_equal(write(terminal, "q", 1), 1);
	/* To its end: a terminal whose other end is closed cannot be read. */
	read_until(terminal, "\a never written");
	close(terminal);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!seen)
		fail_msg("%s", shown);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Whether an SGR sequence chose a colour other than the terminal's own: 30 to 37, or 38. */
static bool has_colours(void)
{
	for (const char *at = shown; (at = strstr(at, "\x1b[")); at += 2)
		for (const char *n = at + 2; strchr("0123456789;", *n) && *n; n++)
			if (n[0] == '3' && n[1] >= '0' && n[1] <= '8' && (n[-1] == '[' || n[-1] == ';') &&
				(n[2] == 'm' || n[2] == ';'))
				return true;
	return false;
}

/* Without ncurses, top prints once, and there is nothing to colour. */
static void skip_without_ncurses(void)
{
	char out[4096];
	serving_run("ggwire", ARGS("--version"), out, sizeof(out));
	const char *features = strstr(out, "features:"), *ncurses = strstr(out, "ncurses");
	assert_non_null(features);
	if (!ncurses || ncurses < features || strcspn(features, "\n") < (size_t)(ncurses - features))
		skip();
}

static void a_terminal_gets_colours(void **state)
{
	(void)state;
	skip_without_ncurses();
	run_top(NULL);
	assert_true(has_colours());
	/* An empty value counts as unset. */
	run_top("");
	assert_true(has_colours());
}

static void no_color_is_honoured(void **state)
{
	(void)state;
	skip_without_ncurses();
	run_top("1");
	assert_non_null(strstr(shown, "CPU"));
	assert_false(has_colours());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_terminal_gets_colours, setup, teardown),
		cmocka_unit_test_setup_teardown(no_color_is_honoured, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
