/* Tests of the contract in transport/transport.h, run for every transport. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/list/exchange.h"
#include "transport/list/transports.h"
#include "transport/pairs.h"

/* Byte i of every test's stream: reordered or lost bytes become visible. */
static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static uint8_t *pattern_bytes(size_t n)
{
	uint8_t *bytes = malloc(n);
	for (size_t i = 0; bytes && i < n; i++)
		bytes[i] = pattern(i);
	return bytes;
}

static enum gw_status send_bytes(struct gw_transport *t, const void *bytes, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	return t->ops->sendv(t, &iov, 1, NULL);
}

static enum gw_status recv_exactly(struct gw_transport *t, void *bytes, size_t n)
{
	struct iovec iov = {bytes, n};
	size_t got = 0;
	enum gw_status status = t->ops->recvv(t, &iov, 1, n, &got, NULL);
	return status ? status : got == n ? GW_OK : GW_ERR_INVALID;
}

static int setup(void **state)
{
	const struct pair_kind *kind = *state;
	struct pair *pair = calloc(1, sizeof(*pair));
	if (!pair)
		return -1;
	if (!kind->make(kind, pair)) {
		free(pair);
		pair = NULL;
	}
	*state = pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *pair = *state;
	if (!pair)
		return 0;
	if (pair->a)
		pair->a->ops->close(pair->a);
	if (pair->b)
		pair->b->ops->close(pair->b);
	free(pair);
	return 0;
}

/* The pair under test. Skips the test if this machine lacks the transport. */
static struct pair *pair_of(void **state)
{
	if (!*state)
		skip();
	return *state;
}

static void close_end(struct gw_transport **t)
{
	(*t)->ops->close(*t);
	*t = NULL;
}

/* One end of an exchange, in a separate thread. */
struct exchanger {
	pthread_t thread;
	struct gw_flow x;
	size_t left, arrived; /* as last reported */
	bool shrank;          /* a report was below the one before */
	enum gw_status status;
	const uint8_t *source; /* of what is made, n bytes */
	uint8_t *out;
	size_t n, made;
};

static bool note_arrival(void *user, size_t sent, size_t received)
{
	struct exchanger *e = user;
	e->shrank |= sent < e->left || received < e->arrived;
	e->left = sent;
	e->arrived = received;
	return true;
}

/* Bytes that are not made yet are wrong. */
static size_t make_more(void *user, size_t sent)
{
	struct exchanger *e = user;
	size_t until = e->n - sent < 50000 ? e->n : sent + 50000;
	if (until > e->made) {
		memcpy(e->out + e->made, e->source + e->made, until - e->made);
		e->made = until;
	}
	return e->made;
}

static void *exchange_main(void *arg)
{
	struct exchanger *e = arg;
	e->status = gw_transport_exchange(&e->x, 1, NULL, NULL);
	return NULL;
}

static void exchange_both(struct pair *pair, size_t n, uint8_t *const out[2], uint8_t *const in[2])
{
	struct exchanger e[2] = {0};
	for (size_t i = 0; i < 2; i++) {
		e[i].out = calloc(1, n);
		assert_non_null(e[i].out);
		e[i].source = out[i];
		e[i].n = n;
		e[i].x = (struct gw_flow){.t = i ? pair->b : pair->a,
			.out = {{e[i].out, 1}, {e[i].out + 1, n - 1}},
			.in = {{in[i], 1}, {in[i] + 1, n - 1}},
			.sends_first = i == 0,
			.moved = note_arrival,
			.make = make_more,
			.user = &e[i]};
		assert_int_equal(pthread_create(&e[i].thread, NULL, exchange_main, &e[i]), 0);
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(e[i].thread, NULL), 0);
		assert_int_equal(e[i].status, GW_OK);
		assert_int_equal(e[i].left, n);
		assert_int_equal(e[i].arrived, n);
		assert_false(e[i].shrank);
		free(e[i].out);
	}
}

/* More data than any transport's buffers hold, so both ends have to receive while they send, or take turns. */
static void exchanges_deliver_both_directions(void **state)
{
	struct pair *pair = pair_of(state);
	const size_t sizes[] = {1, 24, 65536, 65537, pair->bulk};
	uint8_t *out[2] = {pattern_bytes(pair->bulk + 1), NULL};
	uint8_t *in[2] = {malloc(pair->bulk), malloc(pair->bulk)};
	assert_true(out[0] && in[0] && in[1]);
	out[1] = out[0] + 1; /* makes the directions differ */
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		if (sizes[k] > pair->bulk)
			continue;
		exchange_both(pair, sizes[k], out, in);
		assert_memory_equal(in[0], out[1], sizes[k]);
		assert_memory_equal(in[1], out[0], sizes[k]);
	}
	free(out[0]);
	free(in[0]);
	free(in[1]);
}

