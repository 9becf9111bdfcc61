/* All-reduce with another server, compared byte for byte. A script plays the other server. */
#include "device/rig.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device/peers/communicator.h"
#include "device/peers/sum.h"
#include "transport/list/pairing.h"

#define CAPS 24

struct state {
	struct gw_server *server;
	struct rig rig;
	struct gw_client *client;
	struct gw_pairing asked; /* the last request to the server's hook */
	unsigned n_asked;
	bool refuse;
	atomic_int other; /* the script's end of the connection */
};

static enum gw_status pair(
	void *user, const char *client, const struct gw_pairing *pairing, int *fd, struct gw_error *err)
{
	struct state *st = user;
	int fds[2];
	(void)client;
	st->asked = *pairing;
	st->n_asked++;
	if (st->refuse)
		return gw_error_set(err, GW_ERR_SYSTEM, "refused");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*fd = fds[0];
	st->other = fds[1];
	return GW_OK;
}

static int setup(void **out)
{
	static struct state st;
	struct gw_server_options options = rig_options();

	memset(&st, 0, sizeof(st));
	atomic_init(&st.other, -1);
	options.pair = pair;
	options.pair_user = &st;
	st.server = rig_server(&options);
	st.client = rig_client(&st.rig, st.server);
	*out = &st;
	return 0;
}

static int teardown(void **in)
{
	struct state *st = *in;

	if (st->client)
		rig_leave(&st->rig, st->client);
	if (st->other >= 0)
		close(st->other);
	gw_server_free(st->server);
	return 0;
}

static void receive(const struct state *st, void *to, size_t n)
{
	assert_int_equal(recv(st->other, to, n, MSG_WAITALL), n);
}

/* Sends in a separate thread, because the data exceeds the socket buffer. */
struct sending {
	pthread_t thread;
	int fd;
	const void *bytes;
	size_t n;
};

static void *send_main(void *arg)
{
	const struct sending *s = arg;
	for (size_t done = 0; done < s->n;) {
		ssize_t sent = send(s->fd, (const uint8_t *)s->bytes + done, s->n - done, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
		done += (size_t)sent;
	}
	return NULL;
}

static void send_begin(struct sending *s, const struct state *st, const void *bytes, size_t n)
{
	*s = (struct sending){.fd = st->other, .bytes = bytes, .n = n};
	assert_int_equal(pthread_create(&s->thread, NULL, send_main, s), 0);
}

static void send_end(const struct sending *s)
{
	assert_int_equal(pthread_join(s->thread, NULL), 0);
}

static bool ask(struct state *st, uint32_t device, uint32_t rank, uint32_t world)
{
	struct gw_wire_comm_init_req req = {device, rank, world, 31000, "127.0.0.1"};
	uint8_t body[GW_WIRE_MAX_FIXED], answer;
	struct iovec part = {body, gw_wire_comm_init_req_encode(&req, body)};
	assert_int_equal(gw_client_call(st->client, GW_CMD_COMM_INIT, &part, 1, &answer, 1), GW_OK);
	return answer != 0;
}

/* The script answers before the request arrives: the replies fit into the socket buffer. */
static void join(struct state *st, uint32_t rank)
{
	static const uint8_t zeros[CAPS];
	uint8_t got[CAPS] = {1}, answer = 0;
	struct gw_wire_comm_init_req req = {0, rank, 2, 31000, "127.0.0.1"};
	const struct gw_dest dest = {&answer, 1, 1, 1};
	uint8_t body[GW_WIRE_MAX_FIXED];
	struct iovec part = {body, gw_wire_comm_init_req_encode(&req, body)};
	uint64_t ticket;
	assert_int_equal(gw_client_get(st->client, GW_CMD_COMM_INIT, &part, 1, &dest, &ticket), GW_OK);
	for (int i = 0; i < 500 && st->other < 0; i++)
		usleep(10000);
	assert_true(st->other >= 0);
	assert_int_equal(send(st->other, zeros, CAPS, MSG_NOSIGNAL), CAPS);
	receive(st, got, CAPS);
	assert_memory_equal(got, zeros, CAPS);
	assert_int_equal(gw_client_drain(st->client, ticket), GW_OK);
	assert_int_equal(answer, 1);
	assert_int_equal(st->asked.listens, rank == 0);
	assert_int_equal(st->asked.port, 31000);
	assert_string_equal(st->asked.host, "127.0.0.1");
}

static void post(struct state *st, enum gw_cmd cmd, const void *body, size_t n)
{
	struct iovec part = {(void *)(uintptr_t)body, n};
	assert_int_equal(gw_client_post(st->client, cmd, &part, 1), GW_OK);
	assert_int_equal(gw_client_flush(st->client), GW_OK);
}

static void reduce(struct state *st, const struct gw_wire_tensor *t)
{
	struct gw_wire_allreduce_req req = {0, *t};
	uint8_t body[GW_WIRE_MAX_FIXED];
	post(st, GW_CMD_COMM_ALLREDUCE, body, gw_wire_allreduce_req_encode(gw_client_dialect(st->client), &req, body));
}

/* Numbers of all magnitudes, with random mantissas. */
static float *numbers(size_t n, uint64_t seed)
{
	float *values = malloc(n * sizeof(*values));
	assert_non_null(values);
	for (size_t i = 0; i < n; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		values[i] = ldexpf((float)(int32_t)(seed >> 32), (int)(seed >> 8 & 15) - 40);
	}
	return values;
}

/* Runs one all-reduce of n numbers and checks the bytes sent and the result. */
static void check(struct state *st, uint32_t n)
{
	bool bf16 = n >= 32768;
	size_t size = n * (bf16 ? 2 : 4);
	float *mine = numbers(n, n), *theirs = numbers(n, n + 1), *sum = malloc(n * sizeof(float));
	uint8_t *got = malloc(size), *expected = malloc(size), *sent = malloc(size);
	struct sending sending;
	if (bf16) {
		ggml_fp32_to_bf16_row(mine, (ggml_bf16_t *)(void *)expected, n);
		ggml_fp32_to_bf16_row(theirs, (ggml_bf16_t *)(void *)sent, n);
		ggml_bf16_to_fp32_row((const ggml_bf16_t *)(const void *)sent, theirs, n);
	} else {
		memcpy(expected, mine, size);
		memcpy(sent, theirs, size);
	}
	struct rig_buffer buffer = rig_alloc(st->client, n * sizeof(float));
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &buffer, 0, n, 1);
	rig_set(st->client, &t, 0, mine, n * sizeof(float));
	reduce(st, &t);
	send_begin(&sending, st, sent, size);
	receive(st, got, size);
	send_end(&sending);
	assert_memory_equal(got, expected, size);
	rig_get(st->client, &t, 0, sum, n * sizeof(float));
	for (uint32_t i = 0; i < n; i++)
		mine[i] += theirs[i];
	assert_memory_equal(sum, mine, n * sizeof(float));
	rig_free(st->client, &buffer);
	free(mine);
	free(theirs);
	free(sum);
	free(got);
	free(expected);
	free(sent);
}

