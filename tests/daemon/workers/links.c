/* Secrets of links: each is good once, for its time, and for its worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/processes/control.h"
#include "daemon/workers/links.h"

static struct gw_links links;
static const char a, b; /* stand for workers */
static uint8_t secret[GW_PEERS_SECRET] = {1, 2, 3}, zeros[GW_PEERS_SECRET];

static int expect(const void *worker)
{
	int answer;
	assert_int_equal(gw_links_expect(&links, worker, false, secret, &answer, NULL), GW_OK);
	return answer;
}

/* What the worker receives: a descriptor, or -1 for the end. */
static int take(int answer)
{
	struct gw_control_msg msg;
	int fd = -1;
	enum gw_status status = gw_control_recv(answer, true, &msg, &fd, NULL);
	assert_true(status == GW_ERR_CLOSED || msg.type == GW_CONTROL_PAIRED);
	close(answer);
	return fd;
}

static int teardown(void **state)
{
	(void)state;
	gw_links_stop(&links);
	assert_true(gw_links_deadline(&links) == GW_CLOCK_NEVER);
	return 0;
}

static void a_secret_is_good_once(void **state)
{
	int answer = expect(&a), fd = dup(0), taken;
	(void)state;
	assert_false(gw_links_match(&links, zeros, false, fd));
	assert_true(gw_links_match(&links, secret, false, fd));
	assert_false(gw_links_match(&links, secret, false, fd));
	taken = take(answer);
	assert_true(taken >= 0);
	close(taken);
	close(fd);
}

static void it_is_good_for_its_time(void **state)
{
	int answer = expect(&a);
	(void)state;
	uint64_t until = gw_links_deadline(&links), now = gw_clock_ns();
	assert_true(until > now + 29 * GW_NS_PER_S && until <= now + 30 * GW_NS_PER_S);
	for (size_t i = 0; i < GW_LINKS_MAX; i++)
		if (links.waits[i].worker)
			links.waits[i].until = now;
	assert_false(gw_links_match(&links, secret, false, 0));
	assert_int_equal(take(answer), -1);
}

static void it_goes_with_its_worker(void **state)
{
	int first = expect(&a), second;
	(void)state;
	secret[0]++;
	second = expect(&b);
	gw_links_drop(&links, &a);
	assert_int_equal(take(first), -1);
	assert_true(gw_links_match(&links, secret, false, 0));
	close(take(second));
}

static void no_worker_takes_all_places(void **state)
{
	int answer, answers[GW_LINKS_PER_WORKER];
	(void)state;
	for (size_t i = 0; i < GW_LINKS_PER_WORKER; i++) {
		secret[1] = (uint8_t)i;
		answers[i] = expect(&a);
	}
	assert_int_equal(gw_links_expect(&links, &a, false, zeros, &answer, NULL), GW_ERR_LIMIT);
	close(expect(&b));
	for (size_t i = 0; i < GW_LINKS_PER_WORKER; i++)
		close(answers[i]);
}

static void all_places_can_be_taken(void **state)
{
	static const char many[GW_LINKS_MAX + 1];
	int answer;
	(void)state;
	for (size_t i = 0; i < GW_LINKS_MAX; i++)
		close(expect(&many[i]));
	assert_int_equal(gw_links_expect(&links, &many[GW_LINKS_MAX], false, secret, &answer, NULL), GW_ERR_LIMIT);
	/* Nobody takes the connection any more: it is not passed. */
	assert_false(gw_links_match(&links, secret, false, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_secret_is_good_once, teardown),
		cmocka_unit_test_teardown(it_is_good_for_its_time, teardown),
		cmocka_unit_test_teardown(it_goes_with_its_worker, teardown),
		cmocka_unit_test_teardown(no_worker_takes_all_places, teardown),
		cmocka_unit_test_teardown(all_places_can_be_taken, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
