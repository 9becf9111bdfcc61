/* Idle connections and too many clients do not lock out other hosts, and every refused client learns the reason. */
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"
#include "wire/extension.h"
#include "wire/message.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct serving s;
static uint16_t port;

static void start(const char *const *args)
{
	char endpoint[GW_ENDPOINT_MAX];
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

static bool receive(int fd, void *out, size_t n)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t got = 0;
	while (got < n && poll(&p, 1, SERVING_WAIT_MS) > 0) {
		ssize_t r = recv(fd, (char *)out + got, n - got, 0);
		if (r <= 0)
			return false;
		got += (size_t)r;
	}
	return got == n;
}

/* Whether the server answers a request with a body of that size. */
static bool ask(int fd, unsigned cmd, const void *body, size_t size, void *reply, size_t reply_size)
{
	uint8_t request[64] = {(uint8_t)cmd}, header[GW_REPLY_HEADER];
	gw_put_le64(request + 1, size);
	memcpy(request + GW_REQUEST_HEADER, body, size);
	if (send(fd, request, GW_REQUEST_HEADER + size, MSG_NOSIGNAL) < 0 || !receive(fd, header, sizeof(header)))
		return false;
	assert_int_equal(gw_le64(header), reply_size);
	return receive(fd, reply, reply_size);
}

static bool hello(int fd)
{
	static const uint8_t body[GW_WIRE_HELLO_REQ];
	uint8_t reply[GW_WIRE_HELLO_RSP];
	return ask(fd, GW_CMD_HELLO, body, sizeof(body), reply, sizeof(reply));
}

static bool count_devices(int fd)
{
	uint8_t reply[4];
	return ask(fd, GW_CMD_DEVICE_COUNT, "", 0, reply, sizeof(reply));
}

static bool allocate(int fd)
{
	uint8_t body[GW_WIRE_MAX_FIXED], reply[16];
	size_t n = gw_wire_alloc_req_encode(&(struct gw_wire_alloc_req){.size = 4096}, body);
	return ask(fd, GW_CMD_ALLOC_BUFFER, body, n, reply, sizeof(reply)) && gw_le64(reply) != 0;
}

/* Whether the server serves a client from this address. */
static bool is_served(const char *from)
{
	int fd = serving_dial(port, from);
	bool served = hello(fd) && count_devices(fd) && allocate(fd);
	close(fd);
	return served;
}

static size_t count(const char *text)
{
	size_t n = 0;
	for (const char *p = s.log; (p = strstr(p, text)); p++)
		n++;
	return n;
}

static void silent_connections_shut_nobody_out(void **state)
{
	(void)state;
	int fds[200];
	start(ARGS("-p", "0"));
	for (size_t i = 0; i < 200; i++)
		fds[i] = serving_dial(port, "127.0.0.1");
	assert_true(is_served("127.0.0.2"));
	assert_true(is_served("127.0.0.1"));
	/* The limit on idle connections also limits the server's descriptors. */
	assert_true(serving_descriptors(s.pid) < 64 + 40);
	for (size_t i = 0; i < 200; i++)
		close(fds[i]);
	serving_await(&s, "refused: too many connections have not sent HELLO yet");
}

/* A connection that waited before a crowd from another host arrived stays open. */
static void a_crowd_pushes_out_its_own(void **state)
{
	(void)state;
	int fds[200];
	start(ARGS("-p", "0"));
	int first = serving_dial(port, "127.0.0.2");
	serving_sleep_ms(100);
	for (size_t i = 0; i < 200; i++)
		fds[i] = serving_dial(port, "127.0.0.1");
	serving_sleep_ms(100);
	assert_true(hello(first) && allocate(first));
	close(first);
	for (size_t i = 0; i < 200; i++)
		close(fds[i]);
}

static void silence_ends(void **state)
{
	(void)state;
	setenv("GGML_RPC_TIMEOUT", "1", 1);
	start(ARGS("-p", "0"));
	unsetenv("GGML_RPC_TIMEOUT");
	int fd = serving_dial(port, "127.0.0.1");
	assert_true(serving_sees_end(fd));
	close(fd);
	serving_await(&s, "refused: it has not sent HELLO in time");
}

static void one_host_cannot_shut_out_another(void **state)
{
	(void)state;
	/* HELLO, and a buffer of 4 KiB. */
	static const uint8_t requests[2 * GW_REQUEST_HEADER + GW_WIRE_HELLO_REQ + 12] = {GW_CMD_HELLO,
		GW_WIRE_HELLO_REQ, [GW_REQUEST_HEADER + GW_WIRE_HELLO_REQ] = GW_CMD_ALLOC_BUFFER, 12,
		[2 * GW_REQUEST_HEADER + GW_WIRE_HELLO_REQ + 5] = 0x10};
	int fds[80];
	start(ARGS("-p", "0"));
	for (size_t i = 0; i < 80; i++) {
		fds[i] = serving_dial(port, "127.0.0.1");
		assert_int_equal(send(fds[i], requests, sizeof(requests), MSG_NOSIGNAL), sizeof(requests));
	}
	assert_true(is_served("127.0.0.2"));
	assert_false(is_served("127.0.0.1"));
	const char *line = serving_await(&s, "refused: its host already has 16 connections");
	assert_non_null(strstr(line, "raise --max-clients-per-host"));
	for (size_t i = 0; i < 80; i++)
		close(fds[i]);
}

static void the_bound_of_a_host_can_be_set(void **state)
{
	(void)state;
	int fds[3];
	start(ARGS("-p", "0", "--max-clients-per-host", "3"));
	for (size_t i = 0; i < 3; i++) {
		fds[i] = serving_dial(port, "127.0.0.1");
		assert_true(hello(fds[i]) && count_devices(fds[i]) && allocate(fds[i]));
	}
	assert_false(is_served("127.0.0.1"));
	close(fds[0]);
	serving_await(&s, "left worker");
	assert_true(is_served("127.0.0.1"));
	close(fds[1]);
	close(fds[2]);
}

