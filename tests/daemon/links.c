/* Links of other servers at the door: only who presents a secret that a client has announced gets through, once. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"
#include "rpc/commands.h"
#include "transport/upgrade.h"

static struct serving s;
static uint16_t port;

static void start(const char *const *options)
{
	const char *args[16] = {"-d", "CPU", "-p", "0"};
	char endpoint[GW_ENDPOINT_MAX];
	for (size_t k = 4; *options; options++)
		args[k++] = *options;
	serving_start(&s, args);
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	port = (uint16_t)atoi(strrchr(endpoint, ':') + 1);
}

static int setup(void **state)
{
	(void)state;
	start((const char *const[]){NULL});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

static struct gw_peers_link_req request(uint8_t secret)
{
	struct gw_peers_link_req req = {.link = 5};
	memset(req.secret, secret, sizeof(req.secret));
	memset(req.proof, secret + 1, sizeof(req.proof));
	return req;
}

static void post(
	struct gw_client *c, struct gw_peers_link_req req, enum gw_peers_step step, const struct gw_dest *answer)
{
	req.step = step;
	assert_int_equal(gw_client_link(c, &req, answer, NULL, NULL), GW_OK);
}

static bool take_step(struct gw_client *c, const struct gw_peers_link_req *req, enum gw_peers_step step)
{
	uint8_t answer;
	post(c, *req, step, &(struct gw_dest){&answer, 1, 1, 1});
	assert_int_equal(gw_client_drain(c, GW_CLIENT_ALL), GW_OK);
	return answer;
}

/* A server that presents a secret, from an address of loopback's network. */
static int present_from(const char *from, uint8_t secret)
{
	uint8_t first[GW_PEERS_FIRST];
	int fd = serving_dial(port, from);
	struct gw_peers_link_req req = request(secret);
	gw_peers_first_encode(req.secret, first);
	assert_true(fd >= 0);
	(void)!send(fd, first, sizeof(first), MSG_NOSIGNAL);
	return fd;
}

static int present(uint8_t secret)
{
	return present_from("127.0.0.1", secret);
}

static bool is_shut_out(int fd)
{
	bool out = serving_sees_end(fd);
	close(fd);
	return out;
}

/* What the other end of a link does. */
static void be_linked(struct gw_client *c, int fd, const struct gw_peers_link_req *req)
{
	static const uint8_t no_rdma[GW_UPGRADE_CAPS];
	uint8_t answer = 0, got[GW_PEERS_SECRET], caps[GW_UPGRADE_CAPS];
	assert_int_equal(send(fd, no_rdma, sizeof(no_rdma), MSG_NOSIGNAL), sizeof(no_rdma));
	post(c, *req, GW_PEERS_ACCEPT, &(struct gw_dest){&answer, 1, 1, 1});
	assert_int_equal(recv(fd, got, sizeof(got), MSG_WAITALL), sizeof(got));
	assert_memory_equal(got, req->proof, sizeof(got));
	assert_int_equal(recv(fd, caps, sizeof(caps), MSG_WAITALL), sizeof(caps));
	assert_int_equal(gw_client_drain(c, GW_CLIENT_ALL), GW_OK);
	assert_int_equal(answer, 1);
}

static void a_secret_opens_one_link(void **state)
{
	struct gw_client *c = serving_connect(&s);
	struct gw_peers_link_req req = request(1);
	(void)state;
	assert_true(is_shut_out(present(1)));
	assert_true(take_step(c, &req, GW_PEERS_EXPECT));
	int fd = present(1);
	be_linked(c, fd, &req);
	assert_true(is_shut_out(present(1)));
	/* A link of that number can be expected again; the one before is closed. */
	req = request(2);
	assert_true(take_step(c, &req, GW_PEERS_EXPECT));
	assert_true(is_shut_out(fd));
	gw_client_close(c);
}

static void other_secrets_open_nothing(void **state)
{
	struct gw_client *c = serving_connect(&s);
	struct gw_peers_link_req req = request(10);
	uint8_t first[GW_PEERS_FIRST];
	(void)state;
	assert_true(take_step(c, &req, GW_PEERS_EXPECT));
	for (size_t i = 0; i < GW_PEERS_SECRET; i++) {
		int fd = serving_dial(port, "127.0.0.1");
		gw_peers_first_encode(req.secret, first);
		first[8 + i] ^= 1;
		assert_int_equal(send(fd, first, sizeof(first), MSG_NOSIGNAL), sizeof(first));
		assert_true(is_shut_out(fd));
	}
	/* Another magic number, and an end in the middle. */
	int fd = serving_dial(port, "127.0.0.1");
	gw_peers_first_encode(req.secret, first);
	first[7]++;
	assert_int_equal(send(fd, first, sizeof(first), MSG_NOSIGNAL), sizeof(first));
	assert_true(is_shut_out(fd));
	fd = serving_dial(port, "127.0.0.1");
	first[7]--;
	assert_int_equal(send(fd, first, 20, MSG_NOSIGNAL), 20);
	shutdown(fd, SHUT_WR);
	assert_true(is_shut_out(fd));
	fd = present(10);
	be_linked(c, fd, &req);
	close(fd);
	gw_client_close(c);
}

