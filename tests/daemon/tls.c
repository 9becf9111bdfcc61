/* A server with keys: which clients it admits under which name, what it logs about the others, and limits on unfinished
 * handshakes. */
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
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/serving.h"
#include "rpc/commands.h"
#include "transport/tls/tls.h"

#define ALICE "alice:0101010101010101010101010101010101010101010101010101010101010101\n"
#define BOB "bob:0202020202020202020202020202020202020202020202020202020202020202\n"
#define ALICES_WRONG "alice:0202020202020202020202020202020202020202020202020202020202020202\n"

static char directory[] = "/tmp/gw-dtls-XXXXXX";
static char server_keys[64], client_keys[64];
static struct serving s;

static void put(const char *path, const char *text)
{
	char temporary[80];
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	FILE *f = fopen(temporary, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(temporary, 0600), 0);
	assert_int_equal(rename(temporary, path), 0);
}

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(server_keys, sizeof(server_keys), "%s/server", directory);
	snprintf(client_keys, sizeof(client_keys), "%s/client", directory);
	setenv("GGWIRE_PSK_FILE", client_keys, 1);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(server_keys);
	unlink(client_keys);
	return rmdir(directory);
}

static int setup(void **state)
{
	(void)state;
	put(server_keys, "# clients\n" ALICE BOB);
	put(client_keys, ALICE);
	unsetenv("GGWIRE_TLS");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

static void start(const char *option, const char *value)
{
	const char *args[] = {"-p", "0", "--tls-psk", server_keys, option, value, NULL};
	serving_start(&s, args);
}

/* Writes the keys in text, or none, to the client's key file and connects. *err receives the error. */
static struct gw_client *connect_with(const char *text, struct gw_error *err)
{
	char endpoint[128];
	struct gw_client *c = NULL;
	struct gw_error ignored;
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	put(client_keys, text);
	return gw_client_connect(endpoint, &c, err ? err : &ignored) == GW_OK ? c : NULL;
}

static void expect_served(const char *text)
{
	struct gw_client *c = connect_with(text, NULL);
	assert_non_null(c);
	assert_true(serving_answers(c));
	gw_client_close(c);
}

static void expect_refused(const char *text, const char *log_says)
{
	assert_null(connect_with(text, NULL));
	serving_await(&s, log_says);
}

static void only_keys_admit_clients(void **state)
{
	(void)state;
	struct gw_error wrong, unknown;
	start("--tls", "require");
	expect_served(ALICE);
	serving_await(&s, "client alice@127.0.0.1:");
	expect_served(BOB);
	serving_await(&s, "client bob@127.0.0.1:");
	assert_null(connect_with(ALICES_WRONG, &wrong));
	serving_await(&s, "refused: TLS: the client names identity \"alice\" and has another key");
	expect_refused("carol:00112233445566778899aabbccddeeff\n", "\"carol\": this name is not in the key file");
	/* The client sees the same error. Only the log differs, by the name that the client claimed. */
	assert_null(connect_with("alicf:0202020202020202020202020202020202020202020202020202020202020202\n", &unknown));
	serving_await(&s, "\"alicf\": this name is not in the key file");
	*strstr(wrong.text, "\"alice\"") = *strstr(unknown.text, "\"alicf\"") = '\0';
	assert_string_equal(wrong.text, unknown.text);
	expect_refused("", "refused: it does not use TLS, which this endpoint requires");
	expect_served(ALICE);
}

static void on_serves_both(void **state)
{
	(void)state;
	start("--tls", "on");
	expect_served(ALICE);
	serving_await(&s, "client alice@127.0.0.1:");
	expect_served("");
	serving_await(&s, "client 127.0.0.1:");
}

static void endpoints_have_their_own_mode(void **state)
{
	(void)state;
	start("--listen", "127.0.0.1:0,tls=off");
	expect_served("");
	expect_refused(ALICE, "refused: it uses TLS, and this endpoint has none");
}

static void changes_of_the_file_are_noticed(void **state)
{
	(void)state;
	static char out[4096];
	start("--tls", "require");
	const char *add[] = {"key", "-f", server_keys, "add", "dave", NULL};
	const char *remove[] = {"key", "-f", server_keys, "remove", "alice", NULL};
	struct gw_client *c = connect_with(ALICE, NULL);
	assert_non_null(c);
	assert_int_equal(serving_run("ggwire", add, out, sizeof(out)), 0);
	expect_served(strstr(out, "\ndave:") + 1);
	serving_await(&s, "has changed: 3 keys");
	serving_await(&s, "client dave@");
	assert_int_equal(serving_run("ggwire", remove, out, sizeof(out)), 0);
	expect_refused(ALICE, "\"alice\": this name is not in the key file");
	assert_true(serving_answers(c));
	gw_client_close(c);
	put(server_keys, BOB);
	assert_int_equal(chmod(server_keys, 0644), 0);
	assert_null(connect_with(BOB, NULL));
	serving_await(&s, "others have access to it");
}

static void identities_may_be_allowed(void **state)
{
	(void)state;
	start("--allow", "192.0.2.0/24,id:bob");
	expect_served(BOB);
	expect_refused(ALICE, "\"alice\": neither it nor its address is in --allow");
	expect_refused("", "refused: its address is not in --allow");
}

static void limits_apply_per_identity(void **state)
{
	(void)state;
	start("--max-clients-per-host", "1");
	struct gw_client *a = connect_with(ALICE, NULL);
	assert_non_null(a);
	assert_true(serving_answers(a));
	expect_served(BOB);
	struct gw_client *second = connect_with(ALICE, NULL);
	assert_non_null(second);
	assert_false(serving_answers(second));
	serving_await(&s, "its key already has 1 connections");
	assert_true(serving_answers(a));
	gw_client_close(second);
	gw_client_close(a);
}

#define MIB ((uint64_t)1 << 20)

static bool holds(struct gw_client *c, uint64_t mib)
{
	struct gw_ext_alloc_rsp buffer;
	enum gw_status status = gw_client_alloc_buffer(c, 0, mib * MIB, &buffer, NULL);
	assert_true(status == GW_OK || status == GW_ERR_NOMEM);
	return status == GW_OK;
}

static uint64_t free_mib(struct gw_client *c)
{
	struct gw_wire_memory_rsp memory;
	assert_int_equal(gw_client_device_memory(c, 0, &memory, NULL), GW_OK);
	return memory.free / MIB;
}

/* Until the memory of a connection that has ended is free again. */
static void await_free(struct gw_client *c, uint64_t mib)
{
	for (int tries = 0; free_mib(c) < mib; tries++) {
		assert_true(tries < 500);
		serving_sleep_ms(20);
	}
}

/* Of 64 MiB, 4 are not for buffers. */
static void memory_is_limited_per_identity(void **state)
{
	(void)state;
	start("--max-memory", "64M");
	struct gw_client *first = connect_with(ALICE, NULL), *second = connect_with(ALICE, NULL);
	struct gw_client *bob = connect_with(BOB, NULL), *anybody = connect_with("", NULL);
	struct gw_client *nobody = connect_with("", NULL);
	assert_int_equal(free_mib(second), 60);
	assert_true(holds(first, 40));
	assert_int_equal(free_mib(second), 19);
	assert_false(holds(second, 40));
	serving_await(&s, "the client's other connections hold 4");
	assert_true(holds(second, 10));
	assert_false(holds(first, 10));
	/* Others have memory of their own; without a key, each connection has. */
	assert_true(holds(bob, 40) && holds(anybody, 40) && holds(nobody, 40));
	/* What a connection held is given back with it, however it ends. */
	gw_client_close(first);
	await_free(second, 49);
	serving_await(&s, " left worker ");
	first = connect_with(ALICE, NULL);
	assert_true(holds(first, 30));
	const char *line = serving_await(&s, " connected with TLS, served by worker ");
	pid_t worker = (pid_t)atol(strstr(line, "by worker ") + strlen("by worker "));
	assert_int_equal(kill(worker, SIGKILL), 0);
	await_free(second, 49);
	assert_true(holds(second, 40));
	struct gw_client *all[] = {first, second, bob, anybody, nobody};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		gw_client_close(all[i]);
}

static void *take_all(void *client)
{
	intptr_t n = 0;
	while (holds(client, 1))
		n++;
	return (void *)n;
}

/* All take the last bytes at the same time. */
static void connections_of_an_identity_take_no_more_together(void **state)
{
	enum {
		N = 4
	};
	struct gw_client *clients[N];
	pthread_t threads[N];
	intptr_t sum = 0;
	(void)state;
	start("--max-memory", "64M");
	for (size_t i = 0; i < N; i++) {
		clients[i] = connect_with(ALICE, NULL);
		assert_non_null(clients[i]);
	}
	for (size_t i = 0; i < N; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_all, clients[i]), 0);
	for (size_t i = 0; i < N; i++) {
		void *n;
		assert_int_equal(pthread_join(threads[i], &n), 0);
		sum += (intptr_t)n;
	}
	/* A buffer takes slightly more than its size, and each connection may have some MiB for its requests. Two that
	 * take the last bytes can both be refused. */
	if (sum < 32 || sum > 63)
		fail_msg("of 64 MiB they hold %ld", (long)sum);
	for (size_t i = 0; i < N; i++)
		gw_client_close(clients[i]);
}