/* A stock peer sends everything before it receives anything, or vice versa. */
static void exchanges_work_with_a_half_duplex_peer(void **state)
{
	struct pair *pair = pair_of(state);
	size_t n = pair->bulk;
	uint8_t *bytes = pattern_bytes(n), *got = malloc(n), *theirs = malloc(n);
	assert_true(bytes && got && theirs);
	for (size_t i = 0; i < 2; i++) {
		struct exchanger e = {.x = {pair->a, {{bytes, n}}, {{got, n}}, i == 0, note_arrival, NULL, &e}};
		assert_int_equal(pthread_create(&e.thread, NULL, exchange_main, &e), 0);
		if (i == 1)
			assert_int_equal(send_bytes(pair->b, bytes, n), GW_OK);
		assert_int_equal(recv_exactly(pair->b, theirs, n), GW_OK);
		if (i == 0)
			assert_int_equal(send_bytes(pair->b, bytes, n), GW_OK);
		assert_int_equal(pthread_join(e.thread, NULL), 0);
		assert_int_equal(e.status, GW_OK);
		assert_memory_equal(got, bytes, n);
		assert_memory_equal(theirs, bytes, n);
	}
	free(bytes);
	free(got);
	free(theirs);
}

static void an_exchange_ends_when_the_peer_closes(void **state)
{
	struct pair *pair = pair_of(state);
	uint8_t out[64] = {1}, in[64];
	struct exchanger e = {
		.x = {.t = pair->a, .out = {{out, sizeof(out)}}, .in = {{in, sizeof(in)}}, .sends_first = true}};
	assert_int_equal(pthread_create(&e.thread, NULL, exchange_main, &e), 0);
	assert_int_equal(recv_exactly(pair->b, in, 1), GW_OK);
	close_end(&pair->b);
	assert_int_equal(pthread_join(e.thread, NULL), 0);
	assert_true(e.status == GW_ERR_LOST || e.status == GW_ERR_CLOSED);
}

static void small_messages_arrive_in_order(void **state)
{
	struct pair *pair = pair_of(state);
	uint8_t byte;
	for (size_t i = 0; i < 2000; i++) {
		byte = pattern(i);
		assert_int_equal(send_bytes(pair->a, &byte, 1), GW_OK);
		assert_int_equal(recv_exactly(pair->b, &byte, 1), GW_OK);
		assert_int_equal(byte, pattern(i));
		assert_int_equal(send_bytes(pair->b, &byte, 1), GW_OK);
		assert_int_equal(recv_exactly(pair->a, &byte, 1), GW_OK);
	}
}

/* Sends in a separate thread, so that the capacity of the pipe does not matter. */
struct sender {
	pthread_t thread;
	struct gw_transport *t;
	const struct iovec *iov;
	int n;
	enum gw_status status;
};

static void *send_main(void *arg)
{
	struct sender *s = arg;
	s->status = s->t->ops->sendv(s->t, s->iov, s->n, NULL);
	return NULL;
}

static void sender_start(struct sender *s, struct gw_transport *t, const struct iovec *iov, int n)
{
	*s = (struct sender){.t = t, .iov = iov, .n = n};
	assert_int_equal(pthread_create(&s->thread, NULL, send_main, s), 0);
}

static enum gw_status sender_join(struct sender *s)
{
	pthread_join(s->thread, NULL);
	return s->status;
}

static void empty_elements_are_ignored(void **state)
{
	struct pair *pair = pair_of(state);
	uint8_t in[6] = {0};
	struct iovec none = {NULL, 0};
	struct iovec iov[] = {{NULL, 0}, {"ab", 2}, {"", 0}, {NULL, 0}, {"cdef", 4}, {NULL, 0}};
	assert_int_equal(pair->a->ops->sendv(pair->a, &none, 1, NULL), GW_OK);
	assert_int_equal(pair->a->ops->sendv(pair->a, iov, 6, NULL), GW_OK);
	assert_int_equal(recv_exactly(pair->b, in, 6), GW_OK);
	assert_memory_equal(in, "abcdef", 6);
}

static void more_elements_than_iov_max(void **state)
{
	struct pair *pair = pair_of(state);
	const size_t count = 3 * IOV_MAX + 5, element = 3;
	uint8_t *out = pattern_bytes(count * element);
	uint8_t *in = calloc(count, element);
	struct iovec *iov = calloc(count, sizeof(*iov));
	struct sender sender;
	for (size_t i = 0; i < count; i++)
		iov[i] = (struct iovec){out + i * element, element};
	sender_start(&sender, pair->a, iov, (int)count);
	enum gw_status received = recv_exactly(pair->b, in, count * element);
	assert_int_equal(sender_join(&sender), GW_OK);
	assert_int_equal(received, GW_OK);
	assert_memory_equal(in, out, count * element);
	free(iov);
	free(in);
	free(out);
}

