/* Which clients TLS admits, what both ends report, and what an attacker on the network can achieve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "transport/faulty.h"
#include "transport/loopback.h"
#include "transport/tls/state.h"
#include "transport/tls_link.h"

#define MINUTE 60000
#define CAPTURE 8192

static struct gw_transport *client, *server;

static void make(void)
{
	assert_int_equal(gw_loopback_pair(0, &client, &server), GW_OK);
}

static void end(void)
{
	if (client)
		client->ops->close(client);
	if (server)
		server->ops->close(server);
	client = server = NULL;
}

static enum gw_status send_text(struct gw_transport *t, const char *text)
{
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	return t->ops->sendv(t, &iov, 1, NULL);
}

static enum gw_status recv_n(struct gw_transport *t, char *in, size_t n)
{
	struct iovec iov = {in, n};
	size_t got;
	return t->ops->recvv(t, &iov, 1, n, &got, NULL);
}

/* A changed length makes the receiver wait for bytes that never arrive. */
static enum gw_status recv_soon(struct gw_transport *t, char *in, size_t n, int timeout_ms)
{
	return t->ops->readable(t, timeout_ms) ? recv_n(t, in, n) : GW_ERR_TIMEOUT;
}

static void check_talk(void)
{
	char in[6] = {0};
	assert_int_equal(send_text(client, "hello"), GW_OK);
	assert_int_equal(recv_n(server, in, 5), GW_OK);
	assert_string_equal(in, "hello");
	assert_int_equal(send_text(server, "there"), GW_OK);
	assert_int_equal(recv_n(client, in, 5), GW_OK);
	assert_string_equal(in, "there");
}

static void the_right_key_gets_in_under_its_name(void **state)
{
	(void)state;
	const struct gw_tls_key key = tls_test_key("alice", 1);
	make();
	struct tls_outcome o = tls_shake_hands(&client, &server, &key, &key, MINUTE);
	assert_int_equal(o.client, GW_OK);
	assert_int_equal(o.server, GW_OK);
	assert_string_equal(server->identity, "alice");
	assert_string_equal(client->identity, "");
	assert_string_equal(server->ops->name, "tls");
	check_talk();
	end();
}

static void keys_of_every_length_work(void **state)
{
	(void)state;
	for (size_t n = GW_TLS_SECRET_MIN; n <= GW_TLS_SECRET_MAX; n++) {
		struct gw_tls_key key = tls_test_key("alice", (uint8_t)n);
		memset(key.secret, 7, sizeof(key.secret));
		key.secret_len = n;
		make();
		struct tls_outcome o = tls_shake_hands(&client, &server, &key, &key, MINUTE);
		assert_int_equal(o.client, GW_OK);
		assert_int_equal(o.server, GW_OK);
		check_talk();
		end();
	}
}

static void wrong_keys_and_unknown_names_look_alike(void **state)
{
	(void)state;
	const struct gw_tls_key known = tls_test_key("alice", 1), wrong = tls_test_key("alice", 2),
				unknown = tls_test_key("aline", 2);
	make();
	struct tls_outcome a = tls_shake_hands(&client, &server, &wrong, &known, MINUTE);
	end();
	make();
	struct tls_outcome b = tls_shake_hands(&client, &server, &unknown, &known, MINUTE);
	end();
	assert_int_equal(a.client, GW_ERR_INVALID);
	assert_int_equal(a.server, GW_ERR_INVALID);
	assert_int_equal(b.client, GW_ERR_INVALID);
	assert_int_equal(b.server, GW_ERR_INVALID);
	assert_string_equal(a.client_error.text, b.client_error.text);
	assert_non_null(strstr(a.server_error.text, "\"alice\" and has another key"));
	assert_non_null(strstr(b.server_error.text, "\"aline\": unknown"));
}

static void an_invalid_name_is_unknown(void **state)
{
	(void)state;
	const struct gw_tls_key known = tls_test_key("alice", 1), odd = tls_test_key("al\x1b[2Jice", 1);
	make();
	struct tls_outcome o = tls_shake_hands(&client, &server, &odd, &known, MINUTE);
	end();
	assert_int_equal(o.client, GW_ERR_INVALID);
	assert_int_equal(o.server, GW_ERR_INVALID);
	assert_null(strchr(o.server_error.text, '\x1b'));
}

static enum gw_status find_none(void *user, const char *identity, struct gw_tls_key *key, struct gw_error *err)
{
	(void)user;
	(void)identity;
	(void)key;
	return gw_error_set(err, GW_ERR_NOT_FOUND, "unknown");
}