static void the_status_names_clients(void **state)
{
	(void)state;
	static char out[1 << 16];
	char endpoint[128];
	start("--tls", "require");
	struct gw_client *c = connect_with(ALICE, NULL);
	assert_non_null(c);
	assert_true(serving_answers(c));
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	put(client_keys, BOB);
	const char *status[] = {"status", endpoint, NULL}, *json[] = {"status", "-j", endpoint, NULL};
	assert_int_equal(serving_run("ggwire", status, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "alice@127.0.0.1:"));
	assert_non_null(strstr(out, " tls "));
	assert_int_equal(serving_run("ggwire", json, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "\"identity\":\"alice\""));
	assert_non_null(strstr(out, "\"identity\":\"bob\""));
	gw_client_close(c);
}

/* Starts a handshake and does not continue it. */
static int begin_handshake(void)
{
	static const uint8_t half[] = {GW_TLS_FIRST_BYTE, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3};
	int fd = serving_socket(&s);
	assert_int_equal(send(fd, half, sizeof(half), MSG_NOSIGNAL), sizeof(half));
	return fd;
}

static void unfinished_handshakes_end_and_are_few(void **state)
{
	(void)state;
	int fds[9];
	start("--tls", "require");
	for (size_t i = 0; i < 9; i++)
		fds[i] = begin_handshake();
	serving_await(&s, "refused: too many TLS handshakes are in progress");
	for (size_t i = 0; i < 9; i++) {
		assert_true(serving_sees_end(fds[i]));
		close(fds[i]);
	}
	serving_await(&s, "refused: the TLS handshake took too long");
	expect_served(ALICE);
}

