/* Connections that only query the server, as clients make for each model that they load, are one line of the log. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"
#include "device/rig.h"
#include "rpc/commands.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct serving s;

static int setup(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-p", "0"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

static void query(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct gw_client *c = serving_connect(&s);
		assert_int_equal(gw_client_ping(c, NULL), GW_OK);
		gw_client_close(c);
	}
}

/* A client for which the server has noticed that all others have left. */
static struct gw_client *connect_alone(void)
{
	struct gw_client *c = serving_connect(&s);
	struct gw_ext_info info;
	struct gw_ext_status status;
	bool alone = false;
	assert_int_equal(gw_client_describe(c, 0, &info, NULL), GW_OK);
	gw_ext_info_free(&info);
	for (int tries = 0; !alone && tries < 500; tries++) {
		assert_int_equal(gw_client_status(c, &status, NULL), GW_OK);
		alone = status.n_clients == 1;
		gw_ext_status_free(&status);
		serving_sleep_ms(10);
	}
	assert_true(alone);
	return c;
}

static unsigned count_lines(const char *text)
{
	unsigned n = 0;
	for (const char *at = s.log; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static void short_connections_of_a_load_are_one_line(void **state)
{
	(void)state;
	query(8);
	struct gw_client *c = connect_alone();
	assert_true(rig_alloc(c, 4096).handle != 0);
	const char *line = serving_await(&s, ", after ");
	unsigned before = 0;
	sscanf(strstr(line, ", after "), ", after %u connections with queries only\n", &before);
	assert_int_equal(before, 8);
	gw_client_close(c);
	serving_await(&s, " left worker ");
	assert_int_equal(count_lines("client 127.0.0.1:"), 2);
}

static void connections_without_a_load_are_counted(void **state)
{
	(void)state;
	static const char end[] = " more connections from its host only queried the server\n";
	query(3);
	gw_client_close(connect_alone());
	assert_int_equal(serving_stop(&s, SIGTERM, SERVING_WAIT_MS), 0);
	/* The server may stop before the last one has left. */
	const char *line = strstr(s.log, end);
	assert_non_null(line);
	assert_true(line[-1] == '2' || line[-1] == '3');
	assert_int_equal(count_lines("client 127.0.0.1:"), 1);
}

static void what_goes_wrong_is_a_line_of_its_own(void **state)
{
	(void)state;
	query(2);
	int fd = serving_socket(&s);
	assert_int_equal(write(fd, "no request", 10), 10);
	close(fd);
	serving_await(&s, " dropped by worker ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(short_connections_of_a_load_are_one_line, setup, teardown),
		cmocka_unit_test_setup_teardown(connections_without_a_load_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(what_goes_wrong_is_a_line_of_its_own, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
