/* HELLO on the client's side: all kinds of invalid servers, and all versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/client_state.h"
#include "rpc/harness.h"
#include "transport/list/endpoint.h"
#include "transport/list/transports.h"
#include "wire/cursor.h"
#include "wire/extension.h"
#include "wire/message.h"

static char logged[1024];

static void keep_line(enum gw_log_level level, const char *line, void *user)
{
	(void)level;
	(void)user;
	strncpy(logged, line, sizeof(logged) - 1);
}

/* Runs the handshake with a peer that has sent these bytes and sends no more. */
static enum gw_status hello_to(const void *bytes, size_t n, struct gw_client **client, struct gw_error *err)
{
	struct gw_transport *near, *far;
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	*client = NULL;
	pair_loopback(&near, &far);
	assert_int_equal(far->ops->sendv(far, &iov, 1, NULL), GW_OK);
	enum gw_status status = gw_client_start(near, "gpu1:50052", 60, client, err);
	far->ops->close(far);
	return status;
}

static void answer_bytes(uint8_t *out, struct gw_version version, uint8_t extensions)
{
	const struct gw_wire_hello_rsp answer = {.version = version, .extensions = extensions};
	gw_put_le64(out, GW_WIRE_HELLO_RSP);
	gw_wire_hello_rsp_encode(&answer, out + 8);
}

static void expect_refusal(const void *bytes, size_t n, enum gw_status expected, const char *text)
{
	struct gw_client *client;
	struct gw_error err = {0};
	assert_int_equal(hello_to(bytes, n, &client, &err), expected);
	assert_null(client);
	assert_int_equal(err.status, expected);
	assert_non_null(strstr(err.text, "gpu1:50052"));
	assert_non_null(strstr(err.text, text));
}

static void silence_is_a_timeout(void **state)
{
	(void)state;
	uint64_t start = gw_clock_ns();
	expect_refusal("", 0, GW_ERR_TIMEOUT, "accepted the connection but does not answer HELLO");
	assert_true(gw_clock_ns() - start >= 59000000);
}

static void half_a_reply_is_a_timeout(void **state)
{
	(void)state;
	uint8_t answer[36];
	answer_bytes(answer, gw_dialect_newest.version, 0);
	for (size_t n = 1; n < sizeof(answer); n += 9)
		expect_refusal(answer, n, GW_ERR_TIMEOUT, "does not answer");
}

static void banners_are_not_taken_for_replies(void **state)
{
	(void)state;
	static const char *const banners[] = {"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n",
		"220 mail.example ESMTP\r\n", "\x03\0\0\0\0\0\0\0\x03\x06\x01"};
	for (size_t i = 0; i < 3; i++)
		expect_refusal(banners[i], strlen(banners[i]), GW_ERR_PROTOCOL, "is not an RPC server");
	expect_refusal(banners[3], 11, GW_ERR_PROTOCOL, "is not an RPC server");
}

static void closing_at_once_is_no_server(void **state)
{
	(void)state;
	struct gw_transport *near, *far;
	struct gw_client *client = NULL;
	struct gw_error err = {0};
	pair_loopback(&near, &far);
	far->ops->close(far);
	assert_int_equal(gw_client_start(near, "gpu1:50052", 10000, &client, &err), GW_ERR_PROTOCOL);
	assert_null(client);
	assert_non_null(
		strstr(err.text, "gpu1:50052 closed the connection when it received HELLO: it is not an RPC server"));
}

static void *read_hello_and_close(void *arg)
{
	struct gw_transport *t = arg;
	uint8_t hello[33];
	struct iovec iov = {hello, sizeof(hello)};
	size_t got;
	(void)t->ops->recvv(t, &iov, 1, sizeof(hello), &got, NULL);
	t->ops->close(t);
	return NULL;
}

static void closing_on_hello_is_no_server(void **state)
{
	(void)state;
	struct gw_transport *near, *far;
	struct gw_client *client = NULL;
	struct gw_error err = {0};
	pthread_t thread;
	pair_loopback(&near, &far);
	assert_int_equal(pthread_create(&thread, NULL, read_hello_and_close, far), 0);
	assert_int_equal(gw_client_start(near, "gpu1:50052", 10000, &client, &err), GW_ERR_PROTOCOL);
	pthread_join(thread, NULL);
	assert_null(client);
	assert_non_null(
		strstr(err.text, "gpu1:50052 closed the connection when it received HELLO: it is not an RPC server"));
}

static void unknown_versions_are_refused_by_name(void **state)
{
	(void)state;
	uint8_t answer[36];
	answer_bytes(answer, (struct gw_version){9, 0, 0}, 0);
	expect_refusal(answer, sizeof(answer), GW_ERR_UNSUPPORTED,
		"server at gpu1:50052 speaks RPC protocol 9.0.0, but this client supports only 4.0.0 to 8.0.0: update "
		"the client");
	answer_bytes(answer, (struct gw_version){3, 6, 1}, 0);
	expect_refusal(answer, sizeof(answer), GW_ERR_UNSUPPORTED,
		"speaks RPC protocol 3.6.1, but this client supports only 4.0.0 to 8.0.0: update the server");
}

static void known_versions_choose_the_dialect(void **state)
{
	(void)state;
	static const struct gw_version versions[] = {{4, 0, 0}, {4, 0, 2}, {5, 1, 0}, {7, 0, 0}, {8, 0, 0}};
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct gw_client *client;
		uint8_t answer[36];
		answer_bytes(answer, versions[i], 0);
		assert_int_equal(hello_to(answer, sizeof(answer), &client, NULL), GW_OK);
		assert_memory_equal(&gw_client_dialect(client)->version, &versions[i], sizeof(versions[i]));
		assert_int_equal(gw_client_extensions(client), 0);
		assert_string_equal(gw_client_name(client), "gpu1:50052");
		gw_client_close(client);
	}
}

