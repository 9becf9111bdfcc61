/* Requests and replies between a correct client and a correct server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stdatomic.h>

#include "rpc/client_state.h"
#include "rpc/counter.h"
#include "rpc/harness.h"
#include "wire/cursor.h"

static const struct gw_dialect *const newest = &gw_dialect_newest;

static const struct gw_dialect *const with_empty = &dialect_with_empty_replies;

struct session {
	struct server server;
	struct gw_client *client;
	uint64_t hash; /* expected running hash of the server */
};

typedef void (*pair_maker)(struct gw_transport **client, struct gw_transport **server);

static void start_on(struct session *s, struct gw_transport *near, struct gw_transport *far, const struct gw_dialect *d)
{
	s->hash = 0;
	server_start(&s->server, far, d);
	assert_int_equal(gw_client_start(near, "test", 10000, &s->client, NULL), GW_OK);
	use_dialect(s->client, d);
}

static void session_start(struct session *s, pair_maker make, const struct gw_dialect *d)
{
	struct gw_transport *near, *far;
	make(&near, &far);
	start_on(s, near, far, d);
}

static void session_stop(struct session *s)
{
	gw_client_close(s->client);
	server_join(&s->server);
}

static void post(struct session *s, enum gw_cmd cmd, const void *body, size_t size)
{
	struct iovec part = {(void *)(uintptr_t)body, size};
	assert_int_equal(gw_client_post(s->client, cmd, &part, 1), GW_OK);
	s->hash = hash_request(s->hash, cmd, body, size);
}

static void check_hash(struct session *s)
{
	uint8_t number[8];
	assert_int_equal(gw_client_call(s->client, GW_CMD_DEVICE_COUNT, NULL, 0, number, 8), GW_OK);
	assert_true(gw_le64(number) == s->hash);
}

static enum gw_status get(struct gw_client *c, uint64_t seed, const struct gw_dest *dest, uint64_t *ticket)
{
	struct get_body body;
	return gw_client_get(c, GW_CMD_GET_TENSOR, get_body(&body, seed, dest->size * dest->n), 1, dest, ticket);
}

static void posts_of_every_size_are_executed_in_order(pair_maker make, const struct gw_dialect *d)
{
	static const size_t sizes[] = {
		0, 1, 8, 9, 4096, 65535, 65536, 65537, 300000, 5, 3000000, 0, 65535, 65535, 65535};
	uint8_t *body = malloc(3000000);
	struct session s;
	assert_non_null(body);
	session_start(&s, make, d);
	for (size_t i = 0; i < 3000000; i++)
		body[i] = pattern(1, i);
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			post(&s, i % 2 ? GW_CMD_SET_TENSOR : GW_CMD_INIT_TENSOR, body + i,
				sizes[i] - (sizes[i] > i ? i : 0));
		for (size_t i = 0; i < 3000; i++)
			post(&s, GW_CMD_INIT_TENSOR, body + i, i % 300);
		check_hash(&s);
	}
	session_stop(&s);
	assert_int_equal(s.server.end, GW_ERR_CLOSED);
	free(body);
}

static void posts_are_executed_in_order(void **state)
{
	(void)state;
	posts_of_every_size_are_executed_in_order(pair_loopback, newest);
	posts_of_every_size_are_executed_in_order(pair_socket, newest);
}

static void posts_are_executed_in_order_with_empty_replies(void **state)
{
	(void)state;
	posts_of_every_size_are_executed_in_order(pair_loopback, with_empty);
	posts_of_every_size_are_executed_in_order(pair_socket, with_empty);
}

static void parts_are_concatenated(void **state)
{
	(void)state;
	struct session s;
	uint8_t *body = malloc(200000);
	assert_non_null(body);
	memset(body, 7, 200000);
	session_start(&s, pair_loopback, newest);
	struct iovec small[] = {{"ab", 2}, {NULL, 0}, {"c", 1}, {"def", 3}};
	assert_int_equal(gw_client_post(s.client, GW_CMD_SET_TENSOR, small, 4), GW_OK);
	s.hash = hash_request(s.hash, GW_CMD_SET_TENSOR, "abcdef", 6);
	struct iovec large[] = {{body, 305}, {body, 0}, {body, 199695}};
	assert_int_equal(gw_client_post(s.client, GW_CMD_SET_TENSOR, large, 3), GW_OK);
	s.hash = hash_request(s.hash, GW_CMD_SET_TENSOR, body, 200000);
	memset(body, 8, 200000);
	check_hash(&s);
	session_stop(&s);
	free(body);
}

