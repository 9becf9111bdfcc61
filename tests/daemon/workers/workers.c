/* Clients do not affect each other, whatever happens to one of them. */
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
#include "daemon/workers/pool.h"
#include "wire/message.h"

#define SPARES_MAX GW_POOL_SPARES_MAX

static struct serving s;

static int setup(void **state)
{
	(void)state;
	serving_start(&s, (const char *const[]){"-p", "0", "--log-level", "debug", NULL});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

/* The worker in the next log line about a new client. */
static pid_t await_worker(void)
{
	const char *line = serving_await(&s, "served by worker ");
	return (pid_t)atol(strstr(line, "worker ") + strlen("worker "));
}

static void each_client_has_its_worker(void **state)
{
	(void)state;
	struct gw_client *a = serving_connect(&s);
	pid_t first = await_worker();
	struct gw_client *b = serving_connect(&s);
	pid_t second = await_worker();
	assert_int_not_equal(first, second);
	for (int i = 0; i < 3; i++) {
		assert_true(serving_answers(a));
		assert_true(serving_answers(b));
	}
	gw_client_close(a);
	serving_await(&s, "left");
	assert_true(serving_answers(b));
	gw_client_close(b);
	serving_await(&s, "left");
}

static bool asks(struct gw_client *c)
{
	uint8_t reply[4];
	return gw_client_call(c, GW_CMD_DEVICE_COUNT, NULL, 0, reply, sizeof(reply)) == GW_OK;
}

static void a_worker_that_only_answered_questions_is_reused(void **state)
{
	(void)state;
	pid_t first = 0;
	for (int i = 0; i < 3; i++) {
		struct gw_client *c = serving_connect(&s);
		pid_t worker = await_worker();
		if (first)
			assert_int_equal(worker, first);
		first = worker;
		assert_true(asks(c));
		gw_client_close(c);
		serving_await(&s, "left");
	}
}

#define PATTERN 0x5a
#define AMOUNT ((size_t)1 << 20)

/* Allocates a buffer with one tensor, writes to it if data is given, and reads it back. */
static void use_memory(struct gw_client *c, const void *data, void *back)
{
	uint8_t out[GW_WIRE_MAX_FIXED], in[16];
	struct gw_wire_tensor t = {
		.id = 1, .type = 24 /* i8 */, .ne = {AMOUNT, 1, 1, 1}, .nb = {1, AMOUNT, AMOUNT, AMOUNT}};
	struct iovec parts[] = {{out, gw_wire_alloc_req_encode(&(struct gw_wire_alloc_req){.size = AMOUNT}, out)},
		{(void *)(uintptr_t)data, AMOUNT}};
	assert_int_equal(gw_client_call(c, GW_CMD_ALLOC_BUFFER, parts, 1, in, 16), GW_OK);
	t.buffer = gw_le64(in);
	parts[0].iov_len = gw_wire_buffer_req_encode(t.buffer, out);
	assert_int_equal(gw_client_call(c, GW_CMD_BUFFER_GET_BASE, parts, 1, in, 8), GW_OK);
	t.data = gw_le64(in);
	if (data) {
		parts[0].iov_len = gw_wire_set_req_encode(&gw_dialect_8_0, &(struct gw_wire_set_req){.tensor = t}, out);
		assert_int_equal(gw_client_post(c, GW_CMD_SET_TENSOR, parts, 2), GW_OK);
	}
	parts[0].iov_len =
		gw_wire_get_req_encode(&gw_dialect_8_0, &(struct gw_wire_get_req){.tensor = t, .size = AMOUNT}, out);
	assert_int_equal(gw_client_call(c, GW_CMD_GET_TENSOR, parts, 1, back, AMOUNT), GW_OK);
}

static size_t count_pattern(const uint8_t *bytes)
{
	size_t n = 0;
	for (size_t i = 0; i < AMOUNT; i++)
		n += bytes[i] == PATTERN;
	return n;
}

/* The next client finds nothing of an earlier one: neither its data, nor a process that it could have altered. */
static void a_client_that_did_more_was_the_workers_last(void **state)
{
	(void)state;
	static uint8_t data[AMOUNT], back[AMOUNT];
	pid_t before = 0;
	memset(data, PATTERN, sizeof(data));
	for (int i = 0; i < 6; i++) {
		struct gw_client *c = serving_connect(&s);
		pid_t worker = await_worker();
		assert_int_not_equal(worker, before);
		use_memory(c, NULL, back);
		assert_int_equal(count_pattern(back), 0);
		use_memory(c, data, back);
		assert_int_equal(count_pattern(back), AMOUNT);
		gw_client_close(c);
		serving_await(&s, "left");
		for (int tries = 0; kill(worker, 0) == 0 && tries < 500; tries++)
			serving_sleep_ms(10);
		assert_int_equal(kill(worker, 0), -1);
		before = worker;
	}
}

static void garbage_ends_its_own_connection_only(void **state)
{
	(void)state;
	struct gw_client *c = serving_connect(&s);
	await_worker();
	int fd = serving_socket(&s);
	assert_true(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL) > 0);
	pid_t worker = await_worker();
	assert_true(serving_sees_end(fd));
	close(fd);
	char text[64];
	snprintf(text, sizeof(text), "dropped by worker %ld: ", (long)worker);
	assert_non_null(strstr(serving_await(&s, text), "client 127.0.0.1:"));
	assert_true(serving_answers(c));
	gw_client_close(c);
}

