/* Links of clients that use TLS: whoever reads the network between two servers sees neither secrets nor tensors, and
 * whoever presents what was sent in the clear gets nowhere. One end of each link is a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/serving.h"
#include "device/peers/encryption.h"
#include "device/peers/link.h"
#include "rpc/commands.h"

#define KEY "alice:0101010101010101010101010101010101010101010101010101010101010101\n"
#define SIZE ((size_t)1 << 20)
#define PHRASE "a phrase of a tensor that nobody else may read; "

static char directory[] = "/tmp/gw-tlinks-XXXXXX";
static char keys[64], none[64];
static struct serving s;
static uint16_t ports[2]; /* of the listener that requires TLS, and of the other one */

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(keys, sizeof(keys), "%s/keys", directory);
	snprintf(none, sizeof(none), "%s/none", directory);
	put(keys, KEY);
	put(none, "");
	serving_start(&s, (const char *const[]){"-d", "CPU", "--tls-psk", keys, "--listen", "127.0.0.1:0,tls=require",
				  "--listen", "127.0.0.1:0,tls=on", NULL});
	const char *at = s.log;
	for (size_t i = 0; i < 2; i++) {
		at = strstr(at, "127.0.0.1:");
		assert_non_null(at);
		at += strlen("127.0.0.1:");
		ports[i] = (uint16_t)atoi(at);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	unlink(keys);
	unlink(none);
	return rmdir(directory);
}

