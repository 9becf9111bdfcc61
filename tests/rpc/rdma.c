/* Upgrades to RDMA between ggwire ends and with stock ones, with and without failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/client_state.h"
#include "rpc/harness.h"
#include "transport/fake_verbs.h"
#include "transport/list/endpoint.h"
#include "transport/list/transports.h"
#include "transport/rdma/message.h"
#include "transport/rdma_link.h"
#include "transport/tls_link.h"
#include "wire/cursor.h"
#include "wire/extension.h"
#include "wire/message.h"

#define MAX_SERVERS 4

static char logged[4096];
static unsigned reconnects;

static void keep_lines(enum gw_log_level level, const char *line, void *user)
{
	(void)level;
	(void)user;
	size_t n = strlen(logged);
	snprintf(logged + n, sizeof(logged) - n, "%s\n", line);
	reconnects += strstr(line, "connecting again without RDMA") != NULL;
}

/* A listener, and a server for each connection. */
struct net {
	int fd;
	char name[64];
	enum gw_transport_mode mode;
	const struct gw_tls_key *key; /* clients connect with TLS and this key; NULL: without TLS */
	bool allows_plaintext;        /* allows RDMA after TLS */
	pthread_t thread;
	struct server servers[MAX_SERVERS];
	int n;
};

static enum gw_status find_key(void *user, const char *identity, struct gw_tls_key *key, struct gw_error *err)
{
	(void)identity;
	(void)err;
	*key = *(const struct gw_tls_key *)user;
	return GW_OK;
}

/* Runs the server's end of the TLS handshake, if there is a key. */
static bool take_tls(const struct net *net, struct gw_transport **t)
{
	struct gw_transport *inner = *t;
	if (!net->key)
		return true;
	if (gw_tls_accept(inner, find_key, (void *)(uintptr_t)net->key, 10000, t, NULL)) {
		inner->ops->close(inner);
		return false;
	}
	(*t)->keep_encrypted = !net->allows_plaintext;
	return true;
}

static void *accept_main(void *arg)
{
	struct net *net = arg;
	struct pollfd pfd = {.fd = net->fd, .events = POLLIN};
	while (poll(&pfd, 1, -1) > 0 && net->n < MAX_SERVERS) {
		struct gw_transport *t;
		int fd = accept4(net->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 || gw_transport_from_fd(fd, &t, NULL))
			break;
		if (!take_tls(net, &t))
			continue;
		server_start_in_mode(&net->servers[net->n++], t, &gw_dialect_newest, net->mode);
	}
	return NULL;
}

/* Settings that some tests change before they start a net. */
static const struct gw_tls_key *net_key;
static bool net_allows_plaintext;

static void net_start(struct net *net, enum gw_transport_mode mode)
{
	struct gw_endpoint ep, bound;
	*net = (struct net){.mode = mode, .key = net_key, .allows_plaintext = net_allows_plaintext};
	assert_int_equal(gw_endpoint_parse("127.0.0.1:0", true, &ep, NULL), GW_OK);
	assert_int_equal(gw_transport_listen(&ep, 8, &net->fd, &bound, NULL), GW_OK);
	gw_endpoint_format(&bound, net->name, sizeof(net->name));
	assert_int_equal(pthread_create(&net->thread, NULL, accept_main, net), 0);
}

/* After this, servers[n - 1] holds the result of the last connection. */
static void net_stop(struct net *net)
{
	shutdown(net->fd, SHUT_RDWR);
	pthread_join(net->thread, NULL);
	for (int i = 0; i < net->n; i++)
		server_join(&net->servers[i]);
	close(net->fd);
}

static int setup(void **state)
{
	(void)state;
	unsetenv("GGML_RPC_TRANSPORT");
	unsetenv("GGML_RPC_NO_RDMA");
	unsetenv("GGML_RPC_STOCK");
	unsetenv("GGML_RDMA_GID");
	logged[0] = '\0';
	reconnects = 0;
	gw_log_set_sink(keep_lines, NULL);
	gw_log_set_level(GW_LOG_DEBUG);
	fake_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gw_log_set_sink(NULL, NULL);
	unsetenv("GGML_RPC_TRANSPORT");
	unsetenv("GGML_RPC_NO_RDMA");
	unsetenv("GGML_RPC_STOCK");
	unsetenv("GGML_RDMA_GID");
	return fake_stop() ? -1 : 0;
}