static void killed_worker_is_told_and_replaced(void **state)
{
	(void)state;
	struct gw_client *a = serving_connect(&s);
	await_worker();
	struct gw_client *victim = serving_connect(&s);
	pid_t worker = await_worker();
	assert_int_equal(kill(worker, SIGKILL), 0);
	assert_false(serving_answers(victim));
	gw_client_close(victim);
	char text[64];
	snprintf(text, sizeof(text), "worker %ld died of signal 9 (Killed), client 127.0.0.1:", (long)worker);
	serving_await(&s, text);
	assert_true(serving_answers(a));
	struct gw_client *b = serving_connect(&s);
	assert_int_not_equal(await_worker(), worker);
	assert_true(serving_answers(b));
	gw_client_close(a);
	gw_client_close(b);
}

static void killed_spare_is_replaced(void **state)
{
	(void)state;
	pid_t spare, next = 0;
	assert_true(serving_children(s.pid, &spare, 1) >= 1);
	kill(spare, SIGKILL);
	serving_await(&s, "died of signal 9");
	for (int tries = 0; serving_children(s.pid, &next, 1) == 0 && tries < 500; tries++)
		serving_sleep_ms(10);
	assert_true(next != 0 && next != spare);
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
}

static void many_clients_leave_nothing_behind(void **state)
{
	(void)state;
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
	serving_await(&s, "left");
	serving_sleep_ms(500);
	size_t before = serving_descriptors(s.pid);
	for (int i = 0; i < 200; i++) {
		if (i % 10) {
			c = serving_connect(&s);
			gw_client_close(c);
			serving_await(&s, "left");
		} else {
			/* A client that sends nothing, or garbage. */
			int fd = serving_socket(&s);
			if (i % 20)
				assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
			close(fd);
			if (i % 20)
				serving_await(&s, "dropped by worker");
		}
	}
	/* Ends with at most the spares that the bursts needed. Each costs one descriptor. */
	for (int tries = 0; serving_children(s.pid, NULL, 0) > SPARES_MAX && tries < 500; tries++)
		serving_sleep_ms(10);
	serving_sleep_ms(500);
	size_t spares = serving_children(s.pid, NULL, 0);
	assert_true(is_within(spares, 1, SPARES_MAX));
	assert_true(serving_descriptors(s.pid) <= before + spares);
}

static void dropped_clients_worker_ends_well(void **state)
{
	(void)state;
	serving_end(&s);
	serving_start(&s, (const char *const[]){"-p", "0", "--log-level", "debug", NULL});
	int fd = serving_socket(&s);
	assert_int_equal(send(fd, "garbage", 7, MSG_NOSIGNAL), 7);
	close(fd);
	pid_t worker = await_worker();
	char text[64];
	snprintf(text, sizeof(text), "worker %ld ended: exit status 0", (long)worker);
	serving_await(&s, text);
}

/* A silent client keeps its slot and delays no other. */
static void silent_client_delays_nobody(void **state)
{
	(void)state;
	int fds[4];
	for (size_t i = 0; i < 4; i++)
		fds[i] = serving_socket(&s);
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_client_has_its_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_that_only_answered_questions_is_reused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_that_did_more_was_the_workers_last, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage_ends_its_own_connection_only, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_worker_is_told_and_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_spare_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(many_clients_leave_nothing_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(dropped_clients_worker_ends_well, setup, teardown),
		cmocka_unit_test_setup_teardown(silent_client_delays_nobody, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
