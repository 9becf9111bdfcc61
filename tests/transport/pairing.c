/* Two servers find each other on a port that is open to everyone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/list/pairing.h"
#include "transport/list/transports.h"

static const uint8_t zeros[GW_UPGRADE_CAPS];

/* Loopback addresses, one for each party. */
#define OWN "127.64.3.1"
#define PEER "127.64.3.2"
#define STRANGER "127.64.3.3"
#define CLIENT "127.64.3.4"

struct waiting {
	pthread_t thread;
	struct gw_pairing pairing;
	struct gw_pairing_rules rules;
	struct gw_error err;
	enum gw_status status;
	int fd;
	uint64_t took_ns;
};

static void *wait_main(void *user)
{
	struct waiting *w = user;
	uint64_t start = gw_clock_ns();
	w->status = gw_pairing_open(&w->pairing, &w->rules, &w->fd, &w->err);
	w->took_ns = gw_clock_ns() - start;
	return NULL;
}

/* A free port, which belongs to a server port that is lower by the offset. */
static uint16_t some_port(void)
{
	static unsigned next;
	if (next == 0)
		next = (unsigned)getpid();
	return (uint16_t)(20000 + next++ * 7 % 10000);
}

static struct gw_pairing_rules rules_for(uint16_t port)
{
	struct gw_pairing_rules rules = {.host = OWN, .port = (uint16_t)(port - GW_PAIRING_PORT_OFFSET)};
	assert_int_equal(inet_pton(AF_INET6, "::ffff:" CLIENT, &rules.client), 1);
	return rules;
}

static bool permits_no_stranger(void *user, const struct sockaddr *a)
{
	char text[INET_ADDRSTRLEN];
	(void)user;
	return a->sa_family == AF_INET &&
	       inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, text, sizeof(text)) &&
	       strcmp(text, STRANGER) != 0;
}

/* Starts to wait for a server, from that host only if host is not empty. */
static void begin_with(struct waiting *w, const char *host, bool (*permits)(void *, const struct sockaddr *))
{
	uint16_t port = some_port();
	*w = (struct waiting){.pairing = {.listens = true, .port = port}, .rules = rules_for(port), .fd = -1};
	w->rules.permits = permits;
	snprintf(w->pairing.host, sizeof(w->pairing.host), "%s", host);
	assert_int_equal(pthread_create(&w->thread, NULL, wait_main, w), 0);
}

static void begin(struct waiting *w, const char *host)
{
	begin_with(w, host, NULL);
}

static void end(struct waiting *w)
{
	assert_int_equal(pthread_join(w->thread, NULL), 0);
}

static struct sockaddr_in address(const char *host, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	assert_int_equal(inet_pton(AF_INET, host, &a.sin_addr), 1);
	return a;
}

/* Connects from that host as soon as the listener exists. */
static int come(const struct waiting *w, const char *host)
{
	const struct sockaddr_in from = address(host, 0), to = address(OWN, w->pairing.port);
	for (int i = 0; i < 200; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(fd >= 0);
		assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
		if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
			return fd;
		close(fd);
		usleep(10000);
	}
	fail_msg("nothing listens on %s:%u", OWN, w->pairing.port);
	return -1;
}