static const char *transport_of(const struct gw_client *c)
{
	return c->transport->ops->name;
}

/* Uses a connection for short and long requests with short and long replies. */
static enum gw_status use(struct gw_client *c)
{
	static uint8_t body[700000], reply[700000];
	uint8_t number[8];
	struct iovec part = {body, sizeof(body)};
	struct get_body get;
	uint64_t hash = 0;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = pattern(3, i);
	enum gw_status status = gw_client_post(c, GW_CMD_SET_TENSOR, &part, 1);
	hash = hash_request(hash, GW_CMD_SET_TENSOR, body, sizeof(body));
	if (!status)
		status = gw_client_call(c, GW_CMD_DEVICE_COUNT, NULL, 0, number, 8);
	if (!status)
		assert_true(gw_le64(number) == hash);
	if (!status)
		status =
			gw_client_call(c, GW_CMD_GET_TENSOR, get_body(&get, 5, sizeof(reply)), 1, reply, sizeof(reply));
	if (!status)
		assert_true(is_pattern(reply, 5, 0, sizeof(reply)));
	return status;
}

/* Connects, uses the connection and closes it. Returns the name of the transport. */
static const char *round_trip(enum gw_transport_mode server_mode, struct gw_error *err)
{
	const char *name = NULL;
	struct gw_client *c;
	struct net net;
	net_start(&net, server_mode);
	if (gw_client_connect(net.name, &c, err) == GW_OK) {
		name = transport_of(c);
		assert_int_equal(use(c), GW_OK);
		gw_client_close(c);
	}
	net_stop(&net);
	if (name)
		assert_int_equal(net.servers[net.n - 1].end, GW_ERR_CLOSED);
	return name;
}

static void stays_on_tcp(const char *why)
{
	struct gw_error err;
	assert_string_equal(round_trip(GW_TRANSPORT_AUTO, &err), "tcp");
	if (!strstr(logged, why))
		fail_msg("'%s' is not in the log:\n%s", why, logged);
}

static void ggwire_ends_upgrade(void **state)
{
	(void)state;
	struct gw_error err;
	fake_usual();
	assert_string_equal(round_trip(GW_TRANSPORT_AUTO, &err), "rdma");
	assert_non_null(strstr(logged, "RDMA probed: dev=rxe0 gid=1 RoCEv2 qpn="));
	assert_non_null(strstr(logged, "RDMA activated: qpn="));
	assert_non_null(strstr(logged, " mtu=1024 rx_depth="));
	assert_int_equal(fake_rnr(), 0);
	assert_string_equal(round_trip(GW_TRANSPORT_RDMA, &err), "rdma");
}

static void ggwire_ends_choose_their_own_parameters(void **state)
{
	(void)state;
	struct gw_client *c;
	struct net net;
	fake_usual();
	net_start(&net, GW_TRANSPORT_AUTO);
	assert_int_equal(gw_client_connect(net.name, &c, NULL), GW_OK);
	/* The server's second queue pair. It had created the first for a stock client. */
	uint32_t server = fake_last_qpn(), client = fake_rtr(server).dest_qp_num;
	const struct ibv_qp_attr rtr = fake_rtr(client), rts = fake_rts(client);
	assert_int_equal(rtr.dest_qp_num, server);
	assert_int_equal(rtr.ah_attr.grh.hop_limit, 64);
	assert_int_equal(rts.retry_cnt, 6);
	assert_int_equal(rts.timeout, 16);
	assert_true(rts.rnr_retry < 7);
	assert_true(rts.sq_psn != client || fake_rts(server).sq_psn != server);
	gw_client_close(c);
	net_stop(&net);
}

static void stock_ends_use_the_stock_path(void **state)
{
	(void)state;
	struct gw_error err;
	struct gw_client *c;
	struct net net;
	fake_usual();
	setenv("GGML_RPC_STOCK", "1", 1);
	assert_string_equal(round_trip(GW_TRANSPORT_AUTO, &err), "rdma, stock path");
	assert_non_null(strstr(logged, " mtu=1024 rx_depth=24"));
	net_start(&net, GW_TRANSPORT_AUTO);
	assert_int_equal(gw_client_connect(net.name, &c, NULL), GW_OK);
	assert_int_equal(gw_client_extensions(c), 0);
	uint32_t server = fake_last_qpn(), client = fake_rtr(server).dest_qp_num;
	assert_int_equal(fake_rts(client).sq_psn, client);
	assert_int_equal(fake_rtr(client).rq_psn, server);
	assert_int_equal(fake_rtr(client).ah_attr.grh.hop_limit, 1);
	gw_client_close(c);
	net_stop(&net);
}

