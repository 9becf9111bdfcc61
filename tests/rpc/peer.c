/* The server's end against slow clients and clients that violate the protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "rpc/counter.h"
#include "rpc/harness.h"
#include "transport/loopback.h"
#include "wire/cursor.h"
#include "wire/extension.h"
#include "wire/message.h"

static struct gw_transport *far; /* the client's end, driven by the test */
static struct gw_connection *peer;
static struct counter counter;
static struct gw_error err;

static int setup(void **state)
{
	(void)state;
	struct gw_transport *near;
	memset(&err, 0, sizeof(err));
	/* Large enough for all that a test sends before it receives. */
	if (gw_loopback_pair(1 << 20, &far, &near))
		return -1;
	return gw_connection_new(counter_wrap(&counter, near, false), &gw_dialect_newest, &peer) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	gw_connection_free(peer);
	far->ops->close(far);
	return 0;
}

static void say(const void *bytes, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	assert_int_equal(far->ops->sendv(far, &iov, 1, NULL), GW_OK);
}

static void hear(void *bytes, size_t n)
{
	struct iovec iov = {bytes, n};
	size_t got;
	assert_int_equal(far->ops->recvv(far, &iov, 1, n, &got, NULL), GW_OK);
}

static void say_request(uint8_t cmd, const void *body, size_t size)
{
	uint8_t header[9] = {cmd};
	gw_put_le64(header + 1, size);
	say(header, sizeof(header));
	say(body, size);
}

static void next_is(unsigned expected_cmd, uint64_t expected_size)
{
	unsigned cmd;
	uint64_t size;
	assert_int_equal(gw_connection_next(peer, &cmd, &size, &err), GW_OK);
	assert_int_equal(cmd, expected_cmd);
	assert_true(size == expected_size);
	assert_true(gw_connection_left(peer) == expected_size);
}

static void answers_hello(void **state)
{
	(void)state;
	uint8_t answer[36];
	const uint8_t caps[24] = {0xff, 1, 2, 3};
	const uint8_t expected[36] = {28, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, GW_EXT_LEVEL};
	say_request(GW_CMD_HELLO, caps, sizeof(caps));
	assert_int_equal(gw_connection_handshake(peer, &err), GW_OK);
	assert_true(far->ops->readable(far, 0));
	hear(answer, sizeof(answer));
	assert_memory_equal(answer, expected, sizeof(answer));
	assert_false(far->ops->readable(far, 0));
	/* A second HELLO is an ordinary request, which the server must refuse. */
	say_request(GW_CMD_HELLO, caps, sizeof(caps));
	next_is(GW_CMD_HELLO, 24);
	uint8_t body[24];
	assert_int_equal(gw_connection_read(peer, body, 24, &err), GW_OK);
}

static void refuses(const void *bytes, size_t n, enum gw_status status, const char *text)
{
	say(bytes, n);
	assert_int_equal(gw_connection_handshake(peer, &err), status);
	assert_int_equal(err.status, status);
	assert_non_null(strstr(err.text, text));
	assert_false(far->ops->readable(far, 0));
}

static void one_byte_is_enough_to_refuse(void **state)
{
	(void)state;
	refuses("G", 1, GW_ERR_PROTOCOL, "no HELLO, first byte 0x47: this is not an RPC client");
}

static void refuses_http(void **state)
{
	(void)state;
	refuses("GET / HTTP/1.1\r\n\r\n", 18, GW_ERR_PROTOCOL, "no HELLO");
}

static void refuses_other_commands_first(void **state)
{
	(void)state;
	refuses("\x0f\0\0\0\0\0\0\0\0", 9, GW_ERR_PROTOCOL, "no HELLO, first byte 0x0f");
}

static void refuses_old_clients(void **state)
{
	(void)state;
	refuses("\x0e\0\0\0\0\0\0\0\0", 9, GW_ERR_PROTOCOL, "speaks RPC protocol 3 or older");
}

static void refuses_hello_of_another_size(void **state)
{
	(void)state;
	refuses("\x0e\x19\0\0\0\0\0\0\0", 9, GW_ERR_PROTOCOL, "HELLO of 25 bytes, expected 24");
}