/* Two pieces are as good as one. */
static void a_secret_in_pieces_is_understood(void **state)
{
	struct gw_client *c = serving_connect(&s);
	struct gw_peers_link_req req = request(20);
	uint8_t first[GW_PEERS_FIRST];
	(void)state;
	assert_true(take_step(c, &req, GW_PEERS_EXPECT));
	int fd = serving_dial(port, "127.0.0.1");
	gw_peers_first_encode(req.secret, first);
	assert_int_equal(send(fd, first, 12, MSG_NOSIGNAL), 12);
	serving_sleep_ms(100);
	assert_int_equal(send(fd, first + 12, sizeof(first) - 12, MSG_NOSIGNAL), sizeof(first) - 12);
	be_linked(c, fd, &req);
	close(fd);
	gw_client_close(c);
}

static void a_client_that_leaves_takes_its_secrets_along(void **state)
{
	struct gw_client *c = serving_connect(&s);
	struct gw_peers_link_req req = request(30);
	(void)state;
	assert_true(take_step(c, &req, GW_PEERS_EXPECT));
	gw_client_close(c);
	serving_await(&s, " left worker ");
	assert_true(is_shut_out(present(30)));
}

static void a_client_cannot_expect_without_end(void **state)
{
	struct gw_client *c = serving_connect(&s), *other = serving_connect(&s);
	size_t n = 0;
	(void)state;
	for (uint8_t i = 0; i < 40; i++) {
		struct gw_peers_link_req req = request((uint8_t)(100 + i));
		req.link = i;
		n += take_step(c, &req, GW_PEERS_EXPECT);
	}
	assert_int_equal(n, 16);
	struct gw_peers_link_req req = request(200);
	assert_true(take_step(other, &req, GW_PEERS_EXPECT));
	gw_client_close(c);
	gw_client_close(other);
}

/* Strangers that guess keep nobody from being served. */
static void a_flood_of_guesses_is_harmless(void **state)
{
	struct gw_client *c = serving_connect(&s);
	struct gw_peers_link_req req = request(50);
	(void)state;
	assert_true(take_step(c, &req, GW_PEERS_EXPECT));
	for (int i = 0; i < 500; i++)
		close(present(51));
	int fd = present(50);
	be_linked(c, fd, &req);
	close(fd);
	assert_true(serving_answers(c));
	gw_client_close(c);
	c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
	(void)serving_await(&s, "no client here expects");
}

static void a_link_that_nobody_accepts_is_a_no(void **state)
{
	struct gw_client *c = serving_connect(&s);
	struct gw_peers_link_req req = request(60);
	(void)state;
	assert_false(take_step(c, &req, GW_PEERS_ACCEPT));
	assert_false(take_step(c, &req, GW_PEERS_CONFIRM));
	snprintf(req.host, sizeof(req.host), "127.0.0.1");
	req.port = port;
	/* This very server expects nobody who presents that. */
	assert_true(take_step(c, &req, GW_PEERS_OPEN));
	assert_false(take_step(c, &req, GW_PEERS_CONFIRM));
	req.port = 22;
	assert_false(take_step(c, &req, GW_PEERS_OPEN));
	assert_true(serving_answers(c));
	gw_client_close(c);
}

static void allow_is_for_links_too(void **state)
{
	static struct serving before;
	(void)state;
	before = s;
	start((const char *const[]){"--allow", "127.0.0.1", NULL});
	struct gw_client *c = serving_connect(&s);
	struct gw_peers_link_req req = request(70);
	assert_true(take_step(c, &req, GW_PEERS_EXPECT));
	assert_true(is_shut_out(present_from("127.0.0.9", 70)));
	/* Nor does this server connect to who is not allowed. */
	snprintf(req.host, sizeof(req.host), "127.0.0.9");
	req.port = port;
	assert_false(take_step(c, &req, GW_PEERS_OPEN));
	req = request(71);
	assert_true(take_step(c, &req, GW_PEERS_EXPECT));
	int fd = present(71);
	be_linked(c, fd, &req);
	close(fd);
	gw_client_close(c);
	serving_end(&s);
	s = before;
}

static void no_peers_is_for_links_too(void **state)
{
	static struct serving before;
	(void)state;
	before = s;
	start((const char *const[]){"--no-peers", NULL});
	struct gw_client *c = serving_connect(&s);
	struct gw_peers_link_req req = request(80);
	assert_false(take_step(c, &req, GW_PEERS_EXPECT));
	assert_true(is_shut_out(present(80)));
	assert_true(serving_answers(c));
	gw_client_close(c);
	serving_end(&s);
	s = before;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_opens_one_link),
		cmocka_unit_test(other_secrets_open_nothing),
		cmocka_unit_test(a_secret_in_pieces_is_understood),
		cmocka_unit_test(a_client_that_leaves_takes_its_secrets_along),
		cmocka_unit_test(a_client_cannot_expect_without_end),
		cmocka_unit_test(a_flood_of_guesses_is_harmless),
		cmocka_unit_test(a_link_that_nobody_accepts_is_a_no),
		cmocka_unit_test(allow_is_for_links_too),
		cmocka_unit_test(no_peers_is_for_links_too),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
