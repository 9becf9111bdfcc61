/* Budgets that several connections of one client share: however they take and give at the same time, together they
 * never hold more than the bound, and what they hold is never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "device/memory/budget.h"

#define PARTS 4
#define MAX UINT64_C(1000)
#define ROUNDS 20000

struct part {
	pthread_t thread;
	_Atomic uint64_t shown;
	struct gw_budget_share share;
	struct gw_budget budget;
	uint64_t n_taken, n_refused, worst;
};

static struct part parts[PARTS];
static pthread_barrier_t together; /* nobody begins or ends alone, so all compete, however threads are scheduled */

static _Thread_local unsigned n_asked;

static uint64_t others_of(void *user)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < PARTS; i++)
		if (&parts[i] != user)
			sum += atomic_load_explicit(&parts[i].shown, memory_order_relaxed);
	/* Others get their chance at the worst moment. */
	if (++n_asked % 8 == 0)
		sched_yield();
	return sum;
}

static int setup(void **state)
{
	(void)state;
	memset((void *)parts, 0, sizeof(parts));
	for (size_t i = 0; i < PARTS; i++) {
		parts[i].share = (struct gw_budget_share){&parts[i].shown, others_of, &parts[i]};
		parts[i].budget = (struct gw_budget){.max = MAX, .share = &parts[i].share};
	}
	return 0;
}

/* What all parts really hold, apart from what they show. */
static _Atomic uint64_t total;

static void *take_and_give(void *arg)
{
	struct part *p = arg;
	uint64_t seed = (uint64_t)(p - parts) + 1, held = 0;
	assert_true(gw_budget_resize(&p->budget, &held, MAX / 5));
	atomic_fetch_add(&total, held);
	pthread_barrier_wait(&together);
	for (size_t i = 0; i < ROUNDS; i++) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		uint64_t n = (seed >> 33) % (MAX / 2);
		if (n <= held) {
			/* Before others can have it. */
			atomic_fetch_sub(&total, held - n);
			gw_budget_give(&p->budget, held - n);
			held = n;
		} else if (gw_budget_take(&p->budget, n - held)) {
			uint64_t now = atomic_fetch_add(&total, n - held) + n - held;
			p->worst = now > p->worst ? now : p->worst;
			p->n_taken++;
			held = n;
		} else {
			p->n_refused++;
		}
	}
	pthread_barrier_wait(&together);
	atomic_fetch_sub(&total, held);
	gw_budget_give(&p->budget, held);
	return NULL;
}

static void together_they_keep_the_bound(void **state)
{
	uint64_t taken = 0, refused = 0;
	(void)state;
	pthread_barrier_init(&together, NULL, PARTS);
	for (size_t i = 0; i < PARTS; i++)
		assert_int_equal(pthread_create(&parts[i].thread, NULL, take_and_give, &parts[i]), 0);
	for (size_t i = 0; i < PARTS; i++)
		assert_int_equal(pthread_join(parts[i].thread, NULL), 0);
	for (size_t i = 0; i < PARTS; i++) {
		assert_true(parts[i].worst <= MAX);
		assert_int_equal(parts[i].budget.used, 0);
		assert_int_equal(parts[i].shown, 0);
		taken += parts[i].n_taken;
		refused += parts[i].n_refused;
	}
	pthread_barrier_destroy(&together);
	assert_int_equal(total, 0);
	assert_true(taken > 0 && refused > 0);
}

static void what_is_held_is_not_lost_by_growing(void **state)
{
	uint64_t a = 0, b = 0;
	(void)state;
	assert_true(gw_budget_resize(&parts[0].budget, &a, 600));
	assert_true(gw_budget_resize(&parts[1].budget, &b, 400));
	assert_int_equal(gw_budget_left(&parts[0].budget), 0);
	assert_true(gw_budget_resize(&parts[0].budget, &a, 600));
	assert_true(gw_budget_resize(&parts[0].budget, &a, 500));
	assert_true(gw_budget_resize(&parts[1].budget, &b, 500));
	assert_false(gw_budget_resize(&parts[1].budget, &b, 501));
	assert_int_equal(b, 0);
	assert_int_equal(gw_budget_left(&parts[0].budget), 500);
}

/* A compromised process can show any number. */
static void nothing_overflows(void **state)
{
	(void)state;
	atomic_store(&parts[1].shown, UINT64_MAX);
	assert_false(gw_budget_take(&parts[0].budget, 1));
	assert_int_equal(gw_budget_left(&parts[0].budget), 0);
	atomic_store(&parts[1].shown, 0);
	assert_false(gw_budget_take(&parts[0].budget, UINT64_MAX));
	assert_true(gw_budget_take(&parts[0].budget, MAX));
}

static void who_has_left_holds_nothing(void **state)
{
	(void)state;
	assert_true(gw_budget_take(&parts[0].budget, MAX));
	assert_false(gw_budget_take(&parts[1].budget, 1));
	gw_budget_leave(&parts[0].budget);
	assert_true(gw_budget_take(&parts[1].budget, MAX));
	gw_budget_give(&parts[0].budget, MAX);
	assert_int_equal(gw_budget_others(&parts[1].budget), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(together_they_keep_the_bound, setup),
		cmocka_unit_test_setup(what_is_held_is_not_lost_by_growing, setup),
		cmocka_unit_test_setup(nothing_overflows, setup),
		cmocka_unit_test_setup(who_has_left_holds_nothing, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