static void refuses_hello_of_a_monstrous_size(void **state)
{
	(void)state;
	refuses("\x0e\xff\xff\xff\xff\xff\xff\xff\xff", 9, GW_ERR_PROTOCOL, "HELLO of 18446744073709551615 bytes");
}

static void leaving_before_hello_is_closed(void **state)
{
	(void)state;
	far->ops->shutdown(far);
	assert_int_equal(gw_connection_handshake(peer, &err), GW_ERR_CLOSED);
}

static void leaving_inside_hello_is_lost(void **state)
{
	(void)state;
	say("\x0e\x18\0\0\0\0\0\0\0\0\0", 11);
	far->ops->shutdown(far);
	assert_int_equal(gw_connection_handshake(peer, &err), GW_ERR_LOST);
}

static void leaving_inside_a_header_is_lost(void **state)
{
	(void)state;
	unsigned cmd = 77;
	uint64_t size = 77;
	say("\x06\x01\0", 3);
	far->ops->shutdown(far);
	assert_int_equal(gw_connection_next(peer, &cmd, &size, &err), GW_ERR_LOST);
	assert_int_equal(cmd, 77);
	assert_int_equal(size, 77);
}

static void leaving_between_requests_is_closed(void **state)
{
	(void)state;
	unsigned cmd;
	uint64_t size;
	say_request(GW_CMD_GET_MAX_SIZE, "", 0);
	far->ops->shutdown(far);
	next_is(GW_CMD_GET_MAX_SIZE, 0);
	assert_int_equal(gw_connection_next(peer, &cmd, &size, &err), GW_ERR_CLOSED);
}

static void bodies_have_their_announced_size(void **state)
{
	(void)state;
	uint8_t body[20];
	say_request(GW_CMD_SET_TENSOR, "0123456789", 10);
	say_request(GW_CMD_GET_MAX_SIZE, "", 0);
	next_is(GW_CMD_SET_TENSOR, 10);
	assert_int_equal(gw_connection_read(peer, body, 4, &err), GW_OK);
	assert_memory_equal(body, "0123", 4);
	assert_int_equal(gw_connection_read(peer, body, 7, &err), GW_ERR_PROTOCOL);
	assert_non_null(strstr(err.text, "1 bytes"));
	assert_int_equal(gw_connection_left(peer), 6);
	assert_int_equal(gw_connection_read(peer, body, 0, &err), GW_OK);
	assert_int_equal(gw_connection_read(peer, body, 6, &err), GW_OK);
	assert_memory_equal(body, "456789", 6);
	next_is(GW_CMD_GET_MAX_SIZE, 0);
}

static void small_requests_share_a_receive(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++)
		say_request(GW_CMD_GET_MAX_SIZE, "abcd", 4);
	for (int i = 0; i < 50; i++) {
		uint8_t body[4];
		next_is(GW_CMD_GET_MAX_SIZE, 4);
		assert_int_equal(gw_connection_read(peer, body, 4, &err), GW_OK);
	}
	assert_int_equal(counter.receives, 1);
}

static void replies_leave_together_before_blocking(void **state)
{
	(void)state;
	uint8_t replies[3 * 12];
	say_request(GW_CMD_GET_MAX_SIZE, "", 0);
	say_request(GW_CMD_GET_MAX_SIZE, "", 0);
	say_request(GW_CMD_GET_MAX_SIZE, "", 0);
	for (int i = 0; i < 3; i++) {
		next_is(GW_CMD_GET_MAX_SIZE, 0);
		assert_int_equal(gw_connection_reply(peer, "abcd", 4, &err), GW_OK);
	}
	assert_int_equal(counter.sends, 0);
	say_request(GW_CMD_GET_MAX_SIZE, "", 0);
	next_is(GW_CMD_GET_MAX_SIZE, 0);
	assert_int_equal(counter.sends, 1);
	hear(replies, sizeof(replies));
	assert_int_equal(gw_le64(replies + 24), 4);
	assert_memory_equal(replies + 32, "abcd", 4);
}

static void *read_the_rest(void *arg)
{
	uint8_t body[80];
	enum gw_status *status = arg;
	*status = gw_connection_read(peer, body, sizeof(body), &err);
	return NULL;
}

