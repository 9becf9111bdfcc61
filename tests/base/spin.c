/* Looking for an event ends in time, and a thread that loses the processor by it stops doing so for a while. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/spin.h"

#define LONG_NS (3600 * GW_NS_PER_S)

static void no_time_is_over_at_once(void **state)
{
	(void)state;
	struct gw_spin s = gw_spin_start(0);
	assert_false(gw_spin_goes_on(&s));
}

/* In a thread of its own, because the rest is the thread's. */
static void *end_by_time(void *user)
{
	bool *ended = user;
	struct gw_spin s = gw_spin_start(LONG_NS);
	*ended = gw_spin_goes_on(&s);
	s.until = s.now + 1;
	gw_spin_yield(&s);
	*ended = *ended && !gw_spin_goes_on(&s);
	return NULL;
}

static void *lose_the_processor(void *user)
{
	bool *rests = user;
	struct gw_spin s = gw_spin_start(LONG_NS);
	*rests = gw_spin_goes_on(&s);
	s.now -= GW_NS_PER_S; /* as if the next yield took a second */
	gw_spin_yield(&s);
	*rests = *rests && !gw_spin_goes_on(&s);
	s = gw_spin_start(LONG_NS);
	*rests = *rests && !gw_spin_goes_on(&s);
	return NULL;
}

static bool run(void *(*body)(void *))
{
	bool as_expected = false;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, body, &as_expected), 0);
	pthread_join(thread, NULL);
	return as_expected;
}

static void it_ends_when_its_time_is_over(void **state)
{
	(void)state;
	assert_true(run(end_by_time));
}

static void a_thread_that_lost_the_processor_sleeps_at_once(void **state)
{
	(void)state;
	assert_true(run(lose_the_processor));
}

static void other_threads_are_not_affected(void **state)
{
	(void)state;
	assert_true(run(lose_the_processor));
	assert_true(run(end_by_time));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_time_is_over_at_once),
		cmocka_unit_test(it_ends_when_its_time_is_over),
		cmocka_unit_test(a_thread_that_lost_the_processor_sleeps_at_once),
		cmocka_unit_test(other_threads_are_not_affected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