static void rows_are_stored_in_place(void **state)
{
	(void)state;
	static const struct {
		size_t size, n, stride;
	} shapes[] = {{1, 1, 1}, {7, 5, 7}, {7, 5, 9}, {100, 1000, 130}, {70000, 3, 70001}, {0, 5, 8}, {8, 0, 8}};
	struct session s;
	session_start(&s, pair_loopback, newest);
	for (size_t k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
		size_t size = shapes[k].size, n = shapes[k].n, stride = shapes[k].stride;
		uint8_t *base = calloc(n + 1, stride);
		assert_non_null(base);
		struct gw_dest dest = {base, size, n, stride};
		assert_int_equal(get(s.client, k, &dest, NULL), GW_OK);
		assert_int_equal(gw_client_drain(s.client, GW_CLIENT_ALL), GW_OK);
		for (size_t i = 0; i < n; i++) {
			assert_true(is_pattern(base + i * stride, k, i * size, size));
			assert_true(is_zero(base + i * stride + size, stride - size));
		}
		assert_true(is_zero(base + n * stride, stride));
		free(base);
	}
	session_stop(&s);
}

static void drain_waits_for_its_ticket(void **state)
{
	(void)state;
	struct session s;
	uint8_t bytes[20][10] = {{0}};
	uint64_t tickets[20];
	session_start(&s, pair_loopback, newest);
	for (size_t i = 0; i < 20; i++) {
		struct gw_dest dest = {bytes[i], 10, 1, 10};
		assert_int_equal(get(s.client, i, &dest, &tickets[i]), GW_OK);
	}
	assert_int_equal(gw_client_drain(s.client, tickets[12]), GW_OK);
	for (size_t i = 0; i <= 12; i++)
		assert_true(is_pattern(bytes[i], i, 0, 10));
	assert_true(is_zero(bytes[13], 70));
	assert_int_equal(gw_client_drain(s.client, tickets[3]), GW_OK);
	assert_true(is_zero(bytes[13], 70));
	/* The server executes earlier posts before it answers a call. */
	check_hash(&s);
	assert_true(is_pattern(bytes[19], 19, 0, 10));
	assert_int_equal(gw_client_drain(s.client, GW_CLIENT_ALL), GW_OK);
	session_stop(&s);
}

static void calls_of_variable_size(void **state)
{
	(void)state;
	struct session s;
	struct get_body body;
	struct gw_buf reply = {0};
	session_start(&s, pair_loopback, newest);
	static const size_t sizes[] = {0, 1, 1000, 65536, 200000};
	for (size_t i = 0; i < 5; i++) {
		const struct iovec *part = get_body(&body, i, sizes[i]);
		assert_int_equal(gw_client_call_var(s.client, GW_CMD_EXT_INFO, part, 1, &reply, 200000), GW_OK);
		assert_int_equal(reply.len, sizes[i]);
		assert_true(is_pattern(reply.data, i, 0, reply.len));
	}
	const struct iovec *part = get_body(&body, 5, 200001);
	assert_int_equal(gw_client_call_var(s.client, GW_CMD_EXT_INFO, part, 1, &reply, 200000), GW_ERR_PROTOCOL);
	assert_int_equal(reply.len, 0);
	assert_true(gw_client_lost(s.client));
	session_stop(&s);
	gw_buf_free(&reply);
}

static void large_calls(void **state)
{
	(void)state;
	struct session s;
	struct get_body body;
	uint8_t *bytes = malloc(1000000);
	assert_non_null(bytes);
	session_start(&s, pair_socket, newest);
	const struct iovec *part = get_body(&body, 3, 1000000);
	assert_int_equal(gw_client_call(s.client, GW_CMD_GET_TENSOR, part, 1, bytes, 1000000), GW_OK);
	assert_true(is_pattern(bytes, 3, 0, 1000000));
	session_stop(&s);
	free(bytes);
}

