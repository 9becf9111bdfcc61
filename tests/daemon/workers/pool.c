/* Workers that do not start: the pool waits longer each time and says so. This program is its own worker: the pool
 * starts /proc/self/exe, and the name of the only device tells the child how to behave. */
#include "daemon/workers/pool.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/events.h"

#define NS_PER_MS UINT64_C(1000000)

static int events, child_signals;
static struct gw_pool *pool;
static char log_text[1 << 16];
static size_t log_len;

static void keep_line(enum gw_log_level level, const char *line, void *user)
{
	(void)level;
	(void)user;
	if (log_len < sizeof(log_text))
		log_len += (size_t)snprintf(log_text + log_len, sizeof(log_text) - log_len, "%s\n", line);
}

static size_t count(const char *text)
{
	size_t n = 0;
	for (const char *p = log_text; (p = strstr(p, text)); p++)
		n++;
	return n;
}

static int child_main(void)
{
	static struct gw_control_msg msg;
	int fd;
	if (gw_control_recv(GW_CONTROL_FD, true, &msg, &fd, NULL))
		return 3;
	const char *how = msg.u.setup.devices;
	struct gw_control_msg answer = {.type = GW_CONTROL_READY};
	if (strcmp(how, "exit") == 0)
		return 7;
	if (strcmp(how, "fail") == 0) {
		answer.type = GW_CONTROL_FAILED;
		strcpy(answer.u.error.text, "no devices today");
	}
	if (strcmp(how, "left") == 0)
		answer.type = GW_CONTROL_LEFT;
	if (strcmp(how, "garbage") == 0) {
		if (send(GW_CONTROL_FD, "xyzxyzxyz", 9, 0) != 9)
			return 3;
	} else {
		gw_control_send(GW_CONTROL_FD, true, &answer, -1, NULL);
	}
	/* A good worker waits for clients, and leaves when there will be none. */
	while (!gw_control_recv(GW_CONTROL_FD, true, &msg, &fd, NULL)) {
		close(fd);
		answer.type = GW_CONTROL_LEFT;
		answer.u.error.status = GW_ERR_CLOSED;
		gw_control_send(GW_CONTROL_FD, true, &answer, -1, NULL);
	}
	return 0;
}

static void make_pool(const char *how)
{
	static struct gw_control_setup setup;
	snprintf(setup.devices, sizeof(setup.devices), "%s", how);
	assert_int_equal(
		gw_pool_new(&(struct gw_pool_options){.events = events, .max_clients = 4}, &setup, &pool, NULL), GW_OK);
}

/* Run turns look for children anyway: it is enough to be woken. */
static void on_child(struct gw_source *source)
{
	(void)source;
	struct signalfd_siginfo info;
	assert_int_equal(read(child_signals, &info, sizeof(info)), (ssize_t)sizeof(info));
}

static int setup_events(void **state)
{
	(void)state;
	static struct gw_source source = {.ready = on_child};
	sigset_t set;
	log_len = 0;
	log_text[0] = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	child_signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return gw_events_open(&events, NULL) || gw_events_add(events, child_signals, &source, NULL) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	gw_pool_free(pool);
	pool = NULL;
	close(events);
	close(child_signals);
	return 0;
}

/* The supervisor's loop, for a while; the end of a child is looked for at every turn. Returns the number of turns. */
static unsigned run_for(int ms)
{
	unsigned turns = 0;
	uint64_t end = gw_clock_ns() + (uint64_t)ms * NS_PER_MS;
	while (gw_clock_ns() < end) {
		gw_pool_keep_spare(pool);
		uint64_t at = gw_pool_deadline(pool);
		assert_int_equal(gw_events_wait(events, at < end ? at : end, NULL), GW_OK);
		gw_pool_reap(pool);
		turns++;
	}
	return turns;
}

static void expect_back_off(const char *how, const char *says)
{
	make_pool(how);
	unsigned turns = run_for(1500);
	/* At 0 and 1 s; the third is due at 3 s. */
	if (count(says) != 2 || count("next spare worker is started in 1 s") != 1 ||
		count("next spare worker is started in 2 s") != 1)
		fail_msg("%s", log_text);
	assert_true(turns < 100);
}

static void worker_that_exits_at_start(void **state)
{
	(void)state;
	expect_back_off("exit", "died of exit status 7");
}

static void worker_that_cannot_start(void **state)
{
	(void)state;
	expect_back_off("fail", "cannot start: no devices today");
}

static void worker_that_talks_out_of_order_is_killed(void **state)
{
	(void)state;
	expect_back_off("left", "sent a message out of order and is killed");
}

static void worker_that_sends_garbage_is_killed(void **state)
{
	(void)state;
	expect_back_off("garbage", "malformed message");
}

static bool serve_one(void)
{
	int ends[2];
	char byte;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	gw_pool_serve(pool, ends[0], &(struct gw_endpoint){.host = "127.0.0.1", .port = 1}, &gw_dialect_8_0);
	run_for(200);
	bool closed = recv(ends[1], &byte, 1, MSG_DONTWAIT) == 0;
	close(ends[1]);
	return closed;
}

static void clients_are_refused_while_nothing_starts(void **state)
{
	(void)state;
	make_pool("exit");
	for (int i = 0; i < 4; i++)
		assert_true(serve_one());
	/* Spares count as failures, too, so how many clients were taken depends on the moment. */
	size_t taken = count("connected, served by worker"), refused = count("refused: there is no worker");
	assert_true(taken >= 1 && refused >= 1 && taken + refused == 4);
}

static void good_worker_is_started_once_and_used_again(void **state)
{
	(void)state;
	make_pool("good");
	assert_true(run_for(300) < 20);
	for (int i = 0; i < 3; i++)
		assert_true(serve_one());
	assert_int_equal(count("connected, served by worker"), 3);
	assert_int_equal(count(" left worker "), 3);
	assert_int_equal(count("died"), 0);
	gw_pool_stop(pool, SIGTERM);
	for (int i = 0; i < 100 && !gw_pool_is_empty(pool); i++)
		run_for(20);
	assert_true(gw_pool_is_empty(pool));
	assert_int_equal(count("died"), 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "worker") == 0)
		return child_main();
	gw_log_set_sink(keep_line, NULL);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(worker_that_exits_at_start, setup_events, teardown),
		cmocka_unit_test_setup_teardown(worker_that_cannot_start, setup_events, teardown),
		cmocka_unit_test_setup_teardown(worker_that_talks_out_of_order_is_killed, setup_events, teardown),
		cmocka_unit_test_setup_teardown(worker_that_sends_garbage_is_killed, setup_events, teardown),
		cmocka_unit_test_setup_teardown(clients_are_refused_while_nothing_starts, setup_events, teardown),
		cmocka_unit_test_setup_teardown(good_worker_is_started_once_and_used_again, setup_events, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