static struct gw_client *connect_to(uint16_t port, const char *key_file)
{
	char endpoint[32];
	struct gw_client *c;
	struct gw_error err;
	setenv("GGWIRE_PSK_FILE", key_file, 1);
	snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", port);
	if (gw_client_connect(endpoint, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

static struct gw_peers_link_req request(uint8_t seed)
{
	struct gw_peers_link_req req = {.link = 3};
	for (uint8_t i = 0; i < GW_PEERS_SECRET; i++) {
		req.secret[i] = (uint8_t)(seed + i * 7);
		req.proof[i] = (uint8_t)(seed + 100 + i * 5);
	}
	return req;
}

static void post(struct gw_client *c, const struct gw_peers_link_req *base, enum gw_peers_step step, uint8_t *answer)
{
	struct gw_peers_link_req req = *base;
	req.step = step;
	*answer = 7;
	assert_int_equal(gw_client_link(c, &req, &(struct gw_dest){answer, 1, 1, 1}, NULL, NULL), GW_OK);
	assert_int_equal(gw_client_flush(c), GW_OK);
}

static uint8_t await(struct gw_client *c, const uint8_t *answer)
{
	assert_int_equal(gw_client_drain(c, GW_CLIENT_ALL), GW_OK);
	return *answer;
}

static void expect(struct gw_client *c, const struct gw_peers_link_req *req)
{
	uint8_t answer;
	post(c, req, GW_PEERS_EXPECT, &answer);
	assert_int_equal(await(c, &answer), 1);
}

static void present(int fd, const uint8_t what[GW_PEERS_SECRET])
{
	uint8_t first[GW_PEERS_FIRST];
	gw_peers_first_encode(what, first);
	assert_int_equal(send(fd, first, sizeof(first), MSG_NOSIGNAL), sizeof(first));
}

static bool is_shut_out(uint16_t port, const uint8_t what[GW_PEERS_SECRET])
{
	int fd = serving_dial(port, "127.0.0.1");
	present(fd, what);
	bool out = serving_sees_end(fd);
	close(fd);
	return out;
}

static void id_of(const struct gw_peers_link_req *req, uint8_t id[GW_PEERS_SECRET])
{
	assert_int_equal(gw_peers_public_id(req->secret, id, NULL), GW_OK);
	assert_memory_not_equal(id, req->secret, GW_PEERS_SECRET);
}

/* Everything that passes between a link's two ends, in both directions. */
static struct {
	int listener, ends[2];
	pthread_t thread;
	size_t n;
	uint8_t bytes[4 * SIZE];
} relay;

static void *relay_main(void *unused)
{
	static uint8_t buffer[1 << 16];
	struct pollfd polls[2] = {{relay.ends[0], POLLIN, 0}, {relay.ends[1], POLLIN, 0}};
	(void)unused;
	while (poll(polls, 2, -1) > 0)
		for (size_t i = 0; i < 2; i++) {
			if (!polls[i].revents)
				continue;
			ssize_t n = recv(relay.ends[i], buffer, sizeof(buffer), 0);
			if (n <= 0 || relay.n + (size_t)n > sizeof(relay.bytes))
				return NULL;
			memcpy(relay.bytes + relay.n, buffer, (size_t)n);
			relay.n += (size_t)n;
			for (ssize_t at = 0, put = 0; at < n; at += put)
				if ((put = send(relay.ends[1 - i], buffer + at, (size_t)(n - at), MSG_NOSIGNAL)) <= 0)
					return NULL;
		}
	return NULL;
}

/* A connection to a port of the server through the relay. */
static int dial_through_relay(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	int fd = serving_dial(ntohs(address.sin_port), "127.0.0.1");
	relay.ends[0] = accept(listener, NULL, NULL);
	relay.ends[1] = serving_dial(port, "127.0.0.1");
	close(listener);
	relay.n = 0;
	assert_int_equal(pthread_create(&relay.thread, NULL, relay_main, NULL), 0);
	return fd;
}

static void end_relay(void)
{
	assert_int_equal(pthread_join(relay.thread, NULL), 0);
	close(relay.ends[0]);
	close(relay.ends[1]);
}

static bool was_seen(const void *bytes, size_t n)
{
	return memmem(relay.bytes, relay.n, bytes, n);
}

/* Has the server send a buffer full of the phrase, and receives it. */
static void copy_over(struct gw_client *c, struct gw_link *link)
{
	static char sent[SIZE], got[SIZE];
	struct gw_ext_alloc_rsp buffer;
	for (size_t i = 0; i < SIZE; i++)
		sent[i] = PHRASE[i % strlen(PHRASE)];
	assert_int_equal(gw_client_alloc_buffer(c, 0, SIZE, &buffer, NULL), GW_OK);
	const struct gw_wire_tensor t = {.id = 1,
		.type = 24, /* I8 */
		.buffer = buffer.buffer,
		.ne = {SIZE, 1, 1, 1},
		.nb = {1, SIZE, SIZE, SIZE},
		.data = buffer.base};
	assert_int_equal(gw_client_set_tensor(c, &(struct gw_wire_set_req){.tensor = t}, sent, SIZE, NULL), GW_OK);
	const struct gw_peers_copy_req req = {.link = 3, .buffer = buffer.buffer, .data = buffer.base, .size = SIZE};
	assert_int_equal(gw_client_send_to_peer(c, &req, NULL), GW_OK);
	assert_int_equal(gw_client_flush(c), GW_OK);
	const struct gw_link_message message = {.link = link, .kind = GW_PEERS_COPY, .in = got, .in_size = SIZE};
	assert_int_equal(gw_links_exchange(&message, 1, NULL), GW_OK);
	assert_memory_equal(sent, got, SIZE);
}

/* Links the test to the server, and copies a tensor over the link. */
static void link_and_copy(struct gw_client *c, uint16_t port, struct gw_peers_link_req *req, bool is_encrypted)
{
	struct gw_link_terms terms = {.opened = true, .is_encrypted = is_encrypted, .mode = GW_TRANSPORT_TCP};
	uint8_t id[GW_PEERS_SECRET], answer;
	struct gw_link *link;
	struct gw_error err;
	memcpy(terms.secret, req->secret, sizeof(terms.secret));
	memcpy(terms.proof, req->proof, sizeof(terms.proof));
	id_of(req, id);
	expect(c, req);
	int fd = dial_through_relay(port);
	present(fd, is_encrypted ? id : req->secret);
	post(c, req, GW_PEERS_ACCEPT, &answer);
	if (gw_link_new(fd, &terms, &link, &err))
		fail_msg("%s", err.text);
	assert_int_equal(await(c, &answer), 1);
	copy_over(c, link);
	gw_link_free(link);
	end_relay();
	assert_true(relay.n > SIZE);
	assert_int_equal(was_seen(id, sizeof(id)), is_encrypted);
	assert_int_equal(was_seen(req->secret, sizeof(req->secret)), !is_encrypted);
	assert_int_equal(was_seen(req->proof, sizeof(req->proof)), !is_encrypted);
	assert_int_equal(was_seen(PHRASE, strlen(PHRASE)), !is_encrypted);
}

static void nothing_is_sent_in_the_clear(void **state)
{
	struct gw_peers_link_req req = request(1);
	(void)state;
	struct gw_client *c = connect_to(ports[0], keys);
	link_and_copy(c, ports[0], &req, true);
	serving_await(&s, "over TLS");
	gw_client_close(c);
	/* The relay does see what a client without TLS has servers exchange. */
	c = connect_to(ports[1], none);
	req = request(2);
	link_and_copy(c, ports[1], &req, false);
	gw_client_close(c);
}

/* An attacker that was faster with the id than the other server: it has no key, and the client goes on. */
static void a_wrong_key_closes_only_its_link(void **state)
{
	struct gw_link_terms wrong = {.opened = true, .is_encrypted = true, .mode = GW_TRANSPORT_TCP};
	struct gw_peers_link_req req = request(3);
	uint8_t id[GW_PEERS_SECRET], answer;
	struct gw_link *link;
	(void)state;
	struct gw_client *c = connect_to(ports[0], keys);
	for (size_t i = 0; i < 2; i++) {
		/* It has the secret, or the proof, and not both. */
		memcpy(wrong.secret, i == 0 ? req.secret : req.proof, GW_PEERS_SECRET);
		memcpy(wrong.proof, i == 0 ? req.secret : req.proof, GW_PEERS_SECRET);
		expect(c, &req);
		id_of(&req, id);
		int fd = serving_dial(ports[0], "127.0.0.1");
		present(fd, id);
		post(c, &req, GW_PEERS_ACCEPT, &answer);
		assert_int_equal(gw_link_new(fd, &wrong, &link, NULL), GW_ERR_INVALID);
		assert_int_equal(await(c, &answer), 0);
		serving_await(&s, "has another key");
	}
	assert_true(serving_answers(c));
	req = request(4);
	link_and_copy(c, ports[0], &req, true);
	gw_client_close(c);
}

static void an_unencrypted_beginning_is_a_no(void **state)
{
	static const uint8_t no_rdma[24];
	struct gw_peers_link_req req = request(5);
	uint8_t id[GW_PEERS_SECRET], answer;
	(void)state;
	struct gw_client *c = connect_to(ports[0], keys);
	expect(c, &req);
	/* The secret itself opens nothing, and the id only one connection. */
	assert_true(is_shut_out(ports[0], req.secret));
	id_of(&req, id);
	int fd = serving_dial(ports[0], "127.0.0.1");
	present(fd, id);
	assert_true(is_shut_out(ports[0], id));
	assert_int_equal(send(fd, no_rdma, sizeof(no_rdma), MSG_NOSIGNAL), sizeof(no_rdma));
	post(c, &req, GW_PEERS_ACCEPT, &answer);
	assert_int_equal(await(c, &answer), 0);
	assert_true(serving_sees_end(fd));
	close(fd);
	assert_true(serving_answers(c));
	gw_client_close(c);
}

/* An endpoint that requires TLS does not take a link that would have none. */
static void required_means_links_too(void **state)
{
	struct gw_peers_link_req req = request(6);
	(void)state;
	struct gw_client *c = connect_to(ports[1], none);
	expect(c, &req);
	assert_true(is_shut_out(ports[0], req.secret));
	req = request(7);
	link_and_copy(c, ports[1], &req, false);
	gw_client_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_sent_in_the_clear),
		cmocka_unit_test(a_wrong_key_closes_only_its_link),
		cmocka_unit_test(an_unencrypted_beginning_is_a_no),
		cmocka_unit_test(required_means_links_too),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
