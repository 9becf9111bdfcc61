/* All-reduce between two ggwire servers: over TCP, and over RDMA with the stock message format. A libibverbs in this
 * process replaces the RDMA device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ggml.h>

#include "base/log.h"
#include "device/peers/communicator.h"
#ifdef GGWIRE_TEST_RDMA
#include "transport/fake_verbs.h"
#endif

#define MAX_N 300001

struct rank {
	pthread_t thread;
	int fd;
	bool listened;
	enum gw_transport_mode mode;
	struct gw_communicator *c;
	struct gw_error err;
	enum gw_status status;
	float *values;
	size_t n;
};

static void connect_ranks(struct rank ranks[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ranks[0].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(ranks[0].fd, (struct sockaddr *)&at, len), 0);
	ranks[1].fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
}

static void *open_main(void *arg)
{
	struct rank *r = arg;
	r->status = gw_communicator_new(r->fd, r->listened, r->mode, &r->c, &r->err);
	return NULL;
}

static void *reduce_main(void *arg)
{
	struct rank *r = arg;
	const struct gw_buffer host = {.is_host = true};
	struct gw_tensor t = {.buffer = &host, .nbytes = r->n * sizeof(float)};
	t.ggml = (struct ggml_tensor){.type = GGML_TYPE_F32, .ne = {(int64_t)r->n, 1, 1, 1}, .data = r->values};
	r->status = gw_communicator_reduce(r->c, &t, &r->err);
	return NULL;
}

static void run_both(struct rank ranks[2], void *(*main)(void *))
{
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&ranks[i].thread, NULL, main, &ranks[i]), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_join(ranks[i].thread, NULL), 0);
}

static void open_both(struct rank ranks[2], enum gw_transport_mode mode)
{
	memset(ranks, 0, 2 * sizeof(*ranks));
	connect_ranks(ranks);
	ranks[1].listened = true;
	for (size_t i = 0; i < 2; i++) {
		ranks[i].mode = mode;
		ranks[i].values = malloc(MAX_N * sizeof(float));
		assert_non_null(ranks[i].values);
	}
	run_both(ranks, open_main);
	for (size_t i = 0; i < 2; i++)
		if (ranks[i].status)
			fail_msg("%s", ranks[i].err.text);
}

static void close_both(struct rank ranks[2])
{
	for (size_t i = 0; i < 2; i++) {
		gw_communicator_free(ranks[i].c);
		free(ranks[i].values);
	}
}

static float value(size_t rank, size_t i)
{
	return ldexpf((float)((i * 2654435761U + rank * 40503) % 16777213), (int)(i % 9) - 12) * (i % 3 ? 1.0f : -1.0f);
}

static float rounded(float x)
{
	ggml_bf16_t half;
	float back;
	ggml_fp32_to_bf16_row_ref(&x, &half, 1);
	ggml_bf16_to_fp32_row(&half, &back, 1);
	return back;
}

/* As the protocol defines it: a server never rounds its own values, and rounds the peer's from 32,768 elements on. */
static void expect_sums(const struct rank *r, size_t rank)
{
	bool bf16 = r->n >= 32768;
	for (size_t i = 0; i < r->n; i++) {
		float theirs = value(1 - rank, i), sum = value(rank, i) + (bf16 ? rounded(theirs) : theirs);
		uint32_t got, expected;
		memcpy(&got, &r->values[i], sizeof(got));
		memcpy(&expected, &sum, sizeof(expected));
		if (got != expected)
			fail_msg("rank %zu of %zu elements: %g at %zu, not %g", rank, r->n, (double)r->values[i], i,
				(double)sum);
	}
}

static void reduce_sizes(struct rank ranks[2])
{
	static const size_t sizes[] = {1, 2, 1023, 4096, 12288, 16385, 32767, 32768, 32769, 65536, MAX_N};
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		for (size_t rank = 0; rank < 2; rank++) {
			ranks[rank].n = sizes[k];
			for (size_t i = 0; i < sizes[k]; i++)
				ranks[rank].values[i] = value(rank, i);
		}
		run_both(ranks, reduce_main);
		for (size_t rank = 0; rank < 2; rank++) {
			if (ranks[rank].status)
				fail_msg("%s", ranks[rank].err.text);
			expect_sums(&ranks[rank], rank);
		}
		if (sizes[k] < 32768)
			assert_memory_equal(ranks[0].values, ranks[1].values, sizes[k] * sizeof(float));
	}
}

static void all_sizes_add_up_over_tcp(void **state)
{
	(void)state;
	struct rank ranks[2];
	open_both(ranks, GW_TRANSPORT_TCP);
	reduce_sizes(ranks);
	close_both(ranks);
}

static void required_rdma_refuses_tcp(void **state)
{
	(void)state;
	struct rank ranks[2];
	memset(ranks, 0, sizeof(ranks));
	connect_ranks(ranks);
	ranks[1].listened = true;
	ranks[0].mode = GW_TRANSPORT_TCP;
	ranks[1].mode = GW_TRANSPORT_RDMA;
	run_both(ranks, open_main);
	assert_int_equal(ranks[0].status, GW_OK);
	assert_int_equal(ranks[1].status, GW_ERR_UNSUPPORTED);
	gw_communicator_free(ranks[0].c);
}

#ifdef GGWIRE_TEST_RDMA
static void all_sizes_add_up_over_rdma(void **state)
{
	(void)state;
	const struct fake_message *messages;
	struct rank ranks[2];
	fake_start();
	fake_usual();
	open_both(ranks, GW_TRANSPORT_RDMA);
	assert_int_equal(fake_count().qps, 2);
	fake_forget_messages();
	reduce_sizes(ranks);
	assert_true(fake_messages(&messages) > 22);
	close_both(ranks);
	assert_int_equal(fake_stop(), 0);
}

/* Each round makes another RDMA resource unavailable. Either both ends agree on TCP, or one of them reports an
 * error. */
static void rdma_failures_do_not_hang(void **state)
{
	(void)state;
	bool struck = true;
	for (unsigned nth = 1; struck; nth++) {
		struct rank ranks[2];
		memset(ranks, 0, sizeof(ranks));
		fake_start();
		fake_usual();
		connect_ranks(ranks);
		ranks[1].listened = true;
		fake_fail_any(nth);
		run_both(ranks, open_main);
		struck = fake_struck();
		gw_communicator_free(ranks[0].status ? NULL : ranks[0].c);
		gw_communicator_free(ranks[1].status ? NULL : ranks[1].c);
		assert_int_equal(fake_stop(), 0);
		assert_true(nth < 100);
	}
}
#endif

int main(void)
{
	gw_log_set_level(GW_LOG_ERROR);
	setenv("GGML_RPC_TIMEOUT", "2", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_sizes_add_up_over_tcp),
		cmocka_unit_test(required_rdma_refuses_tcp),
#ifdef GGWIRE_TEST_RDMA
		cmocka_unit_test(all_sizes_add_up_over_rdma),
		cmocka_unit_test(rdma_failures_do_not_hang),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
