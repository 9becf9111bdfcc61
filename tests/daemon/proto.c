/* One server with several protocol versions, each on its own endpoint. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct serving s;

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

/* The endpoint of the banner line that is marked with this protocol. */
static void marked_endpoint(const char *mark, char *out, size_t size)
{
	char text[64];
	snprintf(text, sizeof(text), " (protocol %s)", mark);
	const char *end = strstr(s.log, text);
	if (!end)
		fail_msg("no endpoint of protocol %s in:\n%s", mark, s.log);
	const char *begin = end;
	while (begin[-1] != ' ')
		begin--;
	snprintf(out, size, "%.*s", (int)(end - begin), begin);
}

static void assert_speaks(const char *endpoint, uint8_t major, uint8_t minor, uint8_t patch)
{
	struct gw_client *c;
	struct gw_error err;
	if (gw_client_connect(endpoint, &c, &err))
		fail_msg("%s", err.text);
	struct gw_version v = gw_client_dialect(c)->version;
	assert_int_equal(v.major, major);
	assert_int_equal(v.minor, minor);
	assert_int_equal(v.patch, patch);
	assert_true(serving_answers(c));
	gw_client_close(c);
}

static void old_and_new_clients_are_served_side_by_side(void **state)
{
	(void)state;
	char newest[GW_ENDPOINT_MAX], v4[GW_ENDPOINT_MAX], v51[GW_ENDPOINT_MAX];
	serving_start(&s, ARGS("--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0,proto=4.0", "--listen",
				  "127.0.0.1:0,proto=5.1.0"));
	serving_endpoint(&s, newest, sizeof(newest));
	marked_endpoint("4.0.0", v4, sizeof(v4));
	marked_endpoint("5.1.0", v51, sizeof(v51));
	assert_null(strstr(s.log, "(protocol 8"));
	assert_speaks(newest, 8, 0, 0);
	assert_speaks(v4, 4, 0, 0);
	assert_speaks(v51, 5, 1, 0);
	/* A worker can serve one version and then another. */
	assert_speaks(newest, 8, 0, 0);
	assert_speaks(v4, 4, 0, 0);
}

static void old_protocols_can_be_served_alone(void **state)
{
	(void)state;
	char endpoint[GW_ENDPOINT_MAX];
	serving_start(&s, ARGS("--listen", "127.0.0.1:0,proto=4.0.2"));
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	assert_speaks(endpoint, 4, 0, 2);
}

/* Protocol 3 sends HELLO without a body. The stock server of 4.0 closes such a connection without a reply. */
static void clients_of_protocol_3_are_refused_by_name(void **state)
{
	(void)state;
	static const char hello[9] = {14};
	serving_start(&s, ARGS("--listen", "127.0.0.1:0,proto=4.0"));
	int fd = serving_socket(&s);
	assert_int_equal(send(fd, hello, sizeof(hello), MSG_NOSIGNAL), sizeof(hello));
	assert_true(serving_sees_end(fd));
	close(fd);
	serving_await(&s, "the client speaks RPC protocol 3 or older");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(old_and_new_clients_are_served_side_by_side, teardown),
		cmocka_unit_test_teardown(old_protocols_can_be_served_alone, teardown),
		cmocka_unit_test_teardown(clients_of_protocol_3_are_refused_by_name, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
