/* The server as a whole: its output, its endpoints, and how it ends. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct serving s, other;
static char out[1 << 16];

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	serving_end(&other);
	return 0;
}

static void banner_comes_in_the_stock_order(void **state)
{
	(void)state;
	static const char *const lines[] = {"Starting RPC server v8.0.0",
		"  endpoint       : 127.0.0.1:", "  local cache    : n/a", "Devices:", " MiB free)",
		"  transport      : TCP", "ready"};
	serving_start(&s, ARGS("-p", "0"));
	size_t at = 0;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *found = strstr(s.log + at, lines[i]);
		if (!found)
			fail_msg("no '%s' in its place in:\n%s", lines[i], s.log);
		at = (size_t)(found - s.log);
	}
	assert_string_equal(s.log + at, "ready\n");
	assert_null(strstr(s.log, "!!!!"));
	char endpoint[GW_ENDPOINT_MAX];
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	assert_string_not_equal(endpoint, "127.0.0.1:0");
	assert_int_equal(serving_stop(&s, SIGTERM, 2000), 0);
}

/* Nothing is negotiated there. */
static void a_unix_socket_has_no_rdma(void **state)
{
	(void)state;
	char listen[64];
	snprintf(listen, sizeof(listen), "unix:/tmp/ggwire-serve-%ld", (long)getpid());
	serving_start(&s, (const char *const[]){"-d", "CPU", "--listen", listen, NULL});
	assert_non_null(strstr(s.log, "Unix socket"));
	assert_null(strcasestr(s.log, "rdma"));
}

static void open_address_is_warned_of(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-H", "0.0.0.0", "-p", "0"));
	const char *frame = strstr(s.log, "!!!!!!!!");
	assert_non_null(frame);
	const char *warning = strstr(frame, "Never expose the RPC server to an open network");
	assert_non_null(warning);
	assert_non_null(strstr(warning, "!!!!!!!!"));
	assert_int_equal(serving_stop(&s, SIGINT, 2000), 0);
}

static void busy_port_is_an_error(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-p", "0"));
	char endpoint[GW_ENDPOINT_MAX];
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	assert_int_equal(serving_run("ggwire", ARGS("serve", "--listen", endpoint), out, sizeof(out)), 1);
	assert_non_null(strstr(out, endpoint));
	assert_non_null(strstr(out, "in use"));
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
}

static void every_endpoint_is_served(void **state)
{
	(void)state;
	char dir[] = "/tmp/ggwire-test-XXXXXX", text[64];
	assert_non_null(mkdtemp(dir));
	snprintf(text, sizeof(text), "unix:%s/socket", dir);
	serving_start(&s, ARGS("--listen", text, "--listen", "127.0.0.1:0", "-H", "localhost", "-p", "0"));
	const char *line = strstr(s.log, "  endpoint");
	assert_non_null(line);
	assert_non_null(strstr(line, ", 127.0.0.1:"));
	assert_non_null(strstr(line, ", localhost:"));
	struct gw_client *c = serving_connect(&s);
	assert_string_equal(gw_client_name(c), text);
	assert_true(serving_answers(c));
	gw_client_close(c);
	serving_await(&s, "left");
	assert_int_equal(serving_stop(&s, SIGTERM, 2000), 0);
	/* The server removed the socket file, so the directory is empty. */
	assert_int_equal(rmdir(dir), 0);
}