static void plain_bytes_fail_the_handshake(void **state)
{
	(void)state;
	struct gw_error err;
	struct gw_transport *out = NULL;
	static const char *const first[] = {"\x0e\x18", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x40\x01",
		"\x16\x03\x01\xff\xff", "\x16\x16\x16\x16\x16\x16\x16\x16", "\x16\x03\x01\x01\x01\x01\xff\xff\xff"};
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		make();
		assert_int_equal(send_text(client, first[i]), GW_OK);
		client->ops->close(client);
		client = NULL;
		enum gw_status status = gw_tls_accept(server, find_none, NULL, MINUTE, &out, &err);
		assert_true(status == GW_ERR_PROTOCOL || status == GW_ERR_CLOSED);
		assert_null(out);
		end();
	}
}

static void an_unfinished_handshake_times_out(void **state)
{
	(void)state;
	struct gw_error err;
	struct gw_transport *out = NULL;
	const struct gw_tls_key key = tls_test_key("alice", 1);
	make();
	assert_int_equal(send_text(client, "\x16\x03\x01\x01"), GW_OK);
	uint64_t start = gw_clock_ns();
	assert_int_equal(gw_tls_accept(server, find_none, NULL, 50, &out, &err), GW_ERR_TIMEOUT);
	assert_true(gw_clock_ns() - start >= 49 * GW_NS_PER_MS);
	end();
	make();
	assert_int_equal(gw_tls_connect(client, &key, 50, &out, &err), GW_ERR_TIMEOUT);
	assert_null(out);
	end();
}