/* Thousands of outstanding replies, mixed with requests of all sizes: neither side may block the other. */
static void gets_and_posts_do_not_deadlock(pair_maker make, const struct gw_dialect *d)
{
	enum {
		GETS = 10000,
		SIZE = 2000,
		POST = 150000
	};
	struct session s;
	uint8_t *bytes = calloc(GETS, SIZE);
	uint8_t *body = calloc(1, POST);
	assert_true(bytes && body);
	session_start(&s, make, d);
	for (size_t i = 0; i < GETS; i++) {
		struct gw_dest dest = {bytes + i * SIZE, i * 7919 % SIZE, 1, SIZE};
		assert_int_equal(get(s.client, i, &dest, NULL), GW_OK);
		if (i % 100 == 50)
			post(&s, GW_CMD_SET_TENSOR, body, POST);
		if (i % 10 == 5)
			post(&s, GW_CMD_INIT_TENSOR, body, i % 296);
		if (i % 10 == 6)
			post(&s, GW_CMD_SET_TENSOR, body, 30000);
	}
	check_hash(&s);
	for (size_t i = 0; i < GETS; i++)
		assert_true(is_pattern(bytes + i * SIZE, i, 0, i * 7919 % SIZE));
	session_stop(&s);
	free(bytes);
	free(body);
}

static void ten_thousand_gets(void **state)
{
	(void)state;
	gets_and_posts_do_not_deadlock(pair_loopback, newest);
	gets_and_posts_do_not_deadlock(pair_socket, newest);
	gets_and_posts_do_not_deadlock(pair_loopback, with_empty);
	gets_and_posts_do_not_deadlock(pair_socket, with_empty);
}

static void huge_replies_and_huge_posts(void **state)
{
	(void)state;
	enum {
		SIZE = 4 << 20
	};
	struct session s;
	uint8_t *bytes = malloc(5 * SIZE);
	uint8_t *body = calloc(1, SIZE);
	assert_true(bytes && body);
	session_start(&s, pair_loopback, newest);
	for (size_t i = 0; i < 5; i++) {
		struct gw_dest dest = {bytes + i * SIZE, SIZE, 1, SIZE};
		assert_int_equal(get(s.client, i, &dest, NULL), GW_OK);
		for (size_t k = 0; k < 100; k++)
			post(&s, GW_CMD_SET_TENSOR, body, 600);
		post(&s, GW_CMD_SET_TENSOR, body, SIZE);
	}
	check_hash(&s);
	for (size_t i = 0; i < 5; i++)
		assert_true(is_pattern(bytes + i * SIZE, i, 0, SIZE));
	session_stop(&s);
	free(bytes);
	free(body);
}

static void small_requests_leave_together(void **state)
{
	(void)state;
	struct counter counter, far_counter;
	struct gw_transport *near, *far;
	struct session s;
	uint8_t logits[500];
	struct gw_dest dest = {logits, sizeof(logits), 1, sizeof(logits)};
	pair_loopback(&near, &far);
	start_on(&s, counter_wrap(&counter, near, false), counter_wrap(&far_counter, far, false), newest);
	assert_int_equal(counter.sends, 1);
	assert_int_equal(counter.n_lengths, 1);
	for (size_t i = 0; i < 20; i++)
		post(&s, GW_CMD_SET_TENSOR, logits, i);
	assert_int_equal(counter.sends, 1);
	assert_int_equal(get(s.client, 1, &dest, NULL), GW_OK);
	assert_int_equal(counter.sends, 2);
	assert_int_equal(counter.n_lengths, 2);
	size_t receives = counter.receives;
	assert_int_equal(gw_client_drain(s.client, GW_CLIENT_ALL), GW_OK);
	assert_int_equal(counter.sends, 2);
	assert_int_equal(counter.receives, receives + 1);
	uint8_t large[70000] = {0};
	post(&s, GW_CMD_SET_TENSOR, logits, 10);
	post(&s, GW_CMD_SET_TENSOR, large, sizeof(large));
	assert_int_equal(counter.sends, 3);
	assert_int_equal(counter.n_lengths, 4);
	assert_int_equal(counter.lengths[2], 9 + 10 + 9);
	assert_int_equal(counter.lengths[3], sizeof(large));
	check_hash(&s);
	session_stop(&s);
	/* The replies to HELLO, get and call. */
	assert_int_equal(far_counter.sends, 3);
}