static void stop_ends_workers_with_their_clients(void **state)
{
	(void)state;
	pid_t workers[8];
	serving_start(&s, ARGS("-p", "0"));
	struct gw_client *a = serving_connect(&s), *b = serving_connect(&s);
	assert_true(serving_answers(a));
	assert_true(serving_answers(b));
	size_t n = serving_children(s.pid, workers, 8);
	assert_true(is_within(n, 2, 6));
	assert_int_equal(serving_stop(&s, SIGTERM, 2000), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(kill(workers[i], 0), -1);
	assert_false(serving_answers(a));
	gw_client_close(a);
	gw_client_close(b);
}

static void worker_that_does_not_end_is_killed(void **state)
{
	(void)state;
	pid_t worker;
	serving_start(&s, ARGS("-p", "0"));
	assert_true(serving_children(s.pid, &worker, 1) >= 1);
	kill(worker, SIGSTOP);
	assert_int_equal(serving_stop(&s, SIGTERM, 2000), 0);
	assert_int_equal(kill(worker, 0), -1);
}

static void second_signal_ends_at_once(void **state)
{
	(void)state;
	pid_t worker;
	serving_start(&s, ARGS("-p", "0"));
	assert_true(serving_children(s.pid, &worker, 1) >= 1);
	kill(worker, SIGSTOP);
	/* Both signals are pending when it continues. It handles the lower number first and must not wait for the
	 * worker in between. */
	kill(s.pid, SIGSTOP);
	kill(s.pid, SIGINT);
	kill(s.pid, SIGTERM);
	assert_int_equal(serving_stop(&s, SIGCONT, SERVING_WAIT_MS), 128 + SIGTERM);
}

static void workers_end_with_a_killed_supervisor(void **state)
{
	(void)state;
	pid_t workers[8];
	serving_start(&s, ARGS("-p", "0"));
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	size_t n = serving_children(s.pid, workers, 8);
	assert_true(n > 0);
	serving_stop(&s, SIGKILL, 2000);
	for (size_t i = 0; i < n; i++) {
		for (int tries = 0; kill(workers[i], 0) == 0 && tries < 200; tries++)
			serving_sleep_ms(10);
		assert_int_equal(kill(workers[i], 0), -1);
	}
	gw_client_close(c);
}

static void idle_server_does_not_wake_up(void **state)
{
	(void)state;
	pid_t all[8];
	serving_start(&s, ARGS("-p", "0"));
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	serving_sleep_ms(1000);
	size_t n = serving_children(s.pid, all, 7);
	assert_true(is_within(n, 2, 6));
	all[n++] = s.pid;
	unsigned long before[8];
	for (size_t i = 0; i < n; i++)
		before[i] = serving_switches(all[i]);
	serving_sleep_ms(1000);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(serving_switches(all[i]), before[i]);
	gw_client_close(c);
}

static void cache_directory_is_made(void **state)
{
	(void)state;
	char dir[] = "/tmp/ggwire-test-XXXXXX", parent[64], path[80], line[128];
	assert_non_null(mkdtemp(dir));
	snprintf(parent, sizeof(parent), "%s/a", dir);
	snprintf(path, sizeof(path), "%s/rpc", parent);
	snprintf(line, sizeof(line), "  local cache    : %s\n", path);
	setenv("LLAMA_CACHE", parent, 1);
	serving_start(&s, ARGS("-p", "0", "-c"));
	unsetenv("LLAMA_CACHE");
	assert_non_null(strstr(s.log, line));
	assert_int_equal(rmdir(path) | rmdir(parent) | rmdir(dir), 0);
}

static void clients_beyond_the_limit_are_refused(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-p", "0", "--max-clients", "1"));
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	struct gw_client *late = serving_connect(&s);
	assert_false(serving_answers(late));
	gw_client_close(late);
	serving_await(&s, "refused: all 1 client slots are in use; raise --max-clients or try again later");
	assert_true(serving_answers(c));
	gw_client_close(c);
	serving_await(&s, "left");
	c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
}

static void running_out_of_descriptors_is_survived(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-p", "0"));
	struct rlimit normal, low;
	assert_int_equal(prlimit(s.pid, RLIMIT_NOFILE, NULL, &normal), 0);
	low = normal;
	low.rlim_cur = 3;
	assert_int_equal(prlimit(s.pid, RLIMIT_NOFILE, &low, NULL), 0);
	int fd = serving_socket(&s);
	serving_await(&s, "cannot accept connections: ");
	unsigned long before = serving_switches(s.pid);
	serving_sleep_ms(1000);
	assert_true(serving_switches(s.pid) - before < 20);
	assert_int_equal(prlimit(s.pid, RLIMIT_NOFILE, &normal, NULL), 0);
	assert_int_equal(send(fd, "no request", 10, MSG_NOSIGNAL), 10);
	serving_await(&s, "dropped by worker");
	close(fd);
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
	assert_null(strstr(s.log + s.mark, "cannot accept"));
}

static void signals_that_were_ignored_stay_so(void **state)
{
	(void)state;
	signal(SIGHUP, SIG_IGN);
	serving_start(&s, ARGS("-p", "0"));
	signal(SIGHUP, SIG_DFL);
	kill(s.pid, SIGHUP);
	serving_sleep_ms(100);
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
	assert_int_equal(serving_stop(&s, SIGTERM, 2000), 0);
	serving_start(&s, ARGS("-p", "0"));
	assert_int_equal(serving_stop(&s, SIGHUP, 2000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(banner_comes_in_the_stock_order, teardown),
		cmocka_unit_test_teardown(a_unix_socket_has_no_rdma, teardown),
		cmocka_unit_test_teardown(open_address_is_warned_of, teardown),
		cmocka_unit_test_teardown(busy_port_is_an_error, teardown),
		cmocka_unit_test_teardown(every_endpoint_is_served, teardown),
		cmocka_unit_test_teardown(stop_ends_workers_with_their_clients, teardown),
		cmocka_unit_test_teardown(worker_that_does_not_end_is_killed, teardown),
		cmocka_unit_test_teardown(second_signal_ends_at_once, teardown),
		cmocka_unit_test_teardown(workers_end_with_a_killed_supervisor, teardown),
		cmocka_unit_test_teardown(idle_server_does_not_wake_up, teardown),
		cmocka_unit_test_teardown(cache_directory_is_made, teardown),
		cmocka_unit_test_teardown(clients_beyond_the_limit_are_refused, teardown),
		cmocka_unit_test_teardown(running_out_of_descriptors_is_survived, teardown),
		cmocka_unit_test_teardown(signals_that_were_ignored_stay_so, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