static void say(int fd, const void *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

/* Checks that our connection's peer is at the other end of fd, and that its announcement is still unread. */
static void expect_connected_to(struct waiting *w, int fd)
{
	uint8_t got[GW_UPGRADE_CAPS];
	end(w);
	if (w->status)
		fail_msg("%s", w->err.text);
	assert_int_equal(recv(w->fd, got, sizeof(got), MSG_WAITALL), sizeof(got));
	say(w->fd, "x", 1);
	assert_int_equal(recv(fd, got, 1, 0), 1);
	close(w->fd);
	close(fd);
}

static void expect_closed(int fd)
{
	uint8_t byte;
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
}

static void strangers_are_dropped_while_waiting(void **state)
{
	(void)state;
	struct waiting w;
	begin(&w, PEER);
	int stranger = come(&w, STRANGER);
	send(stranger, zeros, sizeof(zeros), MSG_NOSIGNAL);
	expect_closed(stranger);
	int peer = come(&w, PEER);
	say(peer, zeros, sizeof(zeros));
	expect_connected_to(&w, peer);
}

static void peers_with_another_protocol_are_dropped(void **state)
{
	(void)state;
	struct waiting w;
	static const char http[] = "GET / HTTP/1.1\r\nHost: example\r\n\r\n";
	begin(&w, "");
	int browser = come(&w, STRANGER);
	say(browser, http, sizeof(http));
	expect_closed(browser);
	int left = come(&w, STRANGER);
	close(left);
	int silent = come(&w, STRANGER);
	int peer = come(&w, PEER);
	say(peer, zeros, 3);
	usleep(20000);
	say(peer, zeros, sizeof(zeros) - 3);
	expect_connected_to(&w, peer);
	expect_closed(silent);
}

static void silent_strangers_do_not_block_the_peer(void **state)
{
	(void)state;
	struct waiting w;
	int silent[20];
	begin(&w, "");
	for (size_t i = 0; i < 20; i++)
		silent[i] = come(&w, STRANGER);
	int peer = come(&w, PEER);
	say(peer, zeros, sizeof(zeros));
	expect_connected_to(&w, peer);
	for (size_t i = 0; i < 20; i++)
		close(silent[i]);
}

static void rdma_announcements_are_accepted(void **state)
{
	(void)state;
	struct waiting w;
	uint8_t caps[GW_UPGRADE_CAPS] = {0x34, 0x12, 0xab, 0, 0x34, 0x12, 0xab, 0, [20] = 10, [23] = 1};
	begin(&w, PEER);
	int peer = come(&w, PEER);
	say(peer, caps, sizeof(caps));
	expect_connected_to(&w, peer);
}

static void the_client_can_cancel_the_wait(void **state)
{
	(void)state;
	struct waiting w;
	begin(&w, PEER);
	close(come(&w, CLIENT));
	end(&w);
	assert_int_equal(w.status, GW_ERR_CLOSED);
	assert_true(w.took_ns < 5 * GW_NS_PER_S);
}

static void addresses_that_are_not_allowed_are_never_used(void **state)
{
	(void)state;
	struct waiting w;
	begin_with(&w, "", permits_no_stranger);
	int stranger = come(&w, STRANGER);
	send(stranger, zeros, sizeof(zeros), MSG_NOSIGNAL);
	expect_closed(stranger);
	close(come(&w, CLIENT));
	end(&w);
	w.pairing.listens = false;
	strcpy(w.pairing.host, STRANGER);
	assert_int_equal(gw_pairing_open(&w.pairing, &w.rules, &w.fd, &w.err), GW_ERR_INVALID);
}

static void a_port_that_is_taken_is_an_orderly_no(void **state)
{
	(void)state;
	struct waiting w;
	begin(&w, PEER);
	int first = come(&w, CLIENT);
	int fd;
	struct gw_error err;
	assert_int_equal(gw_pairing_open(&w.pairing, &w.rules, &fd, &err), GW_ERR_SYSTEM);
	assert_non_null(strstr(err.text, "in use"));
	close(first);
	end(&w);
}

static void only_the_pairing_port_is_opened(void **state)
{
	(void)state;
	struct gw_pairing pairing = {.listens = true, .port = 30000};
	struct gw_pairing_rules rules = rules_for(30001);
	struct gw_error err;
	int fd;
	assert_int_equal(gw_pairing_open(&pairing, &rules, &fd, &err), GW_ERR_INVALID);
	assert_non_null(strstr(err.text, "30001"));
	pairing = (struct gw_pairing){.port = 25, .host = PEER};
	assert_int_equal(gw_pairing_open(&pairing, &rules, &fd, &err), GW_ERR_INVALID);
}

/* Refuses and records all addresses. */
static bool note(void *user, const struct sockaddr *a)
{
	char *text = user;
	inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, text, INET_ADDRSTRLEN);
	return false;
}

static void localhost_is_the_clients_machine(void **state)
{
	(void)state;
	char visited[INET_ADDRSTRLEN] = "";
	const struct gw_endpoint own = {.kind = gw_transport_kind_of("1:2"), .host = OWN, .port = 30000};
	struct gw_pairing pairing = {.port = 31000, .host = "127.0.0.1"};
	struct gw_pairing_rules rules;
	struct gw_error err;
	int fd;
	assert_int_equal(gw_pairing_rules_init(&own, "192.0.2.7:4711", &rules, &err), GW_OK);
	rules.permits = note;
	rules.user = visited;
	assert_int_equal(gw_pairing_open(&pairing, &rules, &fd, &err), GW_ERR_INVALID);
	assert_string_equal(visited, "192.0.2.7");
	assert_int_equal(gw_pairing_rules_init(&own, "127.0.0.1:4711", &rules, &err), GW_OK);
	rules.permits = note;
	rules.user = visited;
	assert_int_equal(gw_pairing_open(&pairing, &rules, &fd, &err), GW_ERR_INVALID);
	assert_string_equal(visited, "127.0.0.1");
}

static void the_connecting_side_tries_until_the_other_listens(void **state)
{
	(void)state;
	struct waiting w;
	uint16_t port = some_port();
	w = (struct waiting){.pairing = {.port = port, .host = OWN}, .rules = rules_for(port), .fd = -1};
	assert_int_equal(pthread_create(&w.thread, NULL, wait_main, &w), 0);
	usleep(200000);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in at = address(OWN, port);
	assert_int_equal(bind(listener, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	end(&w);
	assert_int_equal(w.status, GW_OK);
	close(w.fd);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_are_dropped_while_waiting),
		cmocka_unit_test(peers_with_another_protocol_are_dropped),
		cmocka_unit_test(silent_strangers_do_not_block_the_peer),
		cmocka_unit_test(rdma_announcements_are_accepted),
		cmocka_unit_test(the_client_can_cancel_the_wait),
		cmocka_unit_test(addresses_that_are_not_allowed_are_never_used),
		cmocka_unit_test(a_port_that_is_taken_is_an_orderly_no),
		cmocka_unit_test(only_the_pairing_port_is_opened),
		cmocka_unit_test(localhost_is_the_clients_machine),
		cmocka_unit_test(the_connecting_side_tries_until_the_other_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
