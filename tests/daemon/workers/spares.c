/* The wanted number of spare workers: as many as recent bursts needed, and back to the minimum later. */
#include "daemon/workers/spares.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static struct gw_spares s;

/* Clients that arrive at once while some workers are ready. Returns how many found none. */
static unsigned burst(uint64_t now, unsigned clients)
{
	unsigned ready = gw_spares_wanted(&s, now), missed = 0;
	for (unsigned i = 0; i < clients; i++) {
		bool miss = ready == 0;
		missed += miss;
		ready -= !miss;
		gw_spares_taken(&s, now, ready, miss);
	}
	return missed;
}

static void the_next_burst_of_a_size_finds_workers(void **state)
{
	(void)state;
	gw_spares_init(&s, 2, 16);
	assert_int_equal(burst(1 * S, 12), 10);
	assert_int_equal(burst(2 * S, 12), 0);
	/* The number stays as long as clients need it. */
	for (uint64_t t = 10; t < 400; t += 10)
		assert_int_equal(burst(t * S, 12), 0);
}

static void bounds_hold(void **state)
{
	(void)state;
	gw_spares_init(&s, 2, 16);
	burst(1 * S, 200);
	assert_int_equal(gw_spares_wanted(&s, 1 * S), 16);
	/* All were needed until the first review. */
	assert_int_equal(gw_spares_wanted(&s, 10000 * S), 16);
	assert_int_equal(gw_spares_wanted(&s, 20000 * S), 8);
	gw_spares_init(&s, 1, 4);
	assert_int_equal(gw_spares_wanted(&s, 5 * S), 1);
	assert_int_equal(s.review_at, UINT64_MAX);
}

static void unneeded_spares_are_dropped(void **state)
{
	(void)state;
	gw_spares_init(&s, 2, 16);
	burst(1 * S, 18);
	unsigned last = gw_spares_wanted(&s, 1 * S);
	assert_int_equal(last, 16);
	/* An occasional client needs one spare. */
	for (uint64_t t = 10; t < 600; t += 10) {
		burst(t * S, 1);
		unsigned now = gw_spares_wanted(&s, t * S);
		assert_true(now <= last);
		last = now;
	}
	assert_true(last <= 3);
}

/* An unused server wakes up for a few reviews, and then not any more. */
static void reviews_end(void **state)
{
	(void)state;
	unsigned reviews = 0;
	gw_spares_init(&s, 2, 16);
	burst(1 * S, 18);
	for (; s.review_at != UINT64_MAX && reviews < 100; reviews++)
		(void)gw_spares_wanted(&s, s.review_at);
	assert_true(reviews >= 3 && reviews <= 8);
	assert_int_equal(s.wanted, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_burst_of_a_size_finds_workers),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(unneeded_spares_are_dropped),
		cmocka_unit_test(reviews_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
