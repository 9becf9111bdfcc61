/* A refused client learns why, in a sentence with the remedy; a stock client sees the connection close; and strangers
 * learn no more than that. */
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

#include "daemon/serving.h"
#include "rpc/commands.h"
#include "wire/message.h"
#include "wire/refusal.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct serving s;
static uint16_t port;
static char endpoint[GW_ENDPOINT_MAX], out[1 << 16];

static void start(const char *const *args)
{
	serving_start(&s, args);
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	port = (uint16_t)atoi(strrchr(endpoint, ':') + 1);
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

/* Runs a verb and expects it to end with that status, after saying text. */
static void expect(int status, const char *text, const char *const *args)
{
	int got = serving_run("ggwire", args, out, sizeof(out));
	if (got != status || !strstr(out, text))
		fail_msg("exit status %d instead of %d, without \"%s\":\n%s", got, status, text, out);
}

/* Everything that comes until the server closes the connection. -1: it did not close it in an orderly way. */
static ssize_t drain(int fd, uint8_t *bytes, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t got = 0;
	while (got < size && poll(&p, 1, SERVING_WAIT_MS) > 0) {
		ssize_t n = recv(fd, bytes + got, size - got, 0);
		if (n <= 0)
			return n < 0 ? n : (ssize_t)got;
		got += (size_t)n;
	}
	return -1;
}

static void send_request(int fd, unsigned cmd, size_t size)
{
	uint8_t request[GW_REQUEST_HEADER + GW_WIRE_HELLO_REQ] = {(uint8_t)cmd, (uint8_t)size};
	assert_int_equal(send(fd, request, GW_REQUEST_HEADER + size, MSG_NOSIGNAL), GW_REQUEST_HEADER + size);
}

static void expect_reason(int fd, uint32_t reason)
{
	uint8_t bytes[64];
	struct gw_ext_refusal refusal = {0};
	assert_int_equal(drain(fd, bytes, sizeof(bytes)), GW_REPLY_HEADER);
	assert_true(gw_reply_is_refusal(gw_le64(bytes), &refusal));
	assert_int_equal(refusal.reason, reason);
}

static void a_full_server_says_so(void **state)
{
	(void)state;
	start(ARGS("-p", "0", "--max-clients", "1"));
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	expect(1, "refused: all 1 client slots are in use; try again later, or raise --max-clients on the server",
		ARGS("bench", endpoint));
	expect(1, "refused: all 1 client slots are in use", ARGS("doctor", endpoint));
	expect(69, "refused: all 1 client slots are in use", ARGS("run", "--servers", endpoint, "--", "true"));
	expect(0, "1 of 1 clients", ARGS("status", endpoint));
	gw_client_close(c);
}

static void a_host_with_its_share_is_told_that(void **state)
{
	(void)state;
	start(ARGS("-p", "0", "--max-clients-per-host", "1"));
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	expect(1,
		"refused: this host already has 1 connections, its limit; close some, or raise --max-clients-per-host",
		ARGS("bench", endpoint));
	gw_client_close(c);
}

/* A stock client does not begin with an extension, and reads the end of the connection. */
static void stock_clients_see_an_orderly_end(void **state)
{
	(void)state;
	uint8_t bytes[256];
	start(ARGS("-p", "0", "--max-clients", "1"));
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	int fd = serving_dial(port, "127.0.0.1");
	send_request(fd, GW_CMD_HELLO, GW_WIRE_HELLO_REQ);
	send_request(fd, GW_CMD_DEVICE_COUNT, 0);
	assert_int_equal(drain(fd, bytes, sizeof(bytes)), GW_REPLY_HEADER + GW_WIRE_HELLO_RSP);
	close(fd);
	gw_client_close(c);
}

static void strangers_get_eight_bytes_at_most(void **state)
{
	(void)state;
	start(ARGS("-p", "0", "--allow", "192.0.2.0/24"));
	expect(1, "refused: this machine's address is not in the server's --allow list",
		ARGS("ping", "-c", "1", endpoint));
	expect(1, "refused: this machine's address is not in the server's --allow list", ARGS("status", endpoint));
	expect(1, "refused: this machine's address is not in the server's --allow list", ARGS("doctor", endpoint));
	int silent = serving_dial(port, "127.0.0.1"), talking = serving_dial(port, "127.0.0.1");
	(void)send(talking, "\x0e\x18\0\0\0\0\0\0\0", GW_REQUEST_HEADER, MSG_NOSIGNAL);
	expect_reason(silent, GW_EXT_REASON_ADDRESS);
	expect_reason(talking, GW_EXT_REASON_ADDRESS);
	close(silent);
	close(talking);
}

static void stop_server(void)
{
	assert_int_equal(serving_stop(&s, SIGTERM, SERVING_WAIT_MS), 0);
}

static void expect_end(struct gw_client *c)
{
	struct gw_error err = {0};
	assert_int_not_equal(gw_client_ping(c, &err), GW_OK);
	if (!strstr(err.text, "the server is shutting down"))
		fail_msg("%s", err.text);
	gw_client_close(c);
}

/* Its next request fails, with the reason. */
static void a_client_learns_that_the_server_stops(void **state)
{
	(void)state;
	start(ARGS("-p", "0"));
	struct gw_client *c = serving_connect(&s), *querying = serving_connect(&s);
	assert_int_equal(gw_client_keep_alive(c), GW_OK);
	assert_int_equal(gw_client_keep_alive(querying), GW_OK);
	assert_true(serving_answers(c));
	assert_int_equal(gw_client_ping(querying, NULL), GW_OK);
	stop_server();
	assert_non_null(strstr(s.log, "dropped by worker"));
	assert_non_null(strstr(s.log, ": the server is shutting down\n"));
	expect_end(c);
	expect_end(querying);
}

/* It has sent a request, and waits for the rest of its body on the server's side: no reply is on its way. */
static void a_client_in_a_request_learns_it_too(void **state)
{
	(void)state;
	static const uint8_t alive[] = {GW_CMD_EXT_ALIVE, 4, 0, 0, 0, 0, 0, 0, 0, 0x60, 0xea, 0, 0};
	static const uint8_t begun[] = {GW_CMD_SET_TENSOR, 0, 0, 1, 0, 0, 0, 0, 0};
	uint8_t bytes[256];
	start(ARGS("-p", "0"));
	int fd = serving_dial(port, "127.0.0.1");
	send_request(fd, GW_CMD_HELLO, GW_WIRE_HELLO_REQ);
	assert_int_equal(
		recv(fd, bytes, GW_REPLY_HEADER + GW_WIRE_HELLO_RSP, MSG_WAITALL), GW_REPLY_HEADER + GW_WIRE_HELLO_RSP);
	assert_int_equal(send(fd, alive, sizeof(alive), MSG_NOSIGNAL), sizeof(alive));
	send_request(fd, GW_CMD_DEVICE_COUNT, 0);
	assert_int_equal(recv(fd, bytes, GW_REPLY_HEADER + 4, MSG_WAITALL), GW_REPLY_HEADER + 4);
	assert_int_equal(send(fd, begun, sizeof(begun), MSG_NOSIGNAL), sizeof(begun));
	stop_server();
	expect_reason(fd, GW_EXT_REASON_STOPPING);
	close(fd);
}

/* It has not asked for reports, so it gets no byte that it does not expect. */
static void a_stock_client_sees_the_server_end(void **state)
{
	(void)state;
	uint8_t bytes[256];
	start(ARGS("-p", "0"));
	int fd = serving_dial(port, "127.0.0.1");
	send_request(fd, GW_CMD_HELLO, GW_WIRE_HELLO_REQ);
	send_request(fd, GW_CMD_DEVICE_COUNT, 0);
	size_t size = GW_REPLY_HEADER + GW_WIRE_HELLO_RSP + GW_REPLY_HEADER + 4;
	assert_int_equal(recv(fd, bytes, size, MSG_WAITALL), size);
	stop_server();
	assert_int_equal(drain(fd, bytes, sizeof(bytes)), 0);
	close(fd);
}

/* GGML_RPC_STOCK: no byte that a stock server would not send. */
static void a_server_that_acts_as_stock_says_nothing(void **state)
{
	(void)state;
	uint8_t bytes[64];
	setenv("GGML_RPC_STOCK", "1", 1);
	start(ARGS("-p", "0", "--allow", "192.0.2.0/24"));
	unsetenv("GGML_RPC_STOCK");
	int fd = serving_dial(port, "127.0.0.1");
	assert_int_equal(drain(fd, bytes, sizeof(bytes)), 0);
	close(fd);
}

static void status_can_be_allowed_alone(void **state)
{
	(void)state;
	start(ARGS("-p", "0", "--max-clients", "1", "--allow", "127.0.0.2", "--allow-status", "127.0.0.1"));
	expect(0, "0 of 1 clients", ARGS("status", endpoint));
	expect(0, "  RPC0 ", ARGS("devices", endpoint));
	expect(0, "\"max_clients\":1", ARGS("top", "--json", endpoint));
	expect(1, "refused: this machine can only query the server's status; add its address to --allow on the server",
		ARGS("bench", endpoint));
	/* A client that does not ask first. */
	int fd = serving_dial(port, "127.0.0.1");
	send_request(fd, GW_CMD_HELLO, GW_WIRE_HELLO_REQ);
	send_request(fd, GW_CMD_ALLOC_BUFFER, 0);
	serving_await(&s, "refused: its address is only in --allow-status; add it to --allow");
	close(fd);
	int stranger = serving_dial(port, "127.0.0.3");
	expect_reason(stranger, GW_EXT_REASON_ADDRESS);
	close(stranger);
}

static void status_alone_means_nothing_where_all_are_served(void **state)
{
	(void)state;
	expect(2, "--allow-status: has no effect without --allow",
		ARGS("serve", "-p", "0", "--allow-status", "192.0.2.1"));
	expect(2, "expected an IPv4 or IPv6 address",
		ARGS("serve", "-p", "0", "--allow", "id:a", "--allow-status", "id:alice"));
}

static void whoever_waits_learns_of_the_shutdown(void **state)
{
	(void)state;
	start(ARGS("-p", "0"));
	int fd = serving_dial(port, "127.0.0.1");
	/* It is at the door when the next one is served. */
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
	assert_int_equal(serving_stop(&s, SIGTERM, SERVING_WAIT_MS), 0);
	expect_reason(fd, GW_EXT_REASON_STOPPING);
	close(fd);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_server_says_so),
		TEST(a_host_with_its_share_is_told_that),
		TEST(stock_clients_see_an_orderly_end),
		TEST(strangers_get_eight_bytes_at_most),
		TEST(a_server_that_acts_as_stock_says_nothing),
		TEST(status_can_be_allowed_alone),
		TEST(status_alone_means_nothing_where_all_are_served),
		TEST(whoever_waits_learns_of_the_shutdown),
		TEST(a_client_learns_that_the_server_stops),
		TEST(a_client_in_a_request_learns_it_too),
		TEST(a_stock_client_sees_the_server_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
