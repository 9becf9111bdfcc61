/* Servers that link to each other, and faults at every step of that and of what they do over links: whatever is killed,
 * cut, delayed or silent, the client goes on in time, knows which server it lost or that its data takes the long way,
 * and never takes wrong results for right ones. Afterwards the same client and the same servers work again. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/link_faults.h"
#include "base/clock.h"
#include "daemon/serving.h"
#include "transport/upgrade.h"
#include "wire/command.h"
#include "wire/peers.h"

/* No step takes longer than 5 s, and no more than three follow each other. A loaded machine may need some more. */
#define LIMIT_MS 60000
#define TEXT_MAX 65536

extern char **environ;

static struct serving servers[MEDDLER_SERVERS];

static void start(size_t i)
{
	static const char *const args[] = {"-d", "CPU", "-t", "1", "-p", "0", NULL};
	char endpoint[GW_ENDPOINT_MAX];
	serving_start(&servers[i], args);
	serving_endpoint(&servers[i], endpoint, sizeof(endpoint));
	meddler_aim(i, (uint16_t)atoi(strrchr(endpoint, ':') + 1));
}

static int setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < MEDDLER_SERVERS; i++)
		start(i);
	meddler_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < MEDDLER_SERVERS; i++)
		serving_end(&servers[i]);
	return 0;
}

/* A running client. */
struct client {
	pid_t pid;
	int in, out;
	char text[TEXT_MAX]; /* what it has written */
	size_t len, mark;
	uint64_t until;
};

static void launch(struct client *c)
{
	char endpoints[MEDDLER_SERVERS][32];
	char *argv[2 + MEDDLER_SERVERS] = {"link_faults"};
	int in[2], out[2];
	posix_spawn_file_actions_t files;
	for (size_t i = 0; i < MEDDLER_SERVERS; i++) {
		snprintf(endpoints[i], sizeof(endpoints[i]), "127.0.0.1:%u", meddler_port(i));
		argv[1 + i] = endpoints[i];
	}
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, out[1], STDERR_FILENO);
	*c = (struct client){.in = in[1], .out = out[0], .until = gw_clock_deadline(LIMIT_MS)};
	assert_int_equal(posix_spawn(&c->pid, "/proc/self/exe", &files, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&files);
	close(in[0]);
	close(out[1]);
}

static void end(struct client *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	close(c->in);
	close(c->out);
}

static bool read_more(struct client *c)
{
	struct pollfd p = {.fd = c->out, .events = POLLIN};
	uint64_t now = gw_clock_ns();
	if (now >= c->until || poll(&p, 1, (int)((c->until - now) / GW_NS_PER_MS) + 1) <= 0)
		return false;
	ssize_t n = read(c->out, c->text + c->len, sizeof(c->text) - 1 - c->len);
	if (n <= 0)
		return false;
	c->len += (size_t)n;
	return true;
}

/* -1: it hangs, or it has died. */
static int next_outcome(struct client *c)
{
	for (;;) {
		const char *line = strstr(c->text + c->mark, FAULTS_OUTCOME);
		if (line && strchr(line, '\n')) {
			c->mark = (size_t)(strchr(line, '\n') - c->text);
			return atoi(line + strlen(FAULTS_OUTCOME));
		}
		if (!read_more(c))
			return -1;
	}
}

/* Reads what a server has written. */
static void read_log(struct serving *s)
{
	struct pollfd p = {.fd = s->pipe, .events = POLLIN};
	while (poll(&p, 1, 0) > 0) {
		ssize_t n = read(s->pipe, s->log + s->len, sizeof(s->log) - 1 - s->len);
		if (n <= 0)
			break;
		s->len += (size_t)n;
	}
	s->log[s->len] = '\0';
}

static void forget_logs(void)
{
	for (size_t i = 0; i < MEDDLER_SERVERS; i++) {
		read_log(&servers[i]);
		servers[i].len = 0;
	}
}

/* The worker that serves the client. The server names it once the worker has reported work, which may be after the
 * request at hand was sent. */
static pid_t worker_of(size_t server)
{
	static const char text[] = "served by worker ";
	const char *found = NULL;
	for (uint64_t until = gw_clock_deadline(LIMIT_MS); !found && gw_clock_ns() < until; serving_sleep_ms(1)) {
		read_log(&servers[server]);
		for (const char *at = servers[server].log; (at = strstr(at, text)); at++)
			found = at;
	}
	assert_non_null(found);
	return (pid_t)atol(found + sizeof(text) - 1);
}

static pid_t supervisor_of(size_t server)
{
	return servers[server].pid;
}

static void repair(const struct meddler_fault *f)
{
	if (f->victim != supervisor_of)
		return;
	serving_end(&servers[f->server]);
	start(f->server);
}

static bool names(const struct client *c, size_t server)
{
	char endpoint[32];
	snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", meddler_port(server));
	return strstr(c->text, endpoint);
}

