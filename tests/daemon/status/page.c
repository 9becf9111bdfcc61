/* The status page in a browser: a client appears on it and disappears again. The test controls a headless Chromium over
 * pipes with the DevTools protocol (JSON messages that end with a NUL). Skipped where Chromium is missing. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/serving.h"

#define BROWSER "chromium"
#define WAIT_MS 60000

extern char **environ;

static struct serving s;
static pid_t browser;
static int to, from; /* the browser's pipes */
static char profile[] = "/tmp/ggwire-page-XXXXXX";
static char message[1 << 18]; /* the last complete message */
static size_t pending;        /* bytes of the next message */
static char session[64];
static unsigned last_id;

static void start_browser(void)
{
	int commands[2], answers[2];
	char data[64];
	assert_int_equal(pipe2(commands, O_CLOEXEC), 0);
	assert_int_equal(pipe2(answers, O_CLOEXEC), 0);
	assert_non_null(mkdtemp(profile));
	snprintf(data, sizeof(data), "--user-data-dir=%s", profile);
	char *argv[] = {BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--remote-debugging-pipe", data, "about:blank", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	posix_spawn_file_actions_init(&files);
	/* Moves the pipes away from descriptors 3 and 4 first. */
	int in = fcntl(commands[0], F_DUPFD_CLOEXEC, 10), out = fcntl(answers[1], F_DUPFD_CLOEXEC, 10);
	posix_spawn_file_actions_adddup2(&files, in, 3);
	posix_spawn_file_actions_adddup2(&files, out, 4);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	assert_int_equal(posix_spawnp(&browser, BROWSER, &files, &attr, argv, environ), 0);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	close(in);
	close(out);
	close(commands[0]);
	close(answers[1]);
	to = commands[1];
	from = answers[0];
}

/* Receives the next message. Fails the test if none arrives in time. */
static void receive(void)
{
	static char buffer[sizeof(message)];
	char *end;
	struct pollfd p = {.fd = from, .events = POLLIN};
	while (!(end = memchr(buffer, 0, pending))) {
		if (pending == sizeof(buffer) || poll(&p, 1, WAIT_MS) <= 0)
			fail_msg("the browser does not answer");
		ssize_t n = read(from, buffer + pending, sizeof(buffer) - pending);
		if (n <= 0)
			fail_msg("the browser closed the connection");
		pending += (size_t)n;
	}
	size_t len = (size_t)(end + 1 - buffer);
	memcpy(message, buffer, len);
	memmove(buffer, buffer + len, pending - len);
	pending -= len;
}

/* Sends a command and waits for the reply, which is then in message. */
static void command(const char *method, const char *params)
{
	char text[2048], answer[32];
	int n = snprintf(text, sizeof(text), "{\"id\":%u,%s%s%s\"method\":\"%s\",\"params\":%s}", ++last_id,
		session[0] ? "\"sessionId\":\"" : "", session, session[0] ? "\"," : "", method, params);
	assert_int_equal(write(to, text, (size_t)n + 1), n + 1);
	snprintf(answer, sizeof(answer), "{\"id\":%u,", last_id);
	do
		receive();
	while (strncmp(message, answer, strlen(answer)) != 0);
}

static void take_text(const char *key, char *out, size_t size)
{
	const char *at = strstr(message, key);
	if (!at)
		fail_msg("no %s in %s", key, message);
	at += strlen(key);
	snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

static void open_page(const char *url)
{
	char params[256], target[64];
	snprintf(params, sizeof(params), "{\"url\":\"%s\"}", url);
	command("Target.createTarget", params);
	take_text("\"targetId\":\"", target, sizeof(target));
	snprintf(params, sizeof(params), "{\"targetId\":\"%s\",\"flatten\":true}", target);
	command("Target.attachToTarget", params);
	take_text("\"sessionId\":\"", session, sizeof(session));
}

/* Evaluates the expression in the page until it is true. */
static void await_true(const char *expression)
{
	char params[1024];
	uint64_t end = gw_clock_ns() + WAIT_MS * GW_NS_PER_MS;
	snprintf(params, sizeof(params), "{\"expression\":\"%s\",\"returnByValue\":true}", expression);
	do {
		command("Runtime.evaluate", params);
		if (strstr(message, "\"value\":true"))
			return;
		serving_sleep_ms(100);
	} while (gw_clock_ns() < end);
	fail_msg("never true in the page: %s: %s", expression, message);
}

static int teardown(void **state)
{
	(void)state;
	if (browser > 0) {
		kill(-browser, SIGKILL);
		waitpid(browser, NULL, 0);
		char remove[96];
		snprintf(remove, sizeof(remove), "rm -rf %s", profile);
		if (system(remove))
			return -1;
	}
	serving_end(&s);
	return 0;
}

static void client_appears_and_disappears(void **state)
{
	(void)state;
	char url[64] = "";
	if (system("command -v " BROWSER " >/dev/null 2>&1")) {
		print_message("skipped: there is no %s (Debian's package of that name)\n", BROWSER);
		skip();
	}
	serving_start(&s, (const char *const[]){"-p", "0", "--http", "0", NULL});
	const char *at = strstr(s.log, "http://127.0.0.1:");
	assert_non_null(at);
	snprintf(url, sizeof(url), "%.*s", (int)strcspn(at, "\n"), at);
	struct gw_client *early = serving_connect(&s);
	assert_true(serving_answers(early));
	serving_sleep_ms(4500);
	gw_client_close(early);
	start_browser();
	open_page(url);
	await_true("document.querySelectorAll('.device').length > 0 && document.getElementById('state').className === "
		   "'good'");
	await_true(
		"document.querySelectorAll('#clients tr').length === 0 && !document.getElementById('nobody').hidden");
	/* The page shows the server, its totals, and a scale on which a load does not flatten the rest. */
	await_true("document.getElementById('title').textContent.startsWith('ggwire on ') && "
		   "document.getElementById('host').textContent.startsWith('127.0.0.1:')");
	await_true("document.querySelectorAll('#totals dt').length === 10");
	/* No logits were read: there is no rate of tokens to show. */
	await_true("document.getElementById('n-tokens').textContent === '–'");
	await_true("traffic.span > 1000 && times.span > 1000");
	/* Traffic from before the page was opened. */
	await_true("traffic.points.some((p) => p.values && p.values[0] > 0 && p.t < performance.timeOrigin / 1000)");

	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	await_true("document.querySelectorAll('#clients tr').length === 1 && "
		   "document.querySelector('#clients td').textContent.startsWith('127.0.0.1:')");
	await_true("document.getElementById('n-clients').textContent === '1'");
	await_true("document.querySelectorAll('#charts svg path').length === 6");
	gw_client_close(c);
	await_true("document.querySelectorAll('#clients tr').length === 0");

	serving_stop(&s, SIGTERM, 5000);
	await_true("document.getElementById('state').className === 'bad'");
	/* What is left on the page is old, and looks like it. */
	await_true("document.body.classList.contains('stale') && "
		   "/these numbers are \\\\d+ s old/.test(document.getElementById('state').textContent)");
	await_true("document.title.startsWith('(gone) ')");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(client_appears_and_disappears, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