static void infiniband_uses_the_lid(void **state)
{
	(void)state;
	struct gw_error err;
	struct gw_client *c;
	struct net net;
	int d = fake_device("mlx5_0", IBV_TRANSPORT_IB);
	fake_port(d, IBV_LINK_LAYER_INFINIBAND, IBV_MTU_4096, 17);
	fake_gid(d, 1, 0, IBV_GID_TYPE_IB, "fe80::ec0d:9a03:0:1");
	assert_string_equal(round_trip(GW_TRANSPORT_AUTO, &err), "rdma");
	assert_non_null(strstr(logged, "RDMA probed: dev=mlx5_0 lid=17 InfiniBand qpn="));
	net_start(&net, GW_TRANSPORT_AUTO);
	assert_int_equal(gw_client_connect(net.name, &c, NULL), GW_OK);
	const struct ibv_qp_attr rtr = fake_rtr(fake_last_qpn());
	assert_int_equal(rtr.ah_attr.is_global, 0);
	assert_int_equal(rtr.ah_attr.dlid, 17);
	assert_int_equal(rtr.path_mtu, IBV_MTU_4096);
	gw_client_close(c);
	net_stop(&net);
	/* The stock protocol cannot report it. */
	setenv("GGML_RPC_STOCK", "1", 1);
	stays_on_tcp("the server announces no RDMA");
}