static bool is_named(const struct client *c, const struct meddler_fault *f)
{
	if (f->place == MEDDLER_REQUEST)
		return names(c, f->server);
	return names(c, 0) || names(c, 1) || names(c, 2);
}

/* Servers close the links of a client that is gone. */
static void await_idle(void)
{
	uint64_t until = gw_clock_deadline(LIMIT_MS);
	while (!meddler_is_idle() && gw_clock_ns() < until)
		serving_sleep_ms(1);
	assert_true(meddler_is_idle());
}

/* allowed: outcomes, as bits. */
static void inflict(const struct meddler_fault *f, unsigned allowed)
{
	struct client c;
	await_idle();
	meddler_arm(f);
	launch(&c);
	int outcome = next_outcome(&c);
	bool as_it_should = meddler_disarm() && outcome >= 0 && (allowed >> outcome & 1) &&
			    (outcome == FAULTS_NONE || is_named(&c, f));
	if (as_it_should) {
		repair(f);
		c.until = gw_clock_deadline(LIMIT_MS);
		assert_int_equal(write(c.in, "\n", 1), 1);
		outcome = next_outcome(&c);
		as_it_should = outcome == FAULTS_NONE;
	}
	end(&c);
	forget_logs();
	if (!as_it_should)
		fail_msg("harm %d, server %zu, place %d, request %#x, step %u, number %u, %zu bytes: outcome %d\n%s",
			(int)f->harm, f->server, (int)f->place, f->cmd, f->step, f->nth, f->bytes, outcome, c.text);
}

#define ONLY(outcome) (1U << (outcome))
#define HARMED (ONLY(FAULTS_UNLINKED) | ONLY(FAULTS_LOST))

/* Every kind of request, at every server that gets it first or last. */
static const struct meddler_fault requests[] = {
	{.server = 0, .cmd = GW_CMD_EXT_LINK, .step = GW_PEERS_EXPECT},
	{.server = 1, .cmd = GW_CMD_EXT_LINK, .step = GW_PEERS_EXPECT},
	{.server = 1, .cmd = GW_CMD_EXT_LINK, .step = GW_PEERS_OPEN},
	{.server = 2, .cmd = GW_CMD_EXT_LINK, .step = GW_PEERS_OPEN, .nth = 1},
	{.server = 0, .cmd = GW_CMD_EXT_LINK, .step = GW_PEERS_ACCEPT, .nth = 1},
	{.server = 1, .cmd = GW_CMD_EXT_LINK, .step = GW_PEERS_ACCEPT},
	{.server = 1, .cmd = GW_CMD_EXT_LINK, .step = GW_PEERS_CONFIRM},
	{.server = 2, .cmd = GW_CMD_EXT_LINK, .step = GW_PEERS_CONFIRM, .nth = 1},
	{.server = 0, .cmd = GW_CMD_EXT_GROUP},
	{.server = 2, .cmd = GW_CMD_EXT_GROUP},
	{.server = 0, .cmd = GW_CMD_EXT_ALLREDUCE},
	{.server = 2, .cmd = GW_CMD_EXT_ALLREDUCE},
	{.server = 1, .cmd = GW_CMD_EXT_ALLREDUCE, .nth = 1},
	{.server = 0, .cmd = GW_CMD_EXT_SEND},
	{.server = 1, .cmd = GW_CMD_EXT_RECEIVE},
};
#define N_REQUESTS (sizeof(requests) / sizeof(requests[0]))

static void inflict_at_requests(enum meddler_harm harm, pid_t (*victim)(size_t server), unsigned allowed)
{
	for (size_t i = 0; i < N_REQUESTS; i++) {
		struct meddler_fault f = requests[i];
		f.harm = harm;
		f.victim = victim;
		inflict(&f, allowed);
	}
}

static void late_requests(void **state)
{
	(void)state;
	inflict_at_requests(MEDDLER_DELAY, NULL, ONLY(FAULTS_NONE));
}

static void clients_that_are_cut_off(void **state)
{
	(void)state;
	inflict_at_requests(MEDDLER_CUT, NULL, HARMED);
}

static void workers_that_die(void **state)
{
	(void)state;
	inflict_at_requests(MEDDLER_KILL, worker_of, HARMED);
}

static void servers_that_die(void **state)
{
	(void)state;
	/* A worker may serve the request before it notices. */
	inflict_at_requests(MEDDLER_KILL, supervisor_of, HARMED | ONLY(FAULTS_NONE));
}

/* Where messages begin on the link of two servers: what is sent to set it up, and for each all-reduce. */
#define CAPS_FROM_OPENER GW_PEERS_FIRST
#define MADE_BY_OPENER (CAPS_FROM_OPENER + GW_UPGRADE_CAPS)
#define MADE_BY_OTHER (GW_PEERS_SECRET + GW_UPGRADE_CAPS)
#define ONE_STEP (GW_PEERS_HEADER + FAULTS_SMALL * 4)
#define HALF_OF_TWO (GW_PEERS_HEADER + FAULTS_LARGE / 3 * 4)
#define TWO_STEPS (2 * HALF_OF_TWO)

