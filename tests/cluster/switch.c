/* The cluster's network delivers every byte in order, and never faster than requested. */
#include "cluster/switch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cluster/pipe.h"

enum {
	MACHINES = 3,
	STREAM = 700 * 1000 + 17
};
#define LATENCY_NS INT64_C(5000000)
#define RATE 20e6

static struct switch_ctx *ctx;
static pthread_t thread;
static int stop[2];
static uint32_t base;
static uint16_t port;

static void *run(void *arg)
{
	(void)arg;
	switch_run(ctx, stop[0]);
	return NULL;
}

/* Unused addresses and an unused port. */
static int network_up(const struct pace *pace)
{
	for (int try = 0; try < 20; try++) {
		struct timespec t;
		clock_gettime(CLOCK_MONOTONIC, &t);
		unsigned seed = (unsigned)t.tv_nsec + (unsigned)getpid() * 31u;
		base = 0x7f000000u | (64 + seed / 7 % 128) << 16 | seed / 997 % 256 << 8;
		port = (uint16_t)(20000 + seed / 13 % 10000);
		ctx = switch_new(base, MACHINES, &port, 1);
		if (ctx)
			break;
	}
	if (!ctx || pipe(stop))
		return -1;
	switch_pace(ctx, pace);
	return pthread_create(&thread, NULL, run, NULL);
}

static int network_down(void **state)
{
	(void)state;
	close(stop[1]);
	pthread_join(thread, NULL);
	close(stop[0]);
	switch_free(ctx);
	return 0;
}

static int up_free(void **state)
{
	(void)state;
	return network_up(NULL);
}

static int up_paced(void **state)
{
	(void)state;
	return network_up(&(struct pace){LATENCY_NS, RATE});
}

static struct sockaddr_in address(unsigned last, uint16_t number)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(number), .sin_addr.s_addr = htonl(base | last)};
}

/* A server on a machine's private address. */
static int listen_on(unsigned machine)
{
	struct sockaddr_in own = address(SWITCH_PRIVATE + machine, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

/* Connects from a machine (0: the client) to another machine's public address. */
static int connect_to(unsigned from, unsigned to)
{
	struct sockaddr_in own = address(SWITCH_PRIVATE + from, 0), other = address(to, port);
	struct timeval limit = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (from)
		assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&other, sizeof(other)), 0);
	return fd;
}

struct sender {
	int fd;
	uint8_t seed;
};

static uint8_t byte_at(uint8_t seed, size_t i)
{
	return (uint8_t)((i * 2654435761u >> 11) + seed);
}

/* Sends the stream in pieces of odd sizes, then shuts down the connection. */
static void *send_stream(void *arg)
{
	const struct sender *s = arg;
	uint8_t *bytes = malloc(STREAM);

	for (size_t i = 0; bytes && i < STREAM; i++)
		bytes[i] = byte_at(s->seed, i);
	for (size_t at = 0, n; bytes && at < STREAM; at += n) {
		n = 1 + at * 7 % 90001;
		n = n < STREAM - at ? n : STREAM - at;
		ssize_t sent = send(s->fd, bytes + at, n, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
		n = (size_t)sent;
	}
	free(bytes);
	shutdown(s->fd, SHUT_WR);
	return NULL;
}

/* Receives until the end. Returns how many bytes were correct before the first error. */
static size_t receive_stream(int fd, uint8_t seed)
{
	uint8_t bytes[30000];
	size_t right = 0;
	ssize_t got;

	while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		for (ssize_t i = 0; i < got; i++, right++)
			if (bytes[i] != byte_at(seed, right))
				return right;
	return got == 0 ? right : 0;
}

static void *receive_thread(void *arg)
{
	const struct sender *s = arg;
	return (void *)receive_stream(s->fd, s->seed);
}

/* Both ends send their stream and receive the other's. */
static void exchange(int near, int far)
{
	struct sender there = {near, 1}, back = {far, 2}, from_far = {near, 2};
	pthread_t threads[3];
	void *right;

	assert_int_equal(pthread_create(&threads[0], NULL, send_stream, &there), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, send_stream, &back), 0);
	assert_int_equal(pthread_create(&threads[2], NULL, receive_thread, &from_far), 0);
	assert_int_equal(receive_stream(far, 1), STREAM);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], i == 2 ? &right : NULL);
	assert_int_equal((size_t)right, STREAM);
}