static void two_elements_are_filled_in_order(void **state)
{
	struct pair *pair = pair_of(state);
	uint8_t first[5] = {0}, second[16] = {0};
	struct iovec iov[] = {{first, sizeof(first)}, {second, sizeof(second)}};
	size_t got = 0;
	assert_int_equal(send_bytes(pair->a, "0123456", 7), GW_OK);
	assert_int_equal(pair->b->ops->recvv(pair->b, iov, 2, 6, &got, NULL), GW_OK);
	assert_true(got == 6 || got == 7);
	assert_memory_equal(first, "01234", 5);
	assert_memory_equal(second, "56", got - 5);
	if (got == 6)
		assert_int_equal(recv_exactly(pair->b, second + 1, 1), GW_OK);
	assert_memory_equal(second, "56", 2);
}

static void receives_no_more_than_fits(void **state)
{
	struct pair *pair = pair_of(state);
	uint8_t in[4] = {0};
	assert_int_equal(send_bytes(pair->a, "abcdef", 6), GW_OK);
	assert_int_equal(recv_exactly(pair->b, in, 3), GW_OK);
	assert_memory_equal(in, "abc\0", 4);
	assert_int_equal(recv_exactly(pair->b, in, 3), GW_OK);
	assert_memory_equal(in, "def\0", 4);
}

static void large_transfers_go_both_ways_at_once(void **state)
{
	struct pair *pair = pair_of(state);
	size_t n = pair->bulk;
	uint8_t *out = pattern_bytes(n);
	uint8_t *at_a = calloc(1, n), *at_b = calloc(1, n);
	struct iovec iov = {out, n};
	struct sender from_a, from_b;
	assert_true(out && at_a && at_b);
	sender_start(&from_a, pair->a, &iov, 1);
	sender_start(&from_b, pair->b, &iov, 1);
	/* Two threads on each side: both ends send and receive at the same time. */
	enum gw_status status = GW_OK;
	for (size_t done = 0, step; !status && done < n; done += step) {
		step = n - done < 5000 ? n - done : 5000;
		status = recv_exactly(pair->a, at_a + done, step);
		if (!status)
			status = recv_exactly(pair->b, at_b + done, step);
	}
	assert_int_equal(sender_join(&from_a), GW_OK);
	assert_int_equal(sender_join(&from_b), GW_OK);
	assert_int_equal(status, GW_OK);
	assert_memory_equal(at_a, out, n);
	assert_memory_equal(at_b, out, n);
	free(out);
	free(at_a);
	free(at_b);
}

struct shutter {
	pthread_t thread;
	struct gw_transport *t;
};

static void *shut_main(void *arg)
{
	struct shutter *s = arg;
	usleep(30000);
	s->t->ops->shutdown(s->t);
	s->t->ops->shutdown(s->t);
	return NULL;
}

static void shutdown_wakes_a_blocked_reader(void **state)
{
	struct pair *pair = pair_of(state);
	struct shutter shutter = {.t = pair->b};
	uint8_t byte = 0;
	assert_int_equal(pthread_create(&shutter.thread, NULL, shut_main, &shutter), 0);
	assert_int_equal(recv_exactly(pair->b, &byte, 1), GW_ERR_LOST);
	pthread_join(shutter.thread, NULL);
	assert_int_equal(recv_exactly(pair->b, &byte, 1), GW_ERR_LOST);
	assert_int_equal(send_bytes(pair->b, &byte, 1), GW_ERR_LOST);
	assert_int_equal(recv_exactly(pair->a, &byte, 1), GW_ERR_CLOSED);
}

static void shutdown_wakes_a_blocked_sender(void **state)
{
	struct pair *pair = pair_of(state);
	struct shutter shutter = {.t = pair->a};
	size_t n = 64 << 20;
	uint8_t *out = calloc(1, n);
	assert_non_null(out);
	assert_int_equal(pthread_create(&shutter.thread, NULL, shut_main, &shutter), 0);
	assert_int_equal(send_bytes(pair->a, out, n), GW_ERR_LOST);
	pthread_join(shutter.thread, NULL);
	free(out);
}