static void stays_on_tcp_and_logs_why(void **state)
{
	(void)state;
	stays_on_tcp("stays on TCP: there is no RDMA device");
	int d = fake_device("mlx5_0", IBV_TRANSPORT_IB);
	fake_port(d, IBV_LINK_LAYER_ETHERNET, IBV_MTU_1024, 0);
	fake_gid(d, 1, 0, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	stays_on_tcp("stays on TCP: no GID of 1 RDMA device is ::ffff:127.0.0.1");
	fake_gid(d, 1, 0, IBV_GID_TYPE_ROCE_V2, "::ffff:127.0.0.1");
	setenv("GGML_RDMA_GID", "7", 1);
	stays_on_tcp("RDMA is not used: GGML_RDMA_GID=7: that entry of mlx5_0 port 1 is empty");
	unsetenv("GGML_RDMA_GID");
	setenv("GGML_RPC_NO_RDMA", "", 1);
	stays_on_tcp("stays on TCP: this side is set to TCP");
	unsetenv("GGML_RPC_NO_RDMA");
	setenv("GGML_RPC_TRANSPORT", "tcp", 1);
	stays_on_tcp("stays on TCP: this side is set to TCP");
}

static void a_path_that_loses_packets_is_noticed_before_it_is_used(void **state)
{
	(void)state;
	fake_usual();
	uint64_t start = gw_clock_ns();
	fake_cut(true);
	stays_on_tcp("stays on TCP: RDMA: a send failed: transport retry counter exceeded");
	fake_cut(false);
	/* Small messages would arrive. */
	fake_path_mtu(1000);
	logged[0] = '\0';
	stays_on_tcp("stays on TCP: RDMA: a send failed: transport retry counter exceeded");
	assert_true(gw_clock_ns() - start < UINT64_C(3000000000));
}

static void a_server_without_rdma_reports_it(void **state)
{
	(void)state;
	struct gw_error err;
	fake_usual();
	assert_string_equal(round_trip(GW_TRANSPORT_TCP, &err), "tcp");
	assert_non_null(strstr(logged, "stays on TCP: the server cannot use RDMA: the server is set to TCP"));
}

static void a_client_without_rdma_is_served(void **state)
{
	(void)state;
	fake_usual();
	fake_fail("get_device_list", 1);
	stays_on_tcp("stays on TCP: the client announces no RDMA");
}

static void required_rdma_refuses_tcp_and_says_why(void **state)
{
	(void)state;
	struct gw_error err = {0};
	setenv("GGML_RPC_TRANSPORT", "rdma", 1);
	assert_null(round_trip(GW_TRANSPORT_TCP, &err));
	assert_non_null(strstr(err.text, "only RDMA is allowed, but there is no RDMA device"));
	fake_usual();
	assert_null(round_trip(GW_TRANSPORT_TCP, &err));
	assert_non_null(
		strstr(err.text, "only RDMA is allowed, but the server cannot use RDMA: the server is set to TCP"));
	assert_string_equal(round_trip(GW_TRANSPORT_AUTO, &err), "rdma");
	setenv("GGML_RPC_STOCK", "1", 1);
	assert_null(round_trip(GW_TRANSPORT_TCP, &err));
	assert_non_null(strstr(err.text, "only RDMA is allowed, but the server announces no RDMA"));
	assert_string_equal(round_trip(GW_TRANSPORT_AUTO, &err), "rdma, stock path");
	setenv("GGML_RPC_NO_RDMA", "1", 1);
	assert_null(round_trip(GW_TRANSPORT_AUTO, &err));
	assert_non_null(strstr(err.text, "GGML_RPC_NO_RDMA forbids it"));
	unsetenv("GGML_RPC_NO_RDMA");
	setenv("GGML_RPC_TRANSPORT", "infiniband", 1);
	assert_null(round_trip(GW_TRANSPORT_AUTO, &err));
	assert_non_null(strstr(err.text, "'infiniband' is not auto, tcp or rdma"));
}

/* Writes a key file for this process, and gives servers the same key. */
static void use_tls(const struct gw_tls_key *key, char path[64])
{
	snprintf(path, 64, "/tmp/gw-rdma-keys-%ld", (long)getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_true(dprintf(fd, "tester:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\n") > 0);
	close(fd);
	setenv("GGWIRE_PSK_FILE", path, 1);
	net_key = key;
}

static void tls_stays_unless_both_ends_allow_plaintext(void **state)
{
	(void)state;
	const struct gw_tls_key key = tls_test_key("tester", 0x5a);
	char path[64];
	struct gw_error err = {0};
	if (gw_tls_check(NULL))
		skip();
	fake_usual();
	use_tls(&key, path);
	for (int stock = 0; stock < 2; stock++) {
		if (stock)
			setenv("GGML_RPC_STOCK", "1", 1);
		assert_string_equal(round_trip(GW_TRANSPORT_AUTO, &err), "tls");
		setenv("GGWIRE_RDMA_PLAINTEXT", "1", 1);
		assert_string_equal(round_trip(GW_TRANSPORT_AUTO, &err), "tls");
		net_allows_plaintext = true;
		assert_string_equal(round_trip(GW_TRANSPORT_AUTO, &err), stock ? "rdma, stock path" : "rdma");
		unsetenv("GGWIRE_RDMA_PLAINTEXT");
		assert_string_equal(round_trip(GW_TRANSPORT_AUTO, &err), "tls");
		net_allows_plaintext = false;
	}
	assert_non_null(strstr(logged, "stays on TLS: the connection is encrypted and RDMA would not be"));
	setenv("GGML_RPC_TRANSPORT", "rdma", 1);
	assert_null(round_trip(GW_TRANSPORT_AUTO, &err));
	assert_non_null(strstr(err.text, "GGWIRE_RDMA_PLAINTEXT=1"));
	unlink(path);
	unsetenv("GGWIRE_PSK_FILE");
	net_key = NULL;
}

static void a_server_that_requires_rdma_refuses_tcp(void **state)
{
	(void)state;
	struct gw_client *c;
	struct net net;
	uint8_t number[8];
	net_start(&net, GW_TRANSPORT_RDMA);
	assert_int_equal(gw_client_connect(net.name, &c, NULL), GW_OK);
	assert_int_not_equal(gw_client_call(c, GW_CMD_DEVICE_COUNT, NULL, 0, number, 8), GW_OK);
	gw_client_close(c);
	net_stop(&net);
	assert_int_equal(net.servers[0].end, GW_ERR_UNSUPPORTED);
	assert_non_null(strstr(net.servers[0].why.text, "allows only RDMA, but the client announces no RDMA"));
}

/* Lets the nth setup call of either side fail, for each n until no call is left. Each time a connection is made.
 * Returns how many stayed on TCP. */
static unsigned every_setup_call_fails_once(const char *over_rdma)
{
	unsigned n = 0, on_rdma = 0, on_tcp = 0;
	struct gw_error err;
	do {
		fake_fail_any(++n);
		const char *name = round_trip(GW_TRANSPORT_AUTO, &err);
		if (!name)
			fail_msg("call %u: %s", n, err.text);
		on_rdma += strcmp(name, over_rdma) == 0;
		on_tcp += strcmp(name, "tcp") == 0;
		assert_int_equal(on_rdma + on_tcp, n);
	} while (fake_struck() && n < 200);
	assert_true(on_rdma >= 1);
	return on_tcp;
}

static void one_sided_failure_leaves_ggwire_ends_on_tcp(void **state)
{
	(void)state;
	fake_usual();
	/* The server makes two probes and two activations, the client one activation. Failures of the server's first
	 * probe and activation do not matter. */
	assert_true(every_setup_call_fails_once("rdma") >= 15);
}

static void stock_ends_reconnect_after_a_one_sided_failure(void **state)
{
	(void)state;
	fake_usual();
	setenv("GGML_RPC_STOCK", "1", 1);
	assert_true(every_setup_call_fails_once("rdma, stock path") >= 15);
	assert_true(reconnects >= 4);
}

/* Later failures end the connection. Nothing hangs, and nothing leaks. */
static void later_failures_end_the_connection(void **state)
{
	(void)state;
	static const char *const calls[] = {"post_send", "post_recv", "poll_cq", "req_notify_cq", "get_cq_event"};
	fake_usual();
	for (int stock = 0; stock < 2; stock++) {
		setenv("GGML_RPC_STOCK", stock ? "1" : "0", 1);
		for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
			for (unsigned n = 1; n < 120; n += 1 + n / 4) {
				struct gw_client *c;
				struct gw_error err;
				struct net net;
				uint64_t start = gw_clock_ns();
				net_start(&net, GW_TRANSPORT_AUTO);
				fake_fail(calls[i], n);
				if (gw_client_connect(net.name, &c, &err) == GW_OK) {
					(void)use(c);
					gw_client_close(c);
				}
				net_stop(&net);
				assert_true(gw_clock_ns() - start < UINT64_C(4000000000));
				logged[0] = '\0';
			}
		}
	}
	assert_int_equal(fake_count().qps, 0);
}

static void connections_leave_nothing_behind(void **state)
{
	(void)state;
	struct gw_error err;
	fake_usual();
	for (int i = 0; i < 200; i++) {
		setenv("GGML_RPC_STOCK", i % 2 ? "1" : "0", 1);
		assert_int_equal(strncmp(round_trip(GW_TRANSPORT_AUTO, &err), "rdma", 4), 0);
		struct fake_counts now = fake_count();
		assert_int_equal(now.contexts + now.pds + now.mrs + now.channels + now.cqs + now.qps, 0);
		logged[0] = '\0';
	}
}

/* A scripted stock client: its caps, and those of the reply. */
struct stock {
	struct gw_transport *tcp;
	struct gw_rdma *rdma;
	struct gw_rdma_address theirs;
	struct server server;
};

static void say(struct gw_transport *t, const void *bytes, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	assert_int_equal(t->ops->sendv(t, &iov, 1, NULL), GW_OK);
}

static void hear(struct gw_transport *t, void *bytes, size_t n)
{
	struct iovec iov = {bytes, n};
	size_t got;
	assert_int_equal(t->ops->recvv(t, &iov, 1, n, &got, NULL), GW_OK);
}

static void stock_hello(struct stock *s, const uint8_t *caps)
{
	uint8_t hello[33] = {GW_CMD_HELLO, 24}, answer[36];
	struct gw_wire_hello_rsp rsp;
	struct gw_transport *far;
	link_tcp(&s->tcp, &far);
	server_start(&s->server, far, &gw_dialect_newest);
	assert_int_equal(gw_rdma_open(s->tcp, GW_RDMA_ROCE, &s->rdma, NULL), GW_OK);
	struct gw_rdma_address ours;
	gw_rdma_local(s->rdma, &gw_rdma_stock_path, &ours);
	gw_rdma_caps_encode(&ours, hello + 9);
	if (caps)
		memcpy(hello + 9, caps, GW_UPGRADE_CAPS);
	say(s->tcp, hello, sizeof(hello));
	hear(s->tcp, answer, sizeof(answer));
	assert_true(gw_wire_hello_rsp_decode(answer + 8, 28, &rsp));
	if (caps)
		assert_false(gw_rdma_caps_any(rsp.caps));
	else
		assert_true(gw_rdma_caps_decode(rsp.caps, &s->theirs));
}

static void stock_stop(struct stock *s)
{
	gw_rdma_free(s->rdma);
	s->tcp->ops->close(s->tcp);
	server_join(&s->server);
	assert_int_equal(s->server.end, GW_ERR_CLOSED);
}

/* Sends in the units of the stock client. */
static void stock_request(struct gw_transport *t)
{
	const uint8_t cmd = GW_CMD_DEVICE_COUNT, size[8] = {0};
	uint8_t reply[16];
	say(t, &cmd, 1);
	say(t, size, 8);
	hear(t, reply, sizeof(reply));
	assert_int_equal(gw_le64(reply), 8);
}

static void serves_a_stock_client_over_rdma(void **state)
{
	(void)state;
	struct stock s;
	fake_usual();
	stock_hello(&s, NULL);
	assert_int_equal(gw_rdma_activate(s.rdma, &gw_rdma_stock_path, &s.theirs, NULL), GW_OK);
	s.tcp = gw_rdma_start(s.rdma);
	s.rdma = NULL;
	fake_forget_messages();
	stock_request(s.tcp);
	stock_request(s.tcp);
	const struct fake_message *m;
	static const uint32_t lengths[] = {1, 8, 8, 8, 1, 8, 8, 8};
	assert_int_equal(fake_messages(&m), 8);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(m[i].length, lengths[i]);
	stock_stop(&s);
}

static void serves_a_stock_client_that_fails_and_stays_on_tcp(void **state)
{
	(void)state;
	struct stock s;
	fake_usual();
	stock_hello(&s, NULL);
	stock_request(s.tcp);
	assert_int_equal(fake_count().qps, 1); /* ours; the server has destroyed its own */
	stock_stop(&s);
}

static void a_stock_client_may_leave_at_once(void **state)
{
	(void)state;
	struct stock s;
	fake_usual();
	stock_hello(&s, NULL);
	stock_stop(&s);
}

/* macOS announces this from 6.0 on: another transport, which queue pairs on Linux cannot reach. */
static const uint8_t apples[GW_UPGRADE_CAPS] = {17, 3, 0, 0, 9, 0, 0, 0, 0xfe, 0x80, [23] = 1};

static void foreign_caps_get_zeros(void **state)
{
	(void)state;
	static const uint8_t odd[][GW_UPGRADE_CAPS] = {
		{17, 0, 0, 0, 18, 0, 0, 0, 1},
		{17, 0, 0, 0, 17, 0, 0, 0, 0},
		{17, 0, 0, 1, 17, 0, 0, 1, 1},
		{[8] = 1},
	};
	fake_usual();
	for (size_t i = 0; i <= sizeof(odd) / sizeof(odd[0]); i++) {
		struct stock s;
		logged[0] = '\0';
		stock_hello(&s, i > 0 ? odd[i - 1] : apples);
		stock_request(s.tcp);
		/* Only this side's queue pair: the server has not created one. */
		assert_int_equal(fake_count().qps, 1);
		assert_non_null(strstr(logged, "what the client announces is not a queue pair on Linux"));
		stock_stop(&s);
	}
}

/* A server that replies to HELLO like a stock server of protocol 8.0 with these caps, and otherwise works like a ggwire
 * server. */
struct other_server {
	int listener;
	pthread_t thread;
};

static void *answer_with_apples_caps(void *arg)
{
	const struct other_server *o = arg;
	struct server server;
	struct gw_transport *t;
	uint8_t hello[33], answer[36] = {28, [8] = 8, [12] = 0};
	memcpy(answer + 12, apples, sizeof(apples));
	int fd = accept4(o->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0 || gw_transport_from_fd(fd, &t, NULL))
		abort();
	hear(t, hello, sizeof(hello));
	say(t, answer, sizeof(answer));
	/* The client has to reconnect. */
	fd = accept4(o->listener, NULL, NULL, SOCK_CLOEXEC);
	t->ops->close(t);
	if (fd < 0 || gw_transport_from_fd(fd, &t, NULL))
		abort();
	server_start(&server, t, &gw_dialect_newest);
	server_join(&server);
	return NULL;
}

static void a_client_reconnects_if_it_cannot_upgrade(void **state)
{
	(void)state;
	struct gw_endpoint ep, bound;
	struct other_server o;
	struct gw_client *c;
	char name[64];
	fake_usual();
	setenv("GGML_RPC_STOCK", "1", 1);
	assert_int_equal(gw_endpoint_parse("127.0.0.1:0", true, &ep, NULL), GW_OK);
	assert_int_equal(gw_transport_listen(&ep, 8, &o.listener, &bound, NULL), GW_OK);
	(void)fcntl(o.listener, F_SETFL, 0);
	gw_endpoint_format(&bound, name, sizeof(name));
	assert_int_equal(pthread_create(&o.thread, NULL, answer_with_apples_caps, &o), 0);
	assert_int_equal(gw_client_connect(name, &c, NULL), GW_OK);
	assert_string_equal(transport_of(c), "tcp");
	assert_int_equal(reconnects, 1);
	assert_non_null(strstr(logged, "what the server announces is not a queue pair on Linux"));
	assert_int_equal(fake_count().qps, 0);
	assert_int_equal(use(c), GW_OK);
	gw_client_close(c);
	pthread_join(o.thread, NULL);
	close(o.listener);
}

/* Requests to upgrade that the server must refuse. */
static void bad_offers_are_refused(void **state)
{
	(void)state;
	static const struct gw_rdma_address odd[] = {
		{0},
		{.kind = 1, .qpn = 17, .psn = 1},
		{.kind = 2, .qpn = 17},
		{.kind = 3, .qpn = 17, .gid = {1}, .lid = 1},
		{.kind = 1, .qpn = 1 << 24, .gid = {1}},
		{.kind = 1, .qpn = 17, .psn = 1 << 24, .gid = {1}},
		{.kind = 1, .qpn = 17, .mtu = 6, .gid = {1}},
	};
	fake_usual();
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct stock s;
		const struct gw_rdma_message offer = {.step = GW_RDMA_OFFER, .yes = true, .address = odd[i]};
		uint8_t request[9 + GW_RDMA_MESSAGE_MAX] = {GW_CMD_EXT_RDMA}, header[8], body[GW_RDMA_MESSAGE_MAX];
		struct gw_rdma_message reply;
		stock_hello(&s, NULL);
		size_t n = gw_rdma_message_encode(&offer, request + 9);
		gw_put_le64(request + 1, n);
		say(s.tcp, request, 9 + n);
		hear(s.tcp, header, 8);
		assert_true(gw_le64(header) <= sizeof(body));
		hear(s.tcp, body, gw_le64(header));
		assert_true(gw_rdma_message_decode(body, gw_le64(header), GW_RDMA_OFFER, &reply));
		assert_false(reply.yes);
		assert_true(reply.reason[0] != '\0');
		assert_int_equal(reply.cause, GW_UPGRADE_CAUSE_NOT_OFFERED);
		stock_request(s.tcp);
		stock_stop(&s);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ggwire_ends_upgrade),
		CASE(ggwire_ends_choose_their_own_parameters),
		CASE(stock_ends_use_the_stock_path),
		CASE(infiniband_uses_the_lid),
		CASE(stays_on_tcp_and_logs_why),
		CASE(a_path_that_loses_packets_is_noticed_before_it_is_used),
		CASE(a_server_without_rdma_reports_it),
		CASE(a_client_without_rdma_is_served),
		CASE(required_rdma_refuses_tcp_and_says_why),
		CASE(tls_stays_unless_both_ends_allow_plaintext),
		CASE(a_server_that_requires_rdma_refuses_tcp),
		CASE(one_sided_failure_leaves_ggwire_ends_on_tcp),
		CASE(stock_ends_reconnect_after_a_one_sided_failure),
		CASE(later_failures_end_the_connection),
		CASE(connections_leave_nothing_behind),
		CASE(serves_a_stock_client_over_rdma),
		CASE(serves_a_stock_client_that_fails_and_stays_on_tcp),
		CASE(a_stock_client_may_leave_at_once),
		CASE(foreign_caps_get_zeros),
		CASE(a_client_reconnects_if_it_cannot_upgrade),
		CASE(bad_offers_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