/* In and between the parts of messages. Server 0 did not open its links, and the copy is from server 0 to 1. */
static const struct meddler_fault set_up[] = {
	{.server = 0, .place = MEDDLER_TO_SERVER, .bytes = 0},
	{.server = 1, .place = MEDDLER_TO_SERVER, .bytes = 1},
	{.server = 0, .place = MEDDLER_TO_SERVER, .bytes = GW_PEERS_FIRST - 1},
	{.server = 0, .place = MEDDLER_FROM_SERVER, .bytes = 0},
	{.server = 1, .place = MEDDLER_FROM_SERVER, .bytes = GW_PEERS_SECRET / 2},
	{.server = 0, .place = MEDDLER_TO_SERVER, .bytes = CAPS_FROM_OPENER},
	{.server = 0, .place = MEDDLER_FROM_SERVER, .bytes = GW_PEERS_SECRET},
	{.server = 1, .place = MEDDLER_FROM_SERVER, .bytes = MADE_BY_OTHER - 1},
};
static const struct meddler_fault use[] = {
	{.server = 0, .place = MEDDLER_TO_SERVER, .bytes = MADE_BY_OPENER},
	{.server = 1, .place = MEDDLER_FROM_SERVER, .bytes = MADE_BY_OTHER + GW_PEERS_HEADER / 2},
	{.server = 1, .place = MEDDLER_TO_SERVER, .bytes = MADE_BY_OPENER + GW_PEERS_HEADER + 99},
	{.server = 0, .place = MEDDLER_FROM_SERVER, .bytes = MADE_BY_OTHER + ONE_STEP},
	{.server = 1, .place = MEDDLER_TO_SERVER, .bytes = MADE_BY_OPENER + ONE_STEP + HALF_OF_TWO / 2},
	{.server = 0, .place = MEDDLER_TO_SERVER, .bytes = MADE_BY_OPENER + ONE_STEP + HALF_OF_TWO + 8},
	{.server = 1, .place = MEDDLER_FROM_SERVER, .bytes = MADE_BY_OTHER + ONE_STEP + HALF_OF_TWO * 3 / 2},
	{.server = 0, .place = MEDDLER_FROM_SERVER, .bytes = MADE_BY_OTHER + ONE_STEP + TWO_STEPS + 8},
	{.server = 0, .place = MEDDLER_FROM_SERVER, .bytes = MADE_BY_OTHER + ONE_STEP + TWO_STEPS + 999},
};

static void inflict_on_links(const struct meddler_fault *faults, size_t n, enum meddler_harm harm, unsigned allowed)
{
	for (size_t i = 0; i < n; i++) {
		struct meddler_fault f = faults[i];
		f.harm = harm;
		inflict(&f, allowed);
	}
}

#define N_SET_UP (sizeof(set_up) / sizeof(set_up[0]))
#define N_USE (sizeof(use) / sizeof(use[0]))

static void late_bytes(void **state)
{
	(void)state;
	inflict_on_links(set_up, N_SET_UP, MEDDLER_DELAY, ONLY(FAULTS_NONE));
	inflict_on_links(use, N_USE, MEDDLER_DELAY, ONLY(FAULTS_NONE));
}

static void links_that_are_cut(void **state)
{
	(void)state;
	/* Without the whole secret, a server waits in vain for some seconds: once is enough. */
	inflict_on_links(&set_up[2], N_SET_UP - 2, MEDDLER_CUT, ONLY(FAULTS_UNLINKED));
	inflict_on_links(use, N_USE, MEDDLER_CUT, ONLY(FAULTS_LOST));
}

/* One of each kind, because servers wait for some seconds. */
static void links_that_fall_silent(void **state)
{
	(void)state;
	inflict_on_links(&set_up[2], 2, MEDDLER_STALL, ONLY(FAULTS_UNLINKED));
	inflict_on_links(&set_up[6], 1, MEDDLER_STALL, ONLY(FAULTS_UNLINKED));
	inflict_on_links(&use[4], 1, MEDDLER_STALL, ONLY(FAULTS_LOST));
	inflict_on_links(&use[8], 1, MEDDLER_STALL, ONLY(FAULTS_LOST));
}

int main(int argc, char **argv)
{
	if (argc == 1 + MEDDLER_SERVERS)
		return faults_client(argv + 1);
	setenv("GGML_RPC_TIMEOUT", "1", 1);
	setenv("GGML_RPC_ALLREDUCE", "f32", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_requests),
		cmocka_unit_test(clients_that_are_cut_off),
		cmocka_unit_test(workers_that_die),
		cmocka_unit_test(servers_that_die),
		cmocka_unit_test(late_bytes),
		cmocka_unit_test(links_that_are_cut),
		cmocka_unit_test(links_that_fall_silent),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