static void newer_minor_versions_are_taken_with_a_warning(void **state)
{
	(void)state;
	struct gw_client *client;
	uint8_t answer[36];
	answer_bytes(answer, (struct gw_version){8, 7, 1}, 0);
	gw_log_set_sink(keep_line, NULL);
	assert_int_equal(hello_to(answer, sizeof(answer), &client, NULL), GW_OK);
	gw_log_set_sink(NULL, NULL);
	assert_ptr_equal(gw_client_dialect(client), &gw_dialect_newest);
	assert_non_null(strstr(logged, "8.7.1"));
	gw_client_close(client);
}

static void extensions_are_those_of_both_sides(void **state)
{
	(void)state;
	static const struct {
		uint8_t theirs;
		unsigned used;
	} levels[] = {{0, 0}, {GW_EXT_LEVEL, GW_EXT_LEVEL}, {255, GW_EXT_LEVEL}};
	for (size_t i = 0; i < 3; i++) {
		struct gw_client *client;
		uint8_t answer[36];
		answer_bytes(answer, gw_dialect_newest.version, levels[i].theirs);
		assert_int_equal(hello_to(answer, sizeof(answer), &client, NULL), GW_OK);
		assert_int_equal(gw_client_extensions(client), levels[i].used);
		gw_client_close(client);
	}
}

static void bytes_after_the_reply_are_kept(void **state)
{
	(void)state;
	struct gw_client *client;
	uint8_t bytes[36 + 16], reply[8];
	answer_bytes(bytes, gw_dialect_newest.version, 0);
	gw_put_le64(bytes + 36, 8);
	gw_put_le64(bytes + 44, 1234);
	struct gw_transport *near, *far;
	struct iovec iov = {bytes, sizeof(bytes)};
	pair_loopback(&near, &far);
	assert_int_equal(far->ops->sendv(far, &iov, 1, NULL), GW_OK);
	assert_int_equal(gw_client_start(near, "x", 10000, &client, NULL), GW_OK);
	assert_int_equal(gw_client_call(client, GW_CMD_DEVICE_COUNT, NULL, 0, reply, 8), GW_OK);
	assert_int_equal(gw_le64(reply), 1234);
	gw_client_close(client);
	far->ops->close(far);
}

static void client_sends_hello_with_zero_caps(void **state)
{
	(void)state;
	struct gw_transport *near, *far;
	struct gw_client *client;
	uint8_t sent[34];
	const uint8_t expected[33] = {14, 24};
	struct iovec iov = {sent, sizeof(sent)};
	size_t got;
	pair_loopback(&near, &far);
	assert_int_equal(gw_client_start(near, "x", 1, &client, NULL), GW_ERR_TIMEOUT);
	assert_int_equal(far->ops->recvv(far, &iov, 1, 33, &got, NULL), GW_OK);
	assert_int_equal(got, 33);
	assert_memory_equal(sent, expected, 33);
	far->ops->close(far);
}

static void connect_names_the_endpoint(void **state)
{
	(void)state;
	struct gw_client *client = NULL;
	struct gw_error err = {0};
	assert_int_equal(gw_client_connect("non:sense", &client, &err), GW_ERR_INVALID);
	assert_non_null(strstr(err.text, "\"non:sense\""));
	assert_int_equal(gw_client_connect("unix:/nonexistent/socket", &client, &err), GW_ERR_SYSTEM);
	assert_non_null(strstr(err.text, "server at unix:/nonexistent/socket"));
	assert_null(client);
}

static void connects_over_tcp(void **state)
{
	(void)state;
	struct gw_endpoint ep, bound;
	struct gw_client *client;
	struct gw_transport *far;
	struct server server;
	char name[GW_ENDPOINT_MAX + 16];
	int fd;
	assert_int_equal(gw_endpoint_parse("127.0.0.1:0", true, &ep, NULL), GW_OK);
	assert_int_equal(gw_transport_listen(&ep, 1, &fd, &bound, NULL), GW_OK);
	gw_endpoint_format(&bound, name, sizeof(name));
	/* The kernel completes the connection. The server accepts it when HELLO is already on its way. */
	struct gw_transport *near;
	assert_int_equal(gw_transport_dial(&bound, 1000, &near, NULL), GW_OK);
	int conn = accept(fd, NULL, NULL);
	assert_true(conn >= 0);
	assert_int_equal(gw_transport_from_fd(conn, &far, NULL), GW_OK);
	server_start(&server, far, &gw_dialect_newest);
	assert_int_equal(gw_client_start(near, name, 10000, &client, NULL), GW_OK);
	assert_int_equal(gw_client_extensions(client), GW_EXT_LEVEL);
	gw_client_close(client);
	server_join(&server);
	assert_int_equal(server.end, GW_ERR_CLOSED);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_is_a_timeout),
		cmocka_unit_test(half_a_reply_is_a_timeout),
		cmocka_unit_test(banners_are_not_taken_for_replies),
		cmocka_unit_test(closing_at_once_is_no_server),
		cmocka_unit_test(closing_on_hello_is_no_server),
		cmocka_unit_test(unknown_versions_are_refused_by_name),
		cmocka_unit_test(known_versions_choose_the_dialect),
		cmocka_unit_test(newer_minor_versions_are_taken_with_a_warning),
		cmocka_unit_test(extensions_are_those_of_both_sides),
		cmocka_unit_test(bytes_after_the_reply_are_kept),
		cmocka_unit_test(client_sends_hello_with_zero_caps),
		cmocka_unit_test(connect_names_the_endpoint),
		cmocka_unit_test(connects_over_tcp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