/* Stands between a client and the server, and keeps what the client sends. */
struct relay {
	int listener;
	uint8_t sent[8192];
	size_t n;
};

static bool pass(int from, int to, uint8_t *bytes, size_t room, size_t *n)
{
	ssize_t got = recv(from, bytes, room, 0);
	*n = got > 0 ? (size_t)got : 0;
	return got > 0 && send(to, bytes, *n, MSG_NOSIGNAL) == got;
}

static void *relay(void *arg)
{
	struct relay *r = arg;
	uint8_t back[8192];
	size_t n;
	bool both = true;
	int near = accept(r->listener, NULL, NULL), far = serving_socket(&s);
	while (both) {
		struct pollfd fds[] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};
		if (poll(fds, 2, 10000) <= 0)
			break;
		if (fds[0].revents) {
			both = pass(near, far, r->sent + r->n, sizeof(r->sent) - r->n, &n);
			r->n += n;
		}
		if (both && fds[1].revents)
			both = pass(far, near, back, sizeof(back), &n);
	}
	close(near);
	close(far);
	return NULL;
}

/* All that alice's client sends in a short visit. */
static void record_visit(struct relay *r)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	char endpoint[32];
	struct gw_client *c;
	pthread_t thread;
	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(r->listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(r->listener, 1), 0);
	assert_int_equal(getsockname(r->listener, (struct sockaddr *)&in, &len), 0);
	snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", ntohs(in.sin_port));
	assert_int_equal(pthread_create(&thread, NULL, relay, r), 0);
	assert_int_equal(gw_client_connect(endpoint, &c, NULL), GW_OK);
	assert_true(serving_answers(c));
	gw_client_close(c);
	pthread_join(thread, NULL);
	close(r->listener);
}

