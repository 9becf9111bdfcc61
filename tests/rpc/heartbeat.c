/* A client keeps waiting for a server that sends keep-alives (EXT_ALIVE), and gives up a silent one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "rpc/client_state.h"
#include "rpc/connection_state.h"
#include "rpc/harness.h"
#include "rpc/replies.h"
#include "wire/cursor.h"
#include "wire/extension.h"

/* GGML_RPC_TIMEOUT in milliseconds. The server sends a keep-alive every quarter of it. */
#define TIMEOUT_MS 1000
#define LONG_MS (3 * TIMEOUT_MS)
#define REPLY 100000

static void sleep_ms(int ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	nanosleep(&t, NULL);
}

/* A scripted server. The deaf variant receives EXT_ALIVE and ignores it. */
struct scene {
	void (*act)(struct scene *s, unsigned cmd);
	bool deaf;
	struct gw_connection *peer;
	pthread_t thread;
	enum gw_status end;
	struct gw_client *client;
};

static void serve_one(struct scene *s, unsigned cmd, uint64_t size)
{
	uint8_t *body = malloc((size_t)size + 1);
	uint32_t ms;
	assert_non_null(body);
	s->end = gw_connection_read(s->peer, body, (size_t)size, NULL);
	if (!s->end && cmd != GW_CMD_EXT_ALIVE)
		s->act(s, cmd);
	else if (!s->end && !s->deaf && gw_ext_alive_decode(body, (size_t)size, &ms))
		s->end = gw_connection_keep_alive(s->peer, ms, NULL);
	free(body);
}

static void *serve(void *arg)
{
	struct scene *s = arg;
	unsigned cmd;
	uint64_t size;
	s->end = gw_connection_handshake(s->peer, NULL);
	while (!s->end) {
		s->end = gw_connection_next(s->peer, &cmd, &size, NULL);
		if (!s->end)
			serve_one(s, cmd, size);
	}
	gw_connection_free(s->peer);
	return NULL;
}

static void begin(struct scene *s, bool deaf, void (*act)(struct scene *s, unsigned cmd))
{
	struct gw_transport *near, *far;
	*s = (struct scene){.act = act, .deaf = deaf};
	pair_socket(&near, &far);
	assert_int_equal(gw_connection_new(far, &gw_dialect_newest, &s->peer), GW_OK);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	assert_int_equal(gw_client_start(near, "scene", 10000, &s->client, NULL), GW_OK);
	assert_int_equal(gw_client_keep_alive(s->client), GW_OK);
}

static void end(struct scene *s, enum gw_status expected)
{
	gw_client_close(s->client);
	pthread_join(s->thread, NULL);
	assert_int_equal(s->end, expected);
}

static enum gw_status ask(struct scene *s, uint8_t *reply, size_t size)
{
	struct get_body b;
	return gw_client_call(s->client, GW_CMD_GET_TENSOR, get_body(&b, 1, size), 1, reply, size);
}

static void reply_late(struct scene *s, unsigned cmd)
{
	const uint8_t byte = 7;
	(void)cmd;
	sleep_ms(LONG_MS);
	s->end = gw_connection_reply(s->peer, &byte, 1, NULL);
}

static void a_long_computation_is_no_silence(void **state)
{
	(void)state;
	struct scene s;
	uint8_t byte = 0;
	begin(&s, false, reply_late);
	assert_int_equal(ask(&s, &byte, 1), GW_OK);
	assert_int_equal(byte, 7);
	assert_int_equal(ask(&s, &byte, 1), GW_OK);
	end(&s, GW_ERR_CLOSED);
}

static void a_silent_server_is_lost(void **state)
{
	(void)state;
	struct scene s;
	uint8_t byte = 0;
	begin(&s, true, reply_late);
	assert_int_equal(ask(&s, &byte, 1), GW_ERR_TIMEOUT);
	assert_true(gw_client_lost(s.client));
	assert_int_equal(byte, 0);
	end(&s, GW_ERR_LOST);
}

static void post_much(struct scene *s, enum gw_status *status)
{
	const size_t size = (size_t)32 << 20;
	uint8_t *much = calloc(1, size);
	const struct iovec part = {much, size};
	assert_non_null(much);
	*status = GW_OK;
	for (int i = 0; i < 2 && !*status; i++)
		*status = gw_client_post(s->client, GW_CMD_SET_TENSOR, &part, 1);
	free(much);
}

static void work(struct scene *s, unsigned cmd)
{
	(void)s;
	(void)cmd;
	sleep_ms(LONG_MS);
}

static void who_waits_to_send_waits_for_a_server_that_works(void **state)
{
	(void)state;
	struct scene s;
	enum gw_status status;
	begin(&s, false, work);
	post_much(&s, &status);
	assert_int_equal(status, GW_OK);
	end(&s, GW_ERR_CLOSED);
}

static void a_blocked_sender_gives_up_a_silent_server(void **state)
{
	(void)state;
	struct scene s;
	enum gw_status status;
	begin(&s, true, work);
	post_much(&s, &status);
	assert_int_equal(status, GW_ERR_TIMEOUT);
	gw_client_close(s.client);
	pthread_join(s.thread, NULL);
}

