/* Workers that fail to start: the pool logs it and waits longer after each failure. This program is also the worker:
 * the pool starts /proc/self/exe, and the name of the only device tells the child how to behave. */
#include "daemon/workers/pool.h"

#include <dirent.h>
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
#include "base/events.h"
#include "base/log.h"

static int events, child_signals;
static struct gw_pool *pool;
static struct gw_refusals refusals;
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

static void say(enum gw_control_type type, bool stays)
{
	struct gw_control_msg msg = {.type = type};
	if (type == GW_CONTROL_FAILED)
		gw_error_set(&msg.u.error, GW_ERR_NOT_FOUND, "no devices today");
	if (type == GW_CONTROL_LEFT)
		msg.u.left = (struct gw_control_left){.why.status = GW_ERR_CLOSED, .stays = stays};
	gw_control_send(GW_CONTROL_FD, true, &msg, -1, NULL);
}

/* Sends READY with one descriptor more than the receiver ever has room for. */
static void say_with_descriptors(void)
{
	const int fds[2] = {STDIN_FILENO, STDIN_FILENO}, type = GW_CONTROL_READY;
	char bytes[offsetof(struct gw_control_msg, u)] = "";
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} ancillary = {0};
	memcpy(bytes, &type, sizeof(type));
	struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr mh = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		.msg_controllen = sizeof(ancillary.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	(void)!sendmsg(GW_CONTROL_FD, &mh, MSG_NOSIGNAL);
}

/* The worker's first message. */
static void begin(const char *how)
{
	if (strcmp(how, "exit") == 0)
		_exit(7);
	if (strcmp(how, "garbage") == 0)
		(void)!send(GW_CONTROL_FD, "xyzxyzxyz", 9, MSG_NOSIGNAL);
	else if (strcmp(how, "descriptors") == 0)
		say_with_descriptors();
	else if (strcmp(how, "fail") == 0)
		say(GW_CONTROL_FAILED, false);
	else if (strcmp(how, "left") == 0)
		say(GW_CONTROL_LEFT, true);
	else
		say(GW_CONTROL_READY, false);
}

/* What the worker does with a client. */
static void serve(const char *how)
{
	if (strcmp(how, "flood") == 0)
		for (;;)
			say(GW_CONTROL_LOADING, false);
	if (strcmp(how, "liar") == 0)
		say(GW_CONTROL_LOADING, false);
	bool stays = strcmp(how, "stubborn") != 0 && strcmp(how, "once") != 0;
	if (strcmp(how, "mute") == 0)
		close(GW_CONTROL_FD);
	else
		say(GW_CONTROL_LEFT, stays);
	if (strcmp(how, "stubborn") == 0 || strcmp(how, "mute") == 0)
		for (;;)
			pause();
	if (!stays)
		_exit(0);
}

static int child_main(void)
{
	static struct gw_control_msg msg;
	char how[GW_CONTROL_DEVICES];
	int fd;
	if (gw_control_recv(GW_CONTROL_FD, true, &msg, &fd, NULL))
		return 3;
	strcpy(how, msg.u.setup.devices);
	begin(how);
	/* A good worker waits for clients, and exits when the supervisor closes the socket. */
	while (!gw_control_recv(GW_CONTROL_FD, true, &msg, &fd, NULL)) {
		close(fd);
		serve(how);
	}
	return 0;
}

static void make_pool(const char *how)
{
	static struct gw_control_setup setup;
	snprintf(setup.devices, sizeof(setup.devices), "%s", how);
	const struct gw_pool_options options = {
		.events = events, .max_clients = 4, .max_per_host = 4, .refusals = &refusals};
	gw_refusals_init(&refusals, NULL, options.max_clients, options.max_per_host);
	assert_int_equal(gw_pool_new(&options, &setup, &pool, NULL), GW_OK);
}

/* run_for looks for ended children anyway; this only has to wake the loop. */
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