/* Single bytes do not extend the deadline. */
static void *drip(void *arg)
{
	struct gw_transport *t = arg;
	static const uint8_t head[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc};
	for (size_t i = 0; i < 2000; i++) {
		struct iovec iov = {(void *)(uintptr_t)(i < sizeof(head) ? &head[i] : &head[1]), 1};
		if (t->ops->sendv(t, &iov, 1, NULL))
			break;
		struct timespec pause = {.tv_nsec = 5000000};
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void dripping_does_not_move_the_deadline(void **state)
{
	(void)state;
	struct gw_error err;
	struct gw_transport *out = NULL;
	pthread_t thread;
	make();
	assert_int_equal(pthread_create(&thread, NULL, drip, client), 0);
	assert_int_equal(gw_tls_accept(server, find_none, NULL, 150, &out, &err), GW_ERR_TIMEOUT);
	server->ops->shutdown(server);
	pthread_join(thread, NULL);
	end();
}

/* Runs the same conversation under one fault. Returns whether both ends completed it without errors. */
static bool converse_under(struct gw_fault_plan plan, bool at_client, int timeout_ms)
{
	const struct gw_tls_key key = tls_test_key("alice", 1);
	char there[6] = {0}, back[6] = {0};
	make();
	struct gw_transport **end_of = at_client ? &client : &server;
	assert_int_equal(gw_fault_wrap(*end_of, &plan, end_of), GW_OK);
	struct tls_outcome o = tls_shake_hands(&client, &server, &key, &key, timeout_ms);
	bool good = !o.client && !o.server;
	if (!o.server)
		assert_string_equal(server->identity, "alice");
	good = good && !send_text(client, "hello") && !recv_soon(server, there, 5, timeout_ms) &&
	       !send_text(server, "there") && !recv_soon(client, back, 5, timeout_ms);
	/* Wrong bytes are never delivered. */
	assert_true(!there[0] || strcmp(there, "hello") == 0);
	assert_true(!back[0] || strcmp(back, "there") == 0);
	end();
	return good;
}

static void a_cut_at_any_byte_fails(void **state)
{
	(void)state;
	for (int at_client = 0; at_client < 2; at_client++) {
		struct gw_fault_plan plan = gw_fault_none;
		uint64_t at = 0;
		do
			plan.cut_recv_after = at++;
		while (!converse_under(plan, at_client, MINUTE) && at < CAPTURE);
		/* Every cut inside the conversation fails, and the first cut after its end does not. */
		assert_true(at > 100 && at < CAPTURE);
	}
}

static void a_changed_byte_never_changes_the_data(void **state)
{
	(void)state;
	for (int at_client = 0; at_client < 2; at_client++) {
		struct gw_fault_plan plan = gw_fault_none;
		unsigned failures = 0;
		/* Many positions, in every part of the handshake and of the data. */
		for (plan.corrupt_recv_at = 0; plan.corrupt_recv_at < 2200; plan.corrupt_recv_at += 5)
			failures += !converse_under(plan, at_client, 100);
		assert_true(failures > 50);
	}
}

/* Forwards and records the bytes of one end. */
struct tap {
	struct gw_transport *from, *to;
	uint8_t bytes[CAPTURE];
	size_t n;
};

static void *pump(void *arg)
{
	struct tap *tap = arg;
	size_t got;
	struct iovec iov = {tap->bytes, sizeof(tap->bytes)};
	while (tap->n < sizeof(tap->bytes) && tap->from->ops->recvv(tap->from, &iov, 1, 1, &got, NULL) == GW_OK) {
		struct iovec out = {iov.iov_base, got};
		if (tap->to->ops->sendv(tap->to, &out, 1, NULL))
			break;
		tap->n += got;
		iov = (struct iovec){tap->bytes + tap->n, sizeof(tap->bytes) - tap->n};
	}
	tap->to->ops->shutdown(tap->to);
	return NULL;
}

static bool contains(const struct tap *tap, const char *text)
{
	return memmem(tap->bytes, tap->n, text, strlen(text)) != NULL;
}

/* Records a conversation between client and server. */
static void record(struct tap *there, struct tap *back)
{
	const struct gw_tls_key key = tls_test_key("alice", 1);
	struct gw_transport *near, *far;
	pthread_t threads[2];
	assert_int_equal(gw_loopback_pair(0, &client, &near), GW_OK);
	assert_int_equal(gw_loopback_pair(0, &far, &server), GW_OK);
	*there = (struct tap){.from = near, .to = far};
	*back = (struct tap){.from = far, .to = near};
	assert_int_equal(pthread_create(&threads[0], NULL, pump, there), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, pump, back), 0);
	struct tls_outcome o = tls_shake_hands(&client, &server, &key, &key, MINUTE);
	assert_int_equal(o.client, GW_OK);
	assert_int_equal(o.server, GW_OK);
	check_talk();
	end();
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	near->ops->close(near);
	far->ops->close(far);
}

static enum gw_status find_alice(void *user, const char *identity, struct gw_tls_key *key, struct gw_error *err)
{
	(void)user;
	(void)identity;
	(void)err;
	*key = tls_test_key("alice", 1);
	return GW_OK;
}

static void a_replayed_conversation_is_refused(void **state)
{
	(void)state;
	struct tap there, back;
	struct gw_transport *out = NULL;
	struct gw_error err;
	record(&there, &back);
	/* An eavesdropper sees the identity, but no data. */
	assert_true(contains(&there, "alice"));
	assert_false(contains(&there, "hello") || contains(&back, "there"));
	make();
	struct iovec iov = {there.bytes, there.n};
	assert_int_equal(client->ops->sendv(client, &iov, 1, NULL), GW_OK);
	assert_int_equal(gw_tls_accept(server, find_alice, NULL, 2000, &out, &err), GW_ERR_PROTOCOL);
	assert_non_null(strstr(err.text, "\"alice\", but its handshake was replayed or damaged"));
	assert_null(out);
	end();
}

/* No tickets: after its last handshake message the server sends nothing unasked. */
static void the_server_sends_nothing_unasked(void **state)
{
	(void)state;
	const struct gw_tls_key key = tls_test_key("alice", 1);
	make();
	struct gw_transport *raw = client;
	struct tls_outcome o = tls_shake_hands(&client, &server, &key, &key, MINUTE);
	assert_int_equal(o.client | o.server, GW_OK);
	assert_false(raw->ops->readable(raw, 20));
	end();
}

static void keys_are_renewed_while_data_flows(void **state)
{
	(void)state;
	const struct gw_tls_key key = tls_test_key("alice", 1);
	make();
	struct tls_outcome o = tls_shake_hands(&client, &server, &key, &key, MINUTE);
	assert_int_equal(o.client | o.server, GW_OK);
	struct gw_tls *t = (struct gw_tls *)client;
	for (int i = 0; i < 3; i++) {
		t->sealed = (uint64_t)64 << 30;
		check_talk();
		assert_true(t->sealed < 100);
	}
	end();
}

static void an_end_inside_a_record_is_a_loss(void **state)
{
	(void)state;
	const struct gw_tls_key key = tls_test_key("alice", 1);
	char byte;
	make();
	struct gw_transport *raw = client;
	struct tls_outcome o = tls_shake_hands(&client, &server, &key, &key, MINUTE);
	assert_int_equal(o.client | o.server, GW_OK);
	assert_int_equal(send_text(raw, "\x17\x03\x03"), GW_OK);
	raw->ops->shutdown(raw);
	assert_int_equal(recv_n(server, &byte, 1), GW_ERR_LOST);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_key_gets_in_under_its_name),
		cmocka_unit_test(keys_of_every_length_work),
		cmocka_unit_test(wrong_keys_and_unknown_names_look_alike),
		cmocka_unit_test(an_invalid_name_is_unknown),
		cmocka_unit_test(plain_bytes_fail_the_handshake),
		cmocka_unit_test(an_unfinished_handshake_times_out),
		cmocka_unit_test(dripping_does_not_move_the_deadline),
		cmocka_unit_test(a_cut_at_any_byte_fails),
		cmocka_unit_test(a_changed_byte_never_changes_the_data),
		cmocka_unit_test(a_replayed_conversation_is_refused),
		cmocka_unit_test(the_server_sends_nothing_unasked),
		cmocka_unit_test(keys_are_renewed_while_data_flows),
		cmocka_unit_test(an_end_inside_a_record_is_a_loss),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
