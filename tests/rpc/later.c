/* Requests that gather leave in few sends, and all of them before a thread waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "rpc/later.h"

#define N_SERVERS 3
#define N_PIECES 20000

struct server {
	struct gw_later later;
	unsigned queued; /* requests */
	unsigned sends;
};

static void send_queued(struct gw_later *l)
{
	struct server *s = (struct server *)l;

	s->queued = 0;
	s->sends++;
}

static void post(struct server *s)
{
	s->queued++;
	gw_later_send(&s->later);
}

static void begin_burst(void)
{
	gw_later_begin_wait();
	gw_later_end_wait();
}

static void forget(struct server *servers, int n)
{
	for (int i = 0; i < n; i++)
		gw_later_forget(&servers[i].later);
}

/* Times at which something may have left, if the first request came at 0. */
static unsigned most_sends(uint64_t ns)
{
	unsigned n = 1;

	for (uint64_t at = 30000; at <= ns; n++) {
		uint64_t pause = 3 * at;
		at += pause < GW_NS_PER_MS ? pause : GW_NS_PER_MS;
	}
	return n;
}

static void the_first_request_leaves_at_once(void **state)
{
	struct server s = {.later.flush = send_queued};

	(void)state;
	for (unsigned burst = 1; burst <= 3; burst++) {
		begin_burst();
		post(&s);
		assert_int_equal(s.queued, 0);
		assert_int_equal(s.sends, burst);
	}
	forget(&s, 1);
}

static void a_long_burst_is_few_sends(void **state)
{
	struct server servers[N_SERVERS] = {0};

	(void)state;
	for (int i = 0; i < N_SERVERS; i++)
		servers[i].later.flush = send_queued;
	begin_burst();
	uint64_t begin = gw_clock_ns();
	for (int n = 0; n < N_PIECES; n++)
		for (int i = 0; i < N_SERVERS; i++)
			post(&servers[i]);
	unsigned most = most_sends(gw_clock_ns() - begin);
	gw_later_send_others(NULL);
	for (int i = 0; i < N_SERVERS; i++) {
		assert_int_equal(servers[i].queued, 0);
		/* The first request of each leaves at once, which takes those of the others along. */
		assert_true(servers[i].sends >= 1 && servers[i].sends <= most + N_SERVERS);
	}
	forget(servers, N_SERVERS);
}

static void nothing_gathers_while_a_thread_waits(void **state)
{
	struct server s = {.later.flush = send_queued};

	(void)state;
	post(&s);
	gw_later_begin_wait();
	for (unsigned n = 2; n < 100; n++) {
		post(&s);
		assert_int_equal(s.queued, 0);
		assert_int_equal(s.sends, n);
	}
	gw_later_end_wait();
	forget(&s, 1);
}

static void a_connection_sends_its_own_requests(void **state)
{
	struct server servers[2] = {{.later.flush = send_queued}, {.later.flush = send_queued}};

	(void)state;
	begin_burst();
	for (int n = 0; n < 10; n++) {
		post(&servers[0]);
		post(&servers[1]);
	}
	unsigned sends = servers[0].sends;
	gw_later_send_others(&servers[0].later);
	assert_int_equal(servers[0].sends, sends);
	assert_int_equal(servers[1].queued, 0);
	forget(servers, 2);
}

static void a_forgotten_connection_is_not_sent(void **state)
{
	struct server servers[2] = {{.later.flush = send_queued}, {.later.flush = send_queued}};

	(void)state;
	begin_burst();
	for (int n = 0; n < 10; n++) {
		post(&servers[0]);
		post(&servers[1]);
	}
	forget(servers, 1);
	unsigned sends = servers[0].sends;
	gw_later_send_others(NULL);
	assert_int_equal(servers[0].sends, sends);
	assert_int_equal(servers[1].queued, 0);
	forget(servers + 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_request_leaves_at_once),
		cmocka_unit_test(a_long_burst_is_few_sends),
		cmocka_unit_test(nothing_gathers_while_a_thread_waits),
		cmocka_unit_test(a_connection_sends_its_own_requests),
		cmocka_unit_test(a_forgotten_connection_is_not_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