/* A client may wait for an earlier reply before it sends the rest of a body. */
static void replies_leave_before_a_body_is_awaited(void **state)
{
	(void)state;
	uint8_t body[100] = {0}, reply[12];
	const uint8_t header[9] = {GW_CMD_SET_TENSOR, 100};
	enum gw_status status = GW_ERR_INVALID;
	pthread_t thread;
	say_request(GW_CMD_GET_MAX_SIZE, "", 0);
	say(header, sizeof(header));
	say(body, 50);
	next_is(GW_CMD_GET_MAX_SIZE, 0);
	assert_int_equal(gw_connection_reply(peer, "abcd", 4, &err), GW_OK);
	next_is(GW_CMD_SET_TENSOR, 100);
	assert_int_equal(gw_connection_read(peer, body, 20, &err), GW_OK);
	assert_int_equal(counter.sends, 0);
	assert_int_equal(pthread_create(&thread, NULL, read_the_rest, &status), 0);
	hear(reply, sizeof(reply));
	say(body, 50);
	pthread_join(thread, NULL);
	assert_int_equal(status, GW_OK);
	assert_memory_equal(reply + 8, "abcd", 4);
}

static void many_queued_replies_are_flushed(void **state)
{
	(void)state;
	uint8_t body[10000] = {0};
	for (int i = 0; i < 6; i++)
		assert_int_equal(gw_connection_reply(peer, body, sizeof(body), &err), GW_OK);
	assert_int_equal(counter.sends, 0);
	assert_int_equal(gw_connection_reply(peer, body, sizeof(body), &err), GW_OK);
	assert_int_equal(counter.sends, 1);
	assert_int_equal(counter.bytes_sent, 7 * 10008);
}

static void replies_in_pieces(void **state)
{
	(void)state;
	uint8_t large[30000], in[8 + 30000 + 10];
	memset(large, 5, sizeof(large));
	assert_int_equal(gw_connection_reply_begin(peer, 30010, &err), GW_OK);
	assert_int_equal(counter.sends, 0);
	assert_int_equal(gw_connection_reply_write(peer, large, sizeof(large), &err), GW_OK);
	assert_int_equal(counter.sends, 1);
	assert_int_equal(counter.lengths[0], 8);
	assert_int_equal(counter.lengths[1], 30000);
	assert_int_equal(gw_connection_reply_write(peer, "0123456789", 10, &err), GW_OK);
	far->ops->shutdown(far);
	unsigned cmd;
	uint64_t size;
	(void)gw_connection_next(peer, &cmd, &size, &err);
	assert_int_equal(counter.bytes_sent, sizeof(in));
}

static void queued_replies_leave_when_the_peer_is_freed(void **state)
{
	(void)state;
	struct gw_transport *near;
	struct gw_connection *other;
	uint8_t reply[12];
	struct iovec iov = {reply, sizeof(reply)};
	size_t got;
	struct gw_transport *client;
	pair_loopback(&client, &near);
	assert_int_equal(gw_connection_new(near, &gw_dialect_newest, &other), GW_OK);
	assert_int_equal(gw_connection_reply(other, "last", 4, &err), GW_OK);
	gw_connection_free(other);
	assert_int_equal(client->ops->recvv(client, &iov, 1, 12, &got, NULL), GW_OK);
	assert_memory_equal(reply + 8, "last", 4);
	assert_int_equal(client->ops->recvv(client, &iov, 1, 1, &got, NULL), GW_ERR_CLOSED);
	client->ops->close(client);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_hello),
		TEST(one_byte_is_enough_to_refuse),
		TEST(refuses_http),
		TEST(refuses_other_commands_first),
		TEST(refuses_old_clients),
		TEST(refuses_hello_of_another_size),
		TEST(refuses_hello_of_a_monstrous_size),
		TEST(leaving_before_hello_is_closed),
		TEST(leaving_inside_hello_is_lost),
		TEST(leaving_inside_a_header_is_lost),
		TEST(leaving_between_requests_is_closed),
		TEST(bodies_have_their_announced_size),
		TEST(small_requests_share_a_receive),
		TEST(replies_leave_together_before_blocking),
		TEST(replies_leave_before_a_body_is_awaited),
		TEST(many_queued_replies_are_flushed),
		TEST(replies_in_pieces),
		TEST(queued_replies_leave_when_the_peer_is_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