static void check_sizes(struct state *st)
{
	static const uint32_t sizes[] = {1, 3, 4096, 32767, 32768, 32769, 1000003};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check(st, sizes[i]);
}

static void rank_0_adds_up(void **in)
{
	join(*in, 0);
	check_sizes(*in);
}

static void rank_1_adds_up(void **in)
{
	join(*in, 1);
	check_sizes(*in);
}

static void unsupported_requests_get_a_no(void **in)
{
	struct state *st = *in;
	assert_false(ask(st, 1, 0, 2));
	assert_false(ask(st, 0, 2, 2));
	assert_false(ask(st, 0, 0, 3));
	assert_int_equal(st->n_asked, 0);
	st->refuse = true;
	assert_false(ask(st, 0, 0, 2));
	assert_int_equal(st->n_asked, 1);
}

/* The connection between two servers is not encrypted. */
static void encrypted_clients_are_refused_a_communicator(void **in)
{
	struct state *st = *in;
	memcpy(st->rig.far->identity, "alice", sizeof("alice"));
	assert_false(ask(st, 0, 0, 2));
	assert_false(ask(st, 0, 1, 2));
	assert_int_equal(st->n_asked, 0);
}

static void the_second_communicator_is_the_first(void **in)
{
	struct state *st = *in;
	join(st, 0);
	assert_true(ask(st, 0, 1, 2));
	assert_int_equal(st->n_asked, 1);
	check(st, 16);
}

static void a_peer_without_a_handshake_means_no(void **in)
{
	struct state *st = *in;
	const struct gw_dest dest = {&(uint8_t){7}, 1, 1, 1};
	struct gw_wire_comm_init_req req = {0, 0, 2, 31000, ""};
	uint8_t body[GW_WIRE_MAX_FIXED];
	struct iovec part = {body, gw_wire_comm_init_req_encode(&req, body)};
	uint64_t ticket;
	assert_int_equal(gw_client_get(st->client, GW_CMD_COMM_INIT, &part, 1, &dest, &ticket), GW_OK);
	for (int i = 0; i < 500 && st->other < 0; i++)
		usleep(10000);
	shutdown(st->other, SHUT_WR);
	assert_int_equal(gw_client_drain(st->client, ticket), GW_OK);
	assert_int_equal(*(uint8_t *)dest.base, 0);
}

