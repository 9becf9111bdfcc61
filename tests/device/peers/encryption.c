/* Encrypted links between two servers: which keys fit, and when RDMA may replace the encryption. A libibverbs in this
 * process replaces the RDMA device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "device/peers/encryption.h"
#include "device/peers/link.h"
#include "transport/tls/tls.h"
#ifdef GGWIRE_TEST_RDMA
#include "transport/fake_verbs.h"
#endif

#define SIZE ((size_t)1 << 20)

struct end {
	pthread_t thread;
	int fd;
	struct gw_link_terms terms;
	struct gw_link *link;
	enum gw_status status;
	struct gw_error err;
	uint8_t out[SIZE], in[SIZE];
};

static struct end ends[2];

static void connect_ends(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ends[0].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(ends[0].fd, (struct sockaddr *)&at, len), 0);
	ends[1].fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
}

static void *link_main(void *arg)
{
	struct end *e = arg;
	e->status = gw_link_new(e->fd, &e->terms, &e->link, &e->err);
	return NULL;
}

static void *exchange_main(void *arg)
{
	struct end *e = arg;
	const struct gw_link_message message = {
		.link = e->link, .kind = GW_PEERS_ALL, .out = e->out, .out_size = SIZE, .in = e->in, .in_size = SIZE};
	e->status = gw_links_exchange(&message, 1, &e->err);
	return NULL;
}

static void run_both(void *(*main)(void *))
{
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&ends[i].thread, NULL, main, &ends[i]), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_join(ends[i].thread, NULL), 0);
}

static void prepare(enum gw_transport_mode mode)
{
	memset(ends, 0, sizeof(ends));
	connect_ends();
	for (size_t i = 0; i < 2; i++) {
		ends[i].terms = (struct gw_link_terms){.opened = i == 0,
			.is_encrypted = true,
			.keeps_encrypted = true,
			.mode = mode,
			.secret = {1},
			.proof = {2}};
		memset(ends[i].out, (int)(i + 1), SIZE);
	}
}

/* Both directions work on the link as it is. */
static void check_link(void)
{
	for (size_t i = 0; i < 2; i++)
		if (ends[i].status)
			fail_msg("%s", ends[i].err.text);
	for (size_t k = 0; k < 3; k++) {
		run_both(exchange_main);
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(ends[i].status, GW_OK);
			assert_memory_equal(ends[i].in, ends[1 - i].out, SIZE);
		}
	}
}

static void close_both(void)
{
	for (size_t i = 0; i < 2; i++)
		gw_link_free(ends[i].link);
}

static void both_secrets_make_the_key(void **state)
{
	(void)state;
	prepare(GW_TRANSPORT_AUTO);
	run_both(link_main);
	check_link();
	close_both();
	for (size_t i = 0; i < 2; i++) {
		prepare(GW_TRANSPORT_AUTO);
		(i == 0 ? ends[0].terms.secret : ends[0].terms.proof)[31] ^= 1;
		run_both(link_main);
		assert_int_equal(ends[0].status, GW_ERR_INVALID);
		assert_int_equal(ends[1].status, GW_ERR_INVALID);
		close_both();
	}
}

/* The other end answers as one without encryption does. */
static void there_is_no_link_without_encryption(void **state)
{
	(void)state;
	prepare(GW_TRANSPORT_AUTO);
	ends[1].terms.is_encrypted = false;
	run_both(link_main);
	assert_int_equal(ends[0].status, GW_ERR_PROTOCOL);
	close_both();
}

/* The first 32 bytes of RFC 5869, A.3, which has neither salt nor label. */
static void keys_are_derived_as_the_standard_has_it(void **state)
{
	static const uint8_t expected[GW_TLS_DERIVED] = {0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f,
		0x80, 0x2a, 0x06, 0x3c, 0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1, 0x87, 0x9e, 0xc3, 0x45, 0x4e,
		0x5f, 0x3c, 0x73, 0x8d, 0x2d};
	uint8_t input[22], out[GW_TLS_DERIVED];
	(void)state;
	memset(input, 0x0b, sizeof(input));
	assert_int_equal(gw_tls_derive(input, sizeof(input), "", out, NULL), GW_OK);
	assert_memory_equal(out, expected, sizeof(out));
	assert_int_equal(gw_tls_derive(input, sizeof(input), "a", out, NULL), GW_OK);
	assert_memory_not_equal(out, expected, sizeof(out));
}

#ifdef GGWIRE_TEST_RDMA
/* Each end for itself can insist on encryption. */
static void rdma_is_for_those_who_allow_it_on_both_ends(void **state)
{
	(void)state;
	for (unsigned kept = 0; kept < 4; kept++) {
		fake_start();
		fake_usual();
		prepare(GW_TRANSPORT_AUTO);
		ends[0].terms.keeps_encrypted = kept & 1;
		ends[1].terms.keeps_encrypted = kept & 2;
		run_both(link_main);
		check_link();
		assert_int_equal(fake_count().qps, kept == 0 ? 2 : 0);
		close_both();
		assert_int_equal(fake_stop(), 0);
	}
}

static void required_rdma_ends_the_link(void **state)
{
	(void)state;
	fake_start();
	fake_usual();
	prepare(GW_TRANSPORT_RDMA);
	run_both(link_main);
	assert_int_equal(ends[0].status, GW_ERR_UNSUPPORTED);
	assert_non_null(strstr(ends[0].err.text, "--rdma-plaintext"));
	close_both();
	assert_int_equal(fake_stop(), 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_secrets_make_the_key),
		cmocka_unit_test(there_is_no_link_without_encryption),
		cmocka_unit_test(keys_are_derived_as_the_standard_has_it),
#ifdef GGWIRE_TEST_RDMA
		cmocka_unit_test(rdma_is_for_those_who_allow_it_on_both_ends),
		cmocka_unit_test(required_rdma_ends_the_link),
#endif
	};
	gw_log_set_level(GW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