/* Queues some pieces, sends others at once, with enough time between them for several keep-alives. */
static void reply_slowly(struct scene *s, unsigned cmd)
{
	static const size_t pieces[] = {1, 20000, 16384, 40000, 5};
	uint8_t bytes[REPLY];
	size_t done = 0;
	(void)cmd;
	for (size_t i = 0; i < REPLY; i++)
		bytes[i] = pattern(1, i);
	s->end = gw_connection_reply_begin(s->peer, REPLY, NULL);
	for (size_t i = 0; !s->end && done < REPLY; done += pieces[i++ % 5]) {
		size_t n = REPLY - done < pieces[i % 5] ? REPLY - done : pieces[i % 5];
		s->end = gw_connection_reply_write(s->peer, bytes + done, n, NULL);
		if (i < 5)
			sleep_ms(TIMEOUT_MS * 2 / 5);
	}
}

static void keep_alives_never_interrupt_a_reply(void **state)
{
	(void)state;
	static uint8_t got[REPLY];
	struct scene s;
	begin(&s, false, reply_slowly);
	s.client->in.patience_ms = 60000;
	for (int i = 0; i < 2; i++) {
		memset(got, 0, sizeof(got));
		assert_int_equal(ask(&s, got, sizeof(got)), GW_OK);
		assert_true(is_pattern(got, 1, 0, sizeof(got)));
	}
	end(&s, GW_ERR_CLOSED);
}

/* Sends a keep-alive when the client expects nothing more. */
static void say(struct scene *s, unsigned cmd)
{
	(void)cmd;
	(void)gw_connection_report_alive(s->peer, &s->peer->sends);
}

static void unexpected_keep_alives_do_no_harm(void **state)
{
	(void)state;
	struct scene s;
	begin(&s, true, say);
	assert_int_equal(gw_client_post(s.client, GW_CMD_FREE_BUFFER, &(struct iovec){(uint8_t[8]){0}, 8}, 1), GW_OK);
	assert_int_equal(gw_client_flush(s.client), GW_OK);
	assert_true(s.client->transport->ops->readable(s.client->transport, 10000));
	/* Closing with unread bytes would reset the connection, for the server. */
	end(&s, GW_ERR_CLOSED);
}

static void reply_at_once(struct scene *s, unsigned cmd)
{
	const uint8_t byte = 7;
	if (cmd == GW_CMD_GET_TENSOR)
		s->end = gw_connection_reply(s->peer, &byte, 1, NULL);
}

static void idle_connections_get_no_keep_alives(void **state)
{
	(void)state;
	struct scene s;
	uint8_t byte;
	begin(&s, false, reply_at_once);
	assert_int_equal(ask(&s, &byte, 1), GW_OK);
	/* One keep-alive may still arrive. */
	sleep_ms(2 * TIMEOUT_MS);
	assert_int_equal(gw_client_take_alive(s.client, NULL), GW_OK);
	assert_false(s.client->transport->ops->readable(s.client->transport, 2 * TIMEOUT_MS));
	/* The thread wakes up again. */
	s.act = reply_late;
	assert_int_equal(ask(&s, &byte, 1), GW_OK);
	end(&s, GW_ERR_CLOSED);
}

/* A client that has not enabled keep-alives takes one for a reply of 2^64-1 bytes. */
static void keep_alives_must_be_requested(void **state)
{
	(void)state;
	struct scene s;
	uint8_t byte;
	begin(&s, true, say);
	s.client->reports_alive = false;
	assert_int_equal(ask(&s, &byte, 1), GW_ERR_PROTOCOL);
	gw_client_close(s.client);
	pthread_join(s.thread, NULL);
}

static void servers_of_an_earlier_level_get_no_request(void **state)
{
	(void)state;
	struct gw_transport *near, *far;
	struct server server;
	struct gw_client *c;
	pair_loopback(&near, &far);
	server_start(&server, far, &gw_dialect_newest);
	assert_int_equal(gw_client_start(near, "loopback", 10000, &c, NULL), GW_OK);
	c->extensions = GW_EXT_LEVEL_ALIVE - 1;
	assert_int_equal(gw_client_keep_alive(c), GW_OK);
	assert_int_equal(c->transport->silence_ms, 0);
	gw_client_close(c);
	server_join(&server);
	assert_int_equal(server.requests, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_computation_is_no_silence),
		cmocka_unit_test(a_silent_server_is_lost),
		cmocka_unit_test(who_waits_to_send_waits_for_a_server_that_works),
		cmocka_unit_test(a_blocked_sender_gives_up_a_silent_server),
		cmocka_unit_test(keep_alives_never_interrupt_a_reply),
		cmocka_unit_test(unexpected_keep_alives_do_no_harm),
		cmocka_unit_test(idle_connections_get_no_keep_alives),
		cmocka_unit_test(keep_alives_must_be_requested),
		cmocka_unit_test(servers_of_an_earlier_level_get_no_request),
	};
	setenv("GGML_RPC_TIMEOUT", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