/* A client that reconnects gets a slot, even if its old worker takes long to exit. */
static void a_client_that_reconnects_gets_a_slot(void **state)
{
	(void)state;
	start(ARGS("-p", "0", "--max-clients", "1"));
	for (int i = 0; i < 30; i++)
		assert_true(is_served("127.0.0.1"));
	assert_int_equal(count("refused"), 0);
}

static char out[1 << 16], endpoint[64];

static int status_of(const char *const *more)
{
	const char *args[8] = {"status"};
	for (size_t i = 0; more[i]; i++)
		args[i + 1] = more[i];
	return serving_run("ggwire", args, out, sizeof(out));
}

static void a_full_server_tells_its_status(void **state)
{
	(void)state;
	int fds[2];
	start(ARGS("-p", "0", "--max-clients", "2"));
	for (size_t i = 0; i < 2; i++) {
		fds[i] = serving_dial(port, "127.0.0.1");
		assert_true(hello(fds[i]) && allocate(fds[i]));
	}
	snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", port);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(status_of(ARGS(endpoint)), 0);
		assert_non_null(strstr(out, "2 of 2 clients"));
		assert_non_null(strstr(out, " 0 refused, "));
	}
	const char *const bench[] = {"bench", endpoint, NULL}, *const ping[] = {"ping", "-c", "1", endpoint, NULL};
	assert_int_equal(serving_run("ggwire", ping, out, sizeof(out)), 0);
	assert_int_equal(serving_run("ggwire", bench, out, sizeof(out)), 1);
	assert_non_null(strstr(out, "all 2 client slots are in use"));
	/* This works even when other clients hold all reserve slots. */
	int askers[12];
	for (size_t i = 0; i < 12; i++) {
		char from[16];
		snprintf(from, sizeof(from), "127.0.1.%zu", i + 1);
		askers[i] = serving_dial(port, from);
		assert_true(hello(askers[i]));
	}
	assert_int_equal(status_of(ARGS(endpoint)), 0);
	/* Clients with a slot continue. */
	assert_true(allocate(fds[0]) && allocate(fds[1]));
	for (size_t i = 0; i < 12; i++)
		close(askers[i]);
	close(fds[0]);
	close(fds[1]);
}

static void who_is_refused_is_told_and_counted(void **state)
{
	(void)state;
	start(ARGS("-p", "0", "--max-clients", "1"));
	int fd = serving_dial(port, "127.0.0.1"), other = serving_dial(port, "127.0.0.2");
	assert_true(hello(fd) && allocate(fd));
	/* A stock client asks for devices first. There is no later request whose failure could tell it the reason. */
	assert_true(hello(other) && !count_devices(other));
	close(other);
	serving_await(&s, "refused: all 1 client slots are in use; raise --max-clients or try again later");
	snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", port);
	assert_int_equal(status_of(ARGS(endpoint)), 0);
	assert_non_null(strstr(out, " 1 refused, "));
	close(fd);
}

static void many_refusals_are_few_lines(void **state)
{
	(void)state;
	start(ARGS("-p", "0", "--allow", "192.0.2.0/24"));
	for (int i = 0; i < 200; i++) {
		int fd = serving_dial(port, "127.0.0.1");
		assert_true(serving_sees_end(fd));
		close(fd);
	}
	const char *line = serving_await(&s, "more clients refused within 5 s: its address is not in --allow");
	assert_true(atoi(line) > 100);
	assert_true(is_within(count("refused: its address is not in --allow"), 5, 20));
}

/* Health checks and port scanners. */
static void connections_that_close_cost_no_worker(void **state)
{
	(void)state;
	start(ARGS("-p", "0", "--log-level", "debug"));
	for (int i = 0; i < 50; i++)
		close(serving_dial(port, "127.0.0.1"));
	for (int i = 0; i < 50; i++)
		serving_await(&s, "closed its connection before HELLO");
	assert_int_equal(count("served by worker"), 0);
}

static void users_of_a_unix_socket_are_hosts(void **state)
{
	(void)state;
	char dir[] = "/tmp/ggwire-test-XXXXXX", text[64];
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	snprintf(text, sizeof(text), "unix:%s/socket", dir);
	serving_start(&s, ARGS("--listen", text, "--max-clients-per-host", "1"));
	struct gw_client *c = serving_connect(&s), *other = serving_connect(&s);
	assert_true(serving_answers(c));
	assert_false(serving_answers(other));
	serving_await(&s, "refused: its host already has 1 connections");
	gw_client_close(other);
	gw_client_close(c);
	assert_int_equal(serving_stop(&s, SIGTERM, 2000), 0);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(silent_connections_shut_nobody_out, teardown),
		cmocka_unit_test_teardown(a_crowd_pushes_out_its_own, teardown),
		cmocka_unit_test_teardown(silence_ends, teardown),
		cmocka_unit_test_teardown(one_host_cannot_shut_out_another, teardown),
		cmocka_unit_test_teardown(the_bound_of_a_host_can_be_set, teardown),
		cmocka_unit_test_teardown(a_client_that_reconnects_gets_a_slot, teardown),
		cmocka_unit_test_teardown(a_full_server_tells_its_status, teardown),
		cmocka_unit_test_teardown(who_is_refused_is_told_and_counted, teardown),
		cmocka_unit_test_teardown(many_refusals_are_few_lines, teardown),
		cmocka_unit_test_teardown(connections_that_close_cost_no_worker, teardown),
		cmocka_unit_test_teardown(users_of_a_unix_socket_are_hosts, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
