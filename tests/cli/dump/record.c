/* Clients of `ggwire record` get the same replies as without it, and dump prints the recording. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct serving server, recorder;
static char directory[] = "/tmp/ggwire-test-XXXXXX";
static char out[1 << 16];

static int setup(void **state)
{
	(void)state;
	strcpy(directory + sizeof(directory) - sizeof("XXXXXX"), "XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static const char *file(int number)
{
	static char path[64];
	snprintf(path, sizeof(path), "%s/%d.rec", directory, number);
	return path;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&recorder);
	serving_end(&server);
	unlink(file(1));
	unlink(file(2));
	rmdir(directory);
	return 0;
}

static void start_recorder(const char *endpoint)
{
	serving_start_verb(
		&recorder, ARGS("record", "-l", "127.0.0.1:0", "-d", directory, endpoint), "recording connections to ");
}

static void recorder_endpoint(char *text, size_t size)
{
	const char *at = strstr(recorder.log, "connections to ");
	assert_non_null(at);
	at += strlen("connections to ");
	snprintf(text, size, "%.*s", (int)strcspn(at, ","), at);
}

static void says(const char *text)
{
	if (!strstr(out, text))
		fail_msg("no '%s' in:\n%s", text, out);
}

static void each_connection_has_a_file(void **state)
{
	(void)state;
	char endpoint[GW_ENDPOINT_MAX];
	serving_start(&server, ARGS("--listen", "127.0.0.1:0"));
	serving_endpoint(&server, endpoint, sizeof(endpoint));
	start_recorder(endpoint);
	recorder_endpoint(endpoint, sizeof(endpoint));
	for (int i = 1; i <= 2; i++) {
		struct gw_client *c;
		struct gw_error err;
		if (gw_client_connect(endpoint, &c, &err) != GW_OK)
			fail_msg("%s", err.text);
		assert_true(serving_answers(c));
		gw_client_close(c);
		serving_await(&recorder, ": ended");
		assert_int_equal(serving_run("ggwire", ARGS("dump", file(i)), out, sizeof(out)), 0);
		says("    1 > HELLO no RDMA\n");
		says("    1 < HELLO version 8.0.0, extensions 1, no RDMA\n");
		says("> DEVICE_COUNT \n");
		says("< DEVICE_COUNT 1\n");
		says("> ALLOC_BUFFER device 0, ");
	}
	assert_int_equal(serving_stop(&recorder, SIGTERM, SERVING_WAIT_MS), -1);
}

/* The port was free a moment ago. */
static void missing_server_is_named(void **state)
{
	(void)state;
	char endpoint[GW_ENDPOINT_MAX], nobody[GW_ENDPOINT_MAX];
	struct gw_client *c;
	struct gw_error err;
	serving_start(&server, ARGS("--listen", "127.0.0.1:0"));
	serving_endpoint(&server, nobody, sizeof(nobody));
	serving_end(&server);
	start_recorder(nobody);
	recorder_endpoint(endpoint, sizeof(endpoint));
	assert_int_not_equal(gw_client_connect(endpoint, &c, &err), GW_OK);
	serving_await(&recorder, nobody);
	assert_int_not_equal(access(file(1), F_OK), 0);
}

static void command_line_is_checked(void **state)
{
	(void)state;
	assert_int_equal(serving_run("ggwire", ARGS("record", "127.0.0.1:1,127.0.0.1:2"), out, sizeof(out)), 2);
	says("one server is expected, not 2\n");
	assert_int_equal(serving_run("ggwire", ARGS("record", "-l", "nonsense:x", "127.0.0.1:1"), out, sizeof(out)), 2);
	assert_int_equal(serving_run("ggwire", ARGS("record", "--frobnicate", "127.0.0.1:1"), out, sizeof(out)), 2);
	assert_int_equal(serving_run("ggwire", ARGS("record", "-d", "/nowhere", "127.0.0.1:1"), out, sizeof(out)), 1);
	says("/nowhere: No such file or directory\n");
	assert_int_equal(serving_run("ggwire", ARGS("record", "--help"), out, sizeof(out)), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_connection_has_a_file),
		TEST(missing_server_is_named),
		TEST(command_line_is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