static void expect_lengths(const struct counter *counter, const size_t *lengths, size_t n)
{
	assert_int_equal(counter->n_lengths, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(counter->lengths[i], lengths[i]);
}

static void message_boundaries_are_kept_where_they_matter(void **state)
{
	(void)state;
	static const size_t requests[] = {1, 8, 24, 1, 8, 10, 1, 8, 1, 8, 6, 1, 8, 60000, 20000, 1, 8, 16, 1, 8};
	static const size_t replies[] = {8, 28, 8, 50000, 20000, 8, 8};
	struct counter counter, far_counter;
	struct gw_transport *near, *far;
	struct session s;
	uint8_t *bytes = calloc(1, 80000);
	struct iovec parts[] = {{"ab", 2}, {NULL, 0}, {"cdef", 4}};
	struct iovec large[] = {{bytes, 60000}, {NULL, 0}, {bytes, 20000}};
	struct gw_dest dest = {bytes, 70000, 1, 70000};
	pair_loopback(&near, &far);
	start_on(&s, counter_wrap(&counter, near, true), counter_wrap(&far_counter, far, true), newest);
	post(&s, GW_CMD_SET_TENSOR, bytes, 10);
	post(&s, GW_CMD_SET_TENSOR, bytes, 0);
	assert_int_equal(gw_client_post(s.client, GW_CMD_SET_TENSOR, parts, 3), GW_OK);
	s.hash = hash_request(s.hash, GW_CMD_SET_TENSOR, "abcdef", 6);
	assert_int_equal(gw_client_post(s.client, GW_CMD_SET_TENSOR, large, 3), GW_OK);
	s.hash = hash_request(s.hash, GW_CMD_SET_TENSOR, bytes, 80000);
	assert_int_equal(get(s.client, 1, &dest, NULL), GW_OK);
	check_hash(&s);
	assert_true(is_pattern(bytes, 1, 0, 70000));
	session_stop(&s);
	expect_lengths(&counter, requests, sizeof(requests) / sizeof(requests[0]));
	/* The harness sends long bodies in pieces of 50000. */
	expect_lengths(&far_counter, replies, sizeof(replies) / sizeof(replies[0]));
	free(bytes);
}

static void many_requests_are_sent_with_boundaries(void **state)
{
	(void)state;
	struct counter counter, far_counter;
	struct gw_transport *near, *far;
	struct session s;
	uint8_t bytes[3] = {1, 2, 3};
	pair_loopback(&near, &far);
	start_on(&s, counter_wrap(&counter, near, true), counter_wrap(&far_counter, far, true), newest);
	for (size_t i = 0; i < 5000; i++)
		post(&s, GW_CMD_SET_TENSOR, bytes, i % 4);
	check_hash(&s);
	session_stop(&s);
}

static void refuses_what_the_dialect_lacks(void **state)
{
	(void)state;
	struct session s;
	uint8_t reply[8];
	struct gw_dest dest = {reply, 8, 1, 8};
	struct iovec parts[GW_CLIENT_MAX_PARTS + 1] = {{NULL, 0}};
	session_start(&s, pair_loopback, with_empty);
	struct gw_client *c = s.client;
	assert_int_equal(gw_client_post(c, GW_CMD_MEMSET_TENSOR, NULL, 0), GW_ERR_UNSUPPORTED);
	memset(reply, 9, 8);
	assert_int_equal(gw_client_get(c, GW_CMD_GET_TENSOR_2D, NULL, 0, &dest, NULL), GW_ERR_UNSUPPORTED);
	assert_true(is_zero(reply, 8));
	assert_int_equal(gw_client_call(c, GW_CMD_EXT_END, NULL, 0, reply, 8), GW_ERR_UNSUPPORTED);
	/* Posting a command that has a reply, or calling one without, would misalign all later replies. */
	assert_int_equal(gw_client_post(c, GW_CMD_DEVICE_COUNT, NULL, 0), GW_ERR_INVALID);
	assert_int_equal(gw_client_call(c, GW_CMD_SET_TENSOR, NULL, 0, reply, 8), GW_ERR_INVALID);
	assert_int_equal(gw_client_post(c, GW_CMD_SET_TENSOR, parts, GW_CLIENT_MAX_PARTS + 1), GW_ERR_INVALID);
	assert_int_equal(gw_client_call(c, GW_CMD_FREE_BUFFER, NULL, 0, NULL, 0), GW_OK);
	s.hash = hash_request(s.hash, GW_CMD_FREE_BUFFER, NULL, 0);
	check_hash(&s);
	session_stop(&s);
}

struct hammer {
	pthread_t thread;
	struct gw_client *client;
	unsigned seed;
	unsigned failures;
};

static void *hammer_main(void *arg)
{
	struct hammer *h = arg;
	uint8_t bytes[4][3000];
	uint8_t *body = calloc(1, 70000);
	struct iovec part = {body, 0};
	for (unsigned i = 0; body && i < 150; i++) {
		uint64_t seed = (uint64_t)h->seed * 1000 + i, last = 0;
		size_t size = (h->seed * 97 + i * 389) % 3000;
		struct get_body get_part;
		for (size_t k = 0; k < 4; k++) {
			struct gw_dest dest = {bytes[k], size, 1, size};
			h->failures += get(h->client, seed + k, &dest, &last) != GW_OK;
			part.iov_len = (i + k) % 13 ? 100 * k : 70000;
			h->failures += gw_client_post(h->client, GW_CMD_SET_TENSOR, &part, 1) != GW_OK;
		}
		h->failures += gw_client_drain(h->client, last) != GW_OK;
		for (size_t k = 0; k < 4; k++)
			h->failures += !is_pattern(bytes[k], seed + k, 0, size);
		get_body(&get_part, seed, size);
		h->failures += gw_client_call(h->client, GW_CMD_GET_TENSOR, &get_part.iov, 1, bytes[0], size) != GW_OK;
		h->failures += !is_pattern(bytes[0], seed, 0, size) || gw_client_lost(h->client);
		h->failures += gw_client_flush(h->client) != GW_OK;
	}
	free(body);
	return NULL;
}

static void threads_share_a_client(void **state)
{
	(void)state;
	struct session s;
	struct hammer hammers[4];
	session_start(&s, pair_socket, newest);
	for (unsigned i = 0; i < 4; i++) {
		hammers[i] = (struct hammer){.client = s.client, .seed = i};
		assert_int_equal(pthread_create(&hammers[i].thread, NULL, hammer_main, &hammers[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(hammers[i].thread, NULL);
		assert_int_equal(hammers[i].failures, 0);
	}
	session_stop(&s);
	assert_int_equal(s.server.end, GW_ERR_CLOSED);
	assert_int_equal(s.server.requests, 4 * 150 * 9);
}

static void *flush_main(void *client)
{
	gw_client_flush_soon(client);
	return NULL;
}

/* Neither does the one wait, nor does the request: the thread whose call is running sends it. */
static void flushes_do_not_wait_for_calls(void **state)
{
	(void)state;
	struct session s;
	pthread_t thread;
	session_start(&s, pair_socket, newest);
	assert_int_equal(gw_client_post(s.client, GW_CMD_SET_TENSOR, NULL, 0), GW_OK);
	assert_int_equal(gw_client_enter(s.client), GW_OK);
	assert_int_equal(pthread_create(&thread, NULL, flush_main, s.client), 0);
	pthread_join(thread, NULL);
	assert_int_equal(gw_client_leave(s.client, GW_OK), GW_OK);
	session_stop(&s);
	assert_int_equal(s.server.requests, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posts_are_executed_in_order),
		cmocka_unit_test(posts_are_executed_in_order_with_empty_replies),
		cmocka_unit_test(parts_are_concatenated),
		cmocka_unit_test(rows_are_stored_in_place),
		cmocka_unit_test(drain_waits_for_its_ticket),
		cmocka_unit_test(calls_of_variable_size),
		cmocka_unit_test(large_calls),
		cmocka_unit_test(ten_thousand_gets),
		cmocka_unit_test(huge_replies_and_huge_posts),
		cmocka_unit_test(small_requests_leave_together),
		cmocka_unit_test(message_boundaries_are_kept_where_they_matter),
		cmocka_unit_test(many_requests_are_sent_with_boundaries),
		cmocka_unit_test(refuses_what_the_dialect_lacks),
		cmocka_unit_test(threads_share_a_client),
		cmocka_unit_test(flushes_do_not_wait_for_calls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
