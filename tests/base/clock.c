/* Deadlines become time-outs for poll, and a thread and its owner can synchronise on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"

static void remaining_time_is_rounded_up_and_never_negative(void **state)
{
	(void)state;
	assert_int_equal(gw_clock_ms_left(GW_CLOCK_NEVER), -1);
	assert_int_equal(gw_clock_ms_left(0), 0);
	assert_int_equal(gw_clock_ms_left(gw_clock_ns()), 0);
	assert_int_equal(gw_clock_ms_left(GW_CLOCK_NEVER - 1), INT32_MAX);
	int left = gw_clock_ms_left(gw_clock_ns() + 3600 * GW_NS_PER_S);
	assert_true(left > 3500000 && left <= 3600000);
	assert_true(gw_clock_deadline(-1) == GW_CLOCK_NEVER);
	left = gw_clock_ms_left(gw_clock_deadline(3600000));
	assert_true(left > 3500000 && left <= 3600000);
}

static void a_moment_is_split_into_seconds_and_nanoseconds(void **state)
{
	(void)state;
	struct timespec t = gw_clock_timespec(3 * GW_NS_PER_S + 5);
	assert_int_equal(t.tv_sec, 3);
	assert_int_equal(t.tv_nsec, 5);
}

struct counter {
	struct gw_thread thread;
	unsigned wanted, done;
};

static void *count(void *user)
{
	struct counter *c = user;
	pthread_mutex_lock(&c->thread.lock);
	while (!c->thread.quit) {
		if (c->done < c->wanted) {
			c->done++;
			pthread_cond_broadcast(&c->thread.changed);
		} else {
			pthread_cond_wait(&c->thread.changed, &c->thread.lock);
		}
	}
	pthread_mutex_unlock(&c->thread.lock);
	return NULL;
}

static void a_thread_works_until_it_is_stopped(void **state)
{
	(void)state;
	struct counter c = {0};
	assert_int_equal(gw_thread_start(&c.thread, count, &c), GW_OK);
	pthread_mutex_lock(&c.thread.lock);
	/* Nobody signals before the deadline, so the wait times out. */
	uint64_t deadline = gw_clock_deadline(1);
	while (gw_cond_wait_until(&c.thread.changed, &c.thread.lock, deadline))
		;
	assert_int_equal(gw_clock_ms_left(deadline), 0);
	c.wanted = 1000;
	pthread_cond_broadcast(&c.thread.changed);
	while (c.done < c.wanted)
		assert_true(gw_cond_wait_until(&c.thread.changed, &c.thread.lock, GW_CLOCK_NEVER));
	pthread_mutex_unlock(&c.thread.lock);
	gw_thread_stop(&c.thread);
	assert_int_equal(c.done, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remaining_time_is_rounded_up_and_never_negative),
		cmocka_unit_test(a_moment_is_split_into_seconds_and_nanoseconds),
		cmocka_unit_test(a_thread_works_until_it_is_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
