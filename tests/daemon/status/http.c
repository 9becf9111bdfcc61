/* A separate, tightly sandboxed process serves HTTP, and slow or hostile connections do not keep others from the status
 * page. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/serving.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SLOW 40

static struct serving s;
static uint16_t port;

static int setup(void **state)
{
	(void)state;
	setenv("GGWIRE_TEST_SECRET", "x", 1);
	setenv("CUDA_VISIBLE_DEVICES", "", 1);
	serving_start(&s, ARGS("-p", "0", "--http", "0"));
	const char *at = strstr(s.log, "status page: http://127.0.0.1:");
	if (!at)
		return -1;
	port = (uint16_t)atoi(at + strlen("status page: http://127.0.0.1:"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

/* Whether the server answers a status request from this address. */
static bool is_answered(const char *from)
{
	static const char request[] = "GET /status.json HTTP/1.0\r\n\r\n";
	char line[16] = "";
	size_t len = 0;
	int fd = serving_dial(port, from);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	(void)!send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
	while (len < 12 && poll(&p, 1, SERVING_WAIT_MS) > 0) {
		ssize_t n = recv(fd, line + len, 12 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	return strcmp(line, "HTTP/1.1 200") == 0;
}

static pid_t http_process(void)
{
	pid_t pid = 0;
	for (int tries = 0; serving_children_of_kind(s.pid, "http", &pid, 1) == 0 && tries < 500; tries++)
		serving_sleep_ms(10);
	assert_true(pid != 0);
	return pid;
}

/* Sends requests slowly, so that they are never complete. */
static void drip(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)!send(fds[i], "x", 1, MSG_NOSIGNAL);
}

static void slow_connections_do_not_starve_others(void **state)
{
	(void)state;
	int fds[SLOW];
	for (size_t i = 0; i < SLOW; i++) {
		fds[i] = serving_dial(port, "127.0.0.1");
		assert_true(send(fds[i], "GET / HTTP/1.1\r\nX: ", 19, MSG_NOSIGNAL) > 0);
	}
	for (int i = 0; i < 5; i++) {
		drip(fds, SLOW);
		assert_true(is_answered("127.0.0.1"));
		assert_true(is_answered("127.0.0.2"));
		serving_sleep_ms(200);
	}
	for (size_t i = 0; i < SLOW; i++)
		close(fds[i]);
}

/* Receiving single bytes does not extend the time-out. */
static void a_request_that_is_never_complete_times_out(void **state)
{
	(void)state;
	uint64_t begun = gw_clock_ns();
	int fd = serving_dial(port, "127.0.0.1");
	struct pollfd p = {.fd = fd, .events = POLLIN};
	assert_true(send(fd, "GET / HTTP/1.1\r\nX: ", 19, MSG_NOSIGNAL) > 0);
	while (poll(&p, 1, 500) == 0) {
		drip(&fd, 1);
		assert_true(gw_clock_ns() - begun < UINT64_C(20000000000));
	}
	close(fd);
}

static void a_killed_http_process_is_replaced(void **state)
{
	(void)state;
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	pid_t first = http_process();
	assert_int_equal(kill(first, SIGKILL), 0);
	serving_await(&s, "died of signal 9");
	serving_await(&s, "the status page restarts in 1 s");
	assert_true(serving_answers(c));
	gw_client_close(c);
	assert_int_not_equal(http_process(), first);
	for (int tries = 0; !is_answered("127.0.0.1") && tries < 200; tries++)
		serving_sleep_ms(20);
	assert_true(is_answered("127.0.0.1"));
}

/* The number after a name in a file of /proc. */
static long number_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	assert_non_null(at);
	return atol(at + strlen(name));
}

static void http_process_is_sandboxed(void **state)
{
	(void)state;
	char text[1 << 14];
	pid_t pid = http_process();
	bool seccomp = strstr(s.log, "no new privileges, seccomp") != NULL;
	serving_proc(pid, "status", text, sizeof(text));
	assert_int_equal(number_of(text, "\nNoNewPrivs:\t"), 1);
	assert_int_equal(number_of(text, "\nSeccomp:\t"), seccomp ? 2 : 0);
	assert_int_equal(number_of(text, "\nThreads:\t"), 1);
	serving_proc(pid, "limits", text, sizeof(text));
	assert_int_equal(number_of(text, "Max core file size"), 0);
	assert_true(number_of(text, "Max open files") < 100);
	if (geteuid() != 0)
		return;
	size_t n = serving_proc(pid, "environ", text, sizeof(text));
	assert_true(n > 0);
	assert_null(memmem(text, n, "GGWIRE_TEST_SECRET", 18));
	assert_null(memmem(text, n, "CUDA_VISIBLE_DEVICES", 20));
	assert_null(memmem(text, n, "HOME=", 5));
	/* The standard ones, the socket to the supervisor, the listener, and epoll. */
	assert_true(serving_descriptors(pid) - 2 <= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(slow_connections_do_not_starve_others, setup, teardown),
		cmocka_unit_test_setup_teardown(a_request_that_is_never_complete_times_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_http_process_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(http_process_is_sandboxed, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