static void close_between_messages_is_closed(void **state)
{
	struct pair *pair = pair_of(state);
	uint8_t in[4];
	assert_int_equal(send_bytes(pair->a, "last", 4), GW_OK);
	close_end(&pair->a);
	assert_int_equal(recv_exactly(pair->b, in, 4), GW_OK);
	assert_memory_equal(in, "last", 4);
	struct gw_error err = {0};
	struct iovec iov = {in, 4};
	size_t got = 77;
	assert_int_equal(pair->b->ops->recvv(pair->b, &iov, 1, 1, &got, &err), GW_ERR_CLOSED);
	assert_int_equal(err.status, GW_ERR_CLOSED);
	assert_true(err.text[0] != '\0');
	assert_int_equal(got, 77);
}

static void close_inside_a_message_is_lost(void **state)
{
	struct pair *pair = pair_of(state);
	uint8_t in[4];
	assert_int_equal(send_bytes(pair->a, "las", 3), GW_OK);
	close_end(&pair->a);
	assert_int_equal(recv_exactly(pair->b, in, 4), GW_ERR_LOST);
}

static void send_to_a_closed_peer_is_lost(void **state)
{
	struct pair *pair = pair_of(state);
	enum gw_status status = GW_OK;
	close_end(&pair->b);
	/* A network may accept the first bytes before it notices. */
	for (int i = 0; i < 1000 && !status; i++) {
		status = send_bytes(pair->a, "x", 1);
		usleep(100);
	}
	assert_int_equal(status, GW_ERR_LOST);
}

static void readable_predicts_whether_a_receive_blocks(void **state)
{
	struct pair *pair = pair_of(state);
	struct gw_transport *b = pair->b;
	uint8_t byte;
	assert_false(b->ops->readable(b, 0));
	uint64_t start = gw_clock_ns();
	assert_false(b->ops->readable(b, 20));
	assert_true(gw_clock_ns() - start >= 19000000);
	assert_int_equal(send_bytes(pair->a, "x", 1), GW_OK);
	assert_true(b->ops->readable(b, 5000));
	assert_true(b->ops->readable(b, 0));
	assert_int_equal(recv_exactly(b, &byte, 1), GW_OK);
	assert_false(b->ops->readable(b, 0));
	close_end(&pair->a);
	assert_true(b->ops->readable(b, 5000));
	assert_int_equal(recv_exactly(b, &byte, 1), GW_ERR_CLOSED);
}

static void readable_wakes_when_bytes_come(void **state)
{
	struct pair *pair = pair_of(state);
	struct shutter shutter = {.t = pair->a};
	assert_int_equal(pthread_create(&shutter.thread, NULL, shut_main, &shutter), 0);
	uint64_t start = gw_clock_ns();
	assert_true(pair->b->ops->readable(pair->b, 20000));
	assert_true(gw_clock_ns() - start < UINT64_C(10000000000));
	pthread_join(shutter.thread, NULL);
}

static void names_its_peer_and_transport(void **state)
{
	struct pair *pair = pair_of(state);
	assert_true(pair->a->peer[0] != '\0' && pair->b->peer[0] != '\0');
	assert_true(pair->a->ops->name[0] != '\0');
	assert_ptr_equal(strchr(pair->a->peer, '%'), NULL);
}

#define CASE(f)                              \
	{                                    \
#f, f, setup, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(small_messages_arrive_in_order),
		CASE(exchanges_deliver_both_directions),
		CASE(exchanges_work_with_a_half_duplex_peer),
		CASE(an_exchange_ends_when_the_peer_closes),
		CASE(empty_elements_are_ignored),
		CASE(more_elements_than_iov_max),
		CASE(two_elements_are_filled_in_order),
		CASE(receives_no_more_than_fits),
		CASE(large_transfers_go_both_ways_at_once),
		CASE(shutdown_wakes_a_blocked_reader),
		CASE(shutdown_wakes_a_blocked_sender),
		CASE(close_between_messages_is_closed),
		CASE(close_inside_a_message_is_lost),
		CASE(send_to_a_closed_peer_is_lost),
		CASE(readable_predicts_whether_a_receive_blocks),
		CASE(readable_wakes_when_bytes_come),
		CASE(names_its_peer_and_transport),
	};
	enum {
		N = sizeof(cases) / sizeof(cases[0])
	};
	int failed = 0;
	for (size_t k = 0; k < n_pair_kinds; k++) {
		struct CMUnitTest tests[N];
		memcpy(tests, cases, sizeof(tests));
		for (size_t i = 0; i < N; i++)
			tests[i].initial_state = (void *)(uintptr_t)&pair_kinds[k];
		printf("transport: %s\n", pair_kinds[k].name);
		failed += cmocka_run_group_tests_name(pair_kinds[k].name, tests, NULL, NULL);
	}
	return failed + pairs_end();
}
