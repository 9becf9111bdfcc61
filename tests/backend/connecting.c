/* While one thread connects to a server, threads that use other servers are not delayed. Nothing here depends on speed:
 * the slow server answers only after the other threads are done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "backend/reg.h"
#include "backend/scene.h"
#include "base/clock.h"
#include "base/thread.h"
#include "transport/loopback.h"

#define PATIENCE_MS 20000 /* after this a server that nobody releases goes on by itself, and the test fails */

/* A server that hangs until it is released. */
struct slow {
	struct fake fake;
	bool in_hello; /* accepts the connection, but does not answer HELLO; otherwise connecting hangs */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned dials;
	bool released, overslept;
};

static void slow_init(struct slow *s, bool in_hello)
{
	*s = (struct slow){.in_hello = in_hello};
	fake_init(&s->fake);
	pthread_mutex_init(&s->lock, NULL);
	assert_int_equal(gw_cond_init(&s->changed), 0);
}

static void slow_free(struct slow *s)
{
	assert_false(s->overslept);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	fake_free(&s->fake);
}

static void hang(struct slow *s)
{
	uint64_t deadline = gw_clock_deadline(PATIENCE_MS);
	pthread_mutex_lock(&s->lock);
	s->dials++;
	pthread_cond_broadcast(&s->changed);
	while (!s->released && !s->overslept)
		s->overslept = !gw_cond_wait_until(&s->changed, &s->lock, deadline);
	pthread_mutex_unlock(&s->lock);
}

static void *close_when_released(void *arg)
{
	struct slow *s = ((void **)arg)[0];
	struct gw_transport *far = ((void **)arg)[1];
	hang(s);
	far->ops->close(far);
	return NULL;
}

static enum gw_status slow_dial(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err)
{
	struct slow *s = user;
	struct gw_transport *near, *far;
	pthread_t thread;
	if (!s->in_hello) {
		hang(s);
		return fake_dial(&s->fake, endpoint, out, err);
	}
	if (gw_loopback_pair(0, &near, &far))
		abort();
	void *arg[] = {s, far};
	if (pthread_create(&thread, NULL, close_when_released, arg))
		abort();
	enum gw_status status = gw_client_start(near, endpoint, 3 * PATIENCE_MS, out, err);
	pthread_join(thread, NULL);
	return status;
}

static void await_dial(struct slow *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->dials == 0)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void release(struct slow *s)
{
	pthread_mutex_lock(&s->lock);
	s->released = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

struct adder {
	pthread_t thread;
	const char *endpoint;
	gw_dial dial;
	void *user;
	ggml_backend_reg_t reg;
};

static void *add_main(void *arg)
{
	struct adder *a = arg;
	a->reg = gw_reg_add_server_over(a->endpoint, a->dial, a->user);
	return NULL;
}

static void start(struct adder *a, const char *endpoint, gw_dial dial, void *user)
{
	*a = (struct adder){.endpoint = endpoint, .dial = dial, .user = user};
	assert_int_equal(pthread_create(&a->thread, NULL, add_main, a), 0);
}

static void use_up(ggml_backend_reg_t reg)
{
	/* The last user of a connection closes it. */
	ggml_backend_free(ggml_backend_dev_init(ggml_backend_reg_dev_get(reg, 0), NULL));
}

static void test_another_server_is_not_delayed(void **state)
{
	(void)state;
	struct slow slow;
	struct fake quick;
	struct adder first, same, other;
	assert_true(gw_reg_init(NULL));
	slow_init(&slow, false);
	fake_init(&quick);
	start(&first, "slow:1", slow_dial, &slow);
	await_dial(&slow);
	start(&same, "slow:1", slow_dial, &slow);
	start(&other, "quick:1", fake_dial, &quick);
	pthread_join(other.thread, NULL);
	assert_non_null(other.reg);
	assert_false(slow.overslept);
	release(&slow);
	pthread_join(first.thread, NULL);
	pthread_join(same.thread, NULL);
	assert_non_null(first.reg);
	assert_ptr_equal(same.reg, first.reg);
	assert_int_equal(slow.dials, 1);
	/* Devices are numbered in the order in which they became ready. */
	assert_string_equal(ggml_backend_dev_name(ggml_backend_reg_dev_get(other.reg, 0)), "RPC0");
	assert_string_equal(ggml_backend_dev_name(ggml_backend_reg_dev_get(first.reg, 0)), "RPC1");
	use_up(first.reg);
	use_up(other.reg);
	slow_free(&slow);
	fake_free(&quick);
}

static void test_a_silent_server_delays_nobody_and_its_failure_is_shared(void **state)
{
	(void)state;
	struct slow slow;
	struct fake quick;
	struct adder first, same, other;
	assert_true(gw_reg_init(NULL));
	slow_init(&slow, true);
	fake_init(&quick);
	start(&first, "slow:2", slow_dial, &slow);
	await_dial(&slow);
	start(&same, "slow:2", slow_dial, &slow);
	start(&other, "quick:2", fake_dial, &quick);
	pthread_join(other.thread, NULL);
	assert_non_null(other.reg);
	assert_false(slow.overslept);
	release(&slow);
	pthread_join(first.thread, NULL);
	pthread_join(same.thread, NULL);
	assert_null(first.reg);
	assert_null(same.reg);
	use_up(other.reg);
	/* The next call makes a new attempt. */
	slow.in_hello = false;
	ggml_backend_reg_t reg = gw_reg_add_server_over("slow:2", slow_dial, &slow);
	assert_non_null(reg);
	use_up(reg);
	slow_free(&slow);
	fake_free(&quick);
}

static void *reconnect_main(void *arg)
{
	struct adder *a = arg;
	ggml_backend_t backend = ggml_backend_dev_init(ggml_backend_reg_dev_get(a->reg, 0), NULL);
	if (backend)
		ggml_backend_free(backend);
	return NULL;
}

/* A backend of a lost connection can be freed while another thread reconnects. */
static void test_a_lost_backend_can_be_freed_while_another_thread_reconnects(void **state)
{
	(void)state;
	struct slow slow;
	slow_init(&slow, false);
	assert_true(gw_reg_init(NULL));
	slow.released = true;
	struct adder a = {.reg = gw_reg_add_server_over("slow:3", slow_dial, &slow)};
	assert_non_null(a.reg);
	ggml_backend_dev_t dev = ggml_backend_reg_dev_get(a.reg, 0);
	ggml_backend_t old = ggml_backend_dev_init(dev, NULL);
	slow.fake.die_at = slow.fake.count;
	size_t free_bytes, total;
	ggml_backend_dev_memory(dev, &free_bytes, &total);
	slow.fake.die_at = FAKE_NEVER;
	slow.released = false;
	slow.dials = 0;
	assert_int_equal(pthread_create(&a.thread, NULL, reconnect_main, &a), 0);
	await_dial(&slow);
	ggml_backend_free(old);
	assert_false(slow.overslept);
	release(&slow);
	pthread_join(a.thread, NULL);
	assert_int_equal(slow.dials, 1);
	slow_free(&slow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_server_is_not_delayed),
		cmocka_unit_test(test_a_silent_server_delays_nobody_and_its_failure_is_shared),
		cmocka_unit_test(test_a_lost_backend_can_be_freed_while_another_thread_reconnects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