/* Expects the session to end with an error that contains the text. */
static void expect_end(struct state *st, const char *text)
{
	rig_join(&st->rig);
	gw_client_close(st->client);
	st->client = NULL;
	if (!strstr(st->rig.why.text, text))
		fail_msg("%s", st->rig.why.text);
	assert_int_not_equal(st->rig.end, GW_ERR_CLOSED);
}

static void all_reduce_without_a_communicator_is_an_error(void **in)
{
	struct state *st = *in;
	struct rig_buffer buffer = rig_alloc(st->client, 64);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &buffer, 0, 16, 1);
	reduce(st, &t);
	expect_end(st, "no communicator");
}

static void freeing_it_closes_the_connection(void **in)
{
	struct state *st = *in;
	uint8_t body[GW_WIRE_MAX_FIXED], byte;
	join(st, 0);
	post(st, GW_CMD_COMM_FREE, body, gw_wire_device_req_encode(0, body));
	assert_int_equal(recv(st->other, &byte, 1, 0), 0);
	close(st->other);
	st->other = -1;
	join(st, 1);
	check(st, 16);
}

static void a_server_that_dies_ends_the_session_by_name(void **in)
{
	struct state *st = *in;
	struct rig_buffer buffer = rig_alloc(st->client, 64);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &buffer, 0, 16, 1);
	join(st, 0);
	close(st->other);
	st->other = -1;
	reduce(st, &t);
	expect_end(st, "server at ");
}

/* GGML_RPC_TIMEOUT is one second in this test. */
static void a_server_that_hangs_ends_the_session(void **in)
{
	struct state *st = *in;
	struct rig_buffer buffer = rig_alloc(st->client, 64);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &buffer, 0, 16, 1);
	join(st, 0);
	reduce(st, &t);
	expect_end(st, "server at ");
}

static void refuses(struct state *st, const struct gw_wire_tensor *t, const char *why)
{
	join(st, 0);
	reduce(st, t);
	expect_end(st, why);
}

static void only_f32_is_added(void **in)
{
	struct state *st = *in;
	struct rig_buffer buffer = rig_alloc(st->client, 64);
	struct gw_wire_tensor t = rig_tensor(rig_type("f16"), &buffer, 0, 16, 1);
	refuses(st, &t, "F32");
}

static void only_contiguous_tensors_are_added(void **in)
{
	struct state *st = *in;
	struct rig_buffer buffer = rig_alloc(st->client, 64);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &buffer, 0, 2, 2);
	t.nb[1] = 32;
	refuses(st, &t, "contiguous");
}

static void tensors_outside_of_their_buffer_are_refused(void **in)
{
	struct state *st = *in;
	struct rig_buffer buffer = rig_alloc(st->client, 64);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &buffer, 0, (uint32_t)buffer.size, 1);
	refuses(st, &t, "not inside");
}

/* Compares every bit pattern that matters to rounding with ggml's own conversion. */
static void rounding_is_that_of_ggml(void **in)
{
	(void)in;
	for (uint32_t high = 0; high < 0x10000; high++) {
		static const uint16_t lows[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
		for (size_t i = 0; i < sizeof(lows) / sizeof(lows[0]); i++) {
			uint32_t bits = high << 16 | lows[i];
			float value;
			uint16_t ours;
			ggml_bf16_t theirs;
			memcpy(&value, &bits, sizeof(value));
			gw_sum_to_bf16(&value, &ours, 1);
			ggml_fp32_to_bf16_row_ref(&value, &theirs, 1);
			assert_int_equal(ours, theirs.bits);
		}
	}
}

int main(void)
{
	setenv("GGML_RPC_TIMEOUT", "1", 1);
	setenv("GGML_RPC_TRANSPORT", "tcp", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rank_0_adds_up, setup, teardown),
		cmocka_unit_test_setup_teardown(rank_1_adds_up, setup, teardown),
		cmocka_unit_test_setup_teardown(unsupported_requests_get_a_no, setup, teardown),
		cmocka_unit_test_setup_teardown(encrypted_clients_are_refused_a_communicator, setup, teardown),
		cmocka_unit_test_setup_teardown(the_second_communicator_is_the_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_peer_without_a_handshake_means_no, setup, teardown),
		cmocka_unit_test_setup_teardown(all_reduce_without_a_communicator_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(freeing_it_closes_the_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_dies_ends_the_session_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_hangs_ends_the_session, setup, teardown),
		cmocka_unit_test_setup_teardown(only_f32_is_added, setup, teardown),
		cmocka_unit_test_setup_teardown(only_contiguous_tensors_are_added, setup, teardown),
		cmocka_unit_test_setup_teardown(tensors_outside_of_their_buffer_are_refused, setup, teardown),
		cmocka_unit_test(rounding_is_that_of_ggml),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