/* Runs the supervisor's loop for a while, and looks for ended children at every turn. Returns the number of turns. */
static unsigned run_for(int ms)
{
	unsigned turns = 0;
	uint64_t end = gw_clock_ns() + (uint64_t)ms * GW_NS_PER_MS;
	while (gw_clock_ns() < end) {
		gw_pool_tick(pool);
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
	/* Attempts happen at 0 and 1 s; the third is due at 3 s. */
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

static void worker_with_unexpected_messages_is_killed(void **state)
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
	char bytes[64];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	static const struct gw_endpoint ep = {.host = "127.0.0.1", .port = 1};
	struct gw_visitor visitor = {
		.fd = ends[0], .ep = &ep, .terms = {.dialect = &gw_dialect_8_0}, .peer = "127.0.0.1:2"};
	gw_pool_serve(pool, &visitor);
	run_for(200);
	/* The reason for a refusal comes first. */
	ssize_t n;
	while ((n = recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		;
	bool closed = n == 0;
	close(ends[1]);
	return closed;
}

static size_t open_descriptors(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void worker_that_sends_descriptors_is_killed_without_a_leak(void **state)
{
	(void)state;
	const size_t before = open_descriptors();
	expect_back_off("descriptors", "malformed message");
	assert_int_equal(open_descriptors(), before);
}

static void worker_that_floods_is_killed(void **state)
{
	(void)state;
	make_pool("flood");
	run_for(300);
	serve_one();
	run_for(300);
	assert_int_equal(count("is killed: more than 1000 messages in a second"), 1);
}

static void expect_late_end(const char *how)
{
	make_pool(how);
	run_for(300);
	serve_one();
	assert_int_equal(count("does not end and is killed"), 0);
	run_for(3500);
	assert_int_equal(count("does not end and is killed"), 1);
	/* The killed worker frees its slot. */
	for (int i = 0; i < 4; i++)
		serve_one();
	assert_int_equal(count("connected, served by worker"), 5);
}

/* The worker announced that it would end, but goes on computing. */
static void worker_that_does_not_end_is_killed(void **state)
{
	(void)state;
	expect_late_end("stubborn");
}

static void worker_that_hangs_up_is_killed(void **state)
{
	(void)state;
	expect_late_end("mute");
}

static void clients_are_refused_while_nothing_starts(void **state)
{
	(void)state;
	make_pool("exit");
	for (int i = 0; i < 4; i++)
		assert_true(serve_one());
	/* Spare workers fail, too, so the number of accepted clients depends on timing. */
	size_t taken = count("connected, served by worker"),
	       refused = count("refused: no worker process can be started");
	assert_true(taken >= 1 && refused >= 1 && taken + refused == 4);
}

/* Each process serves one client. */
static void a_worker_that_ends_is_replaced(void **state)
{
	(void)state;
	make_pool("once");
	run_for(300);
	for (int i = 0; i < 5; i++)
		assert_true(serve_one());
	assert_int_equal(count("connected, served by worker"), 5);
	assert_int_equal(count("died"), 0);
}

/* It has loaded something for its client, and says that it can serve another one. */
static void a_worker_that_has_worked_is_not_used_again(void **state)
{
	(void)state;
	static const char served[] = "connected, served by worker ";
	long first = 0, second = 0;
	make_pool("liar");
	run_for(300);
	assert_true(serve_one());
	assert_true(serve_one());
	assert_int_equal(count(served), 2);
	const char *line = strstr(log_text, served);
	sscanf(line + strlen(served), "%ld", &first);
	sscanf(strstr(line + 1, served) + strlen(served), "%ld", &second);
	assert_true(first && second && first != second);
	assert_int_equal(count("died"), 0);
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
	gw_log_set_level(GW_LOG_DEBUG);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(worker_that_exits_at_start, setup_events, teardown),
		cmocka_unit_test_setup_teardown(worker_that_cannot_start, setup_events, teardown),
		cmocka_unit_test_setup_teardown(worker_with_unexpected_messages_is_killed, setup_events, teardown),
		cmocka_unit_test_setup_teardown(worker_that_sends_garbage_is_killed, setup_events, teardown),
		cmocka_unit_test_setup_teardown(
			worker_that_sends_descriptors_is_killed_without_a_leak, setup_events, teardown),
		cmocka_unit_test_setup_teardown(worker_that_floods_is_killed, setup_events, teardown),
		cmocka_unit_test_setup_teardown(worker_that_does_not_end_is_killed, setup_events, teardown),
		cmocka_unit_test_setup_teardown(worker_that_hangs_up_is_killed, setup_events, teardown),
		cmocka_unit_test_setup_teardown(a_worker_that_ends_is_replaced, setup_events, teardown),
		cmocka_unit_test_setup_teardown(clients_are_refused_while_nothing_starts, setup_events, teardown),
		cmocka_unit_test_setup_teardown(a_worker_that_has_worked_is_not_used_again, setup_events, teardown),
		cmocka_unit_test_setup_teardown(good_worker_is_started_once_and_used_again, setup_events, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