static bool is_worker(pid_t pid)
{
	pid_t workers[64];
	size_t n = serving_children_of_kind(s.pid, "worker", workers, 64);
	for (size_t i = 0; i < n; i++)
		if (workers[i] == pid)
			return true;
	return false;
}

static bool one_ends(const pid_t *workers, size_t n)
{
	for (int tries = 0; tries < 100; tries++, serving_sleep_ms(50))
		for (size_t i = 0; i < n; i++)
			if (!is_worker(workers[i]))
				return true;
	return false;
}

/* The worker that was given alice's key for it is gone, too. */
static void a_replayed_visit_opens_nothing(void **state)
{
	(void)state;
	static struct relay r;
	pid_t workers[64];
	start("--tls", "require");
	put(client_keys, ALICE);
	record_visit(&r);
	pid_t first = (pid_t)atol(strstr(serving_await(&s, "left worker "), "left worker ") + strlen("left worker "));
	assert_true(one_ends(&first, 1));
	assert_true(r.n > 500);
	size_t n = serving_children_of_kind(s.pid, "worker", workers, 64);
	int fd = serving_socket(&s);
	assert_int_equal(send(fd, r.sent, r.n, MSG_NOSIGNAL), (ssize_t)r.n);
	/* The server's side of the handshake, and nothing else. */
	while (recv(fd, r.sent, sizeof(r.sent), 0) > 0)
		;
	close(fd);
	serving_await(&s, "\"alice\", but its handshake was replayed or damaged");
	assert_true(one_ends(workers, n));
	expect_served(ALICE);
}

/* Servers use no TLS between each other, and must not send a protected client's data in the clear. */
static void clients_with_tls_are_never_paired(void **state)
{
	(void)state;
	const struct gw_wire_comm_init_req req = {.rank = 1, .world = 2, .port = 31000, .host = "127.0.0.1"};
	uint8_t answer = 7;
	const struct gw_dest dest = {&answer, 1, 1, 1};
	uint64_t ticket;
	start("--tls", "require");
	struct gw_client *c = connect_with(ALICE, NULL);
	assert_non_null(c);
	assert_int_equal(gw_client_comm_init(c, &req, &dest, &ticket, NULL), GW_OK);
	assert_int_equal(gw_client_await(c, ticket, 3000), GW_OK);
	assert_int_equal(answer, 0);
	gw_client_close(c);
	serving_await(&s, "uses TLS");
}

static void bad_settings_are_one_line(void **state)
{
	(void)state;
	static char out[4096];
	static const struct {
		const char *args[8];
		int rc;
		const char *says;
	} bad[] = {
		{{"serve", "-p", "0", "--tls", "maybe"}, 2, "'maybe' is none of off, on, require"},
		{{"serve", "--listen", "127.0.0.1:0,tls=never"}, 2, "'never' is none of off, on, require"},
		{{"serve", "-p", "0", "--tls-psk", "/nowhere/keys"}, 1,
			"make one with ggwire key -f /nowhere/keys add NAME"},
		{{"serve", "-p", "0", "--tls-psk", "/etc/passwd"}, 1, "others have access to it"},
		{{"serve", "-p", "0", "--tls", "off", "--tls-psk", "/etc/passwd"}, 2, "no endpoint uses TLS"},
		{{"serve", "-p", "0", "--allow", "id:alice"}, 2, "is for clients with keys"},
		{{"serve", "-p", "0", "--allow", "id:al ice"}, 2, "no name of a key"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc = serving_run("ggwire", bad[i].args, out, sizeof(out));
		if (rc != bad[i].rc || !strstr(out, bad[i].says))
			fail_msg("case %zu: exit status %d: %s", i, rc, out);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(only_keys_admit_clients),
		CASE(on_serves_both),
		CASE(endpoints_have_their_own_mode),
		CASE(changes_of_the_file_are_noticed),
		CASE(identities_may_be_allowed),
		CASE(limits_apply_per_identity),
		CASE(memory_is_limited_per_identity),
		CASE(connections_of_an_identity_take_no_more_together),
		CASE(the_status_names_clients),
		CASE(unfinished_handshakes_end_and_are_few),
		CASE(a_replayed_visit_opens_nothing),
		CASE(clients_with_tls_are_never_paired),
		cmocka_unit_test_setup(bad_settings_are_one_line, setup),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