static void test_every_byte_in_order(void **state)
{
	int listener = listen_on(2), near = connect_to(0, 2), far = accept(listener, NULL, NULL);

	(void)state;
	exchange(near, far);
	close(near);
	close(far);
	close(listener);
}

static void test_never_faster_than_requested(void **state)
{
	int listener = listen_on(1), near = connect_to(3, 1), far = accept(listener, NULL, NULL);
	uint8_t byte = 7;

	(void)state;
	for (int i = 0; i < 5; i++) {
		int64_t start = pipe_now();
		assert_int_equal(send(near, &byte, 1, 0), 1);
		assert_int_equal(recv(far, &byte, 1, 0), 1);
		assert_int_equal(send(far, &byte, 1, 0), 1);
		assert_int_equal(recv(near, &byte, 1, 0), 1);
		assert_true(pipe_now() - start >= 2 * LATENCY_NS);
	}
	int64_t start = pipe_now();
	exchange(near, far);
	assert_true(pipe_now() - start >= LATENCY_NS + (int64_t)(STREAM / RATE * 1e9));
	close(near);
	close(far);
	close(listener);
}

static void test_a_machine_is_seen_by_its_address(void **state)
{
	int listener = listen_on(1);
	static const struct {
		unsigned from, seen;
	} cases[] = {{0, SWITCH_PRIVATE}, {2, 2}, {3, 3}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sockaddr_in peer = {0};
		socklen_t length = sizeof(peer);
		int near = connect_to(cases[i].from, 1), far = accept(listener, (struct sockaddr *)&peer, &length);
		assert_int_equal(ntohl(peer.sin_addr.s_addr), base | cases[i].seen);
		close(near);
		close(far);
	}
	close(listener);
}

static void test_a_server_may_listen_late(void **state)
{
	int near = connect_to(0, 3), listener, far;
	char byte = 'x';

	(void)state;
	assert_int_equal(send(near, &byte, 1, 0), 1);
	usleep(30000);
	listener = listen_on(3);
	far = accept(listener, NULL, NULL);
	assert_int_equal(recv(far, &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
	close(near);
	close(far);
	close(listener);
}

static void assert_within(int64_t value, int64_t least, int64_t most)
{
	assert_true(value >= least && value <= most);
}

/* All data from a machine shares one link, and so does all data to it; the two directions do not share. */
static void test_links_are_shared(void **state)
{
	const struct pace pace = {1000, 1e9}; /* one nanosecond per byte */
	struct link a = {0}, b = {0}, c = {0};
	int64_t out;

	(void)state;
	assert_within(pace_send(&pace, &a, &b, 100000, 500, &out), 101500, 101502);
	assert_within(out, 100500, 100502);
	assert_within(pace_send(&pace, &a, &c, 100000, 500, &out), 102000, 102004);
	assert_within(pace_send(&pace, &c, &b, 100000, 500, &out), 102000, 102004);
	assert_within(pace_send(&pace, &b, &a, 100000, 500, &out), 101500, 101502);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_are_shared),
		cmocka_unit_test_setup_teardown(test_every_byte_in_order, up_free, network_down),
		cmocka_unit_test_setup_teardown(test_never_faster_than_requested, up_paced, network_down),
		cmocka_unit_test_setup_teardown(test_a_machine_is_seen_by_its_address, up_free, network_down),
		cmocka_unit_test_setup_teardown(test_a_server_may_listen_late, up_paced, network_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
