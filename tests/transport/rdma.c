/* RDMA features beyond the common transport contract: how payloads travel, hostile peers, and the cost of waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "transport/fake_verbs.h"
#include "transport/rdma/work.h"
#include "transport/rdma_link.h"

#define BULK ((size_t)10 << 20)

static const struct gw_rdma_path *const paths[] = {&gw_rdma_stock_path, &gw_rdma_ggwire_path};

static struct gw_transport *near, *far;

static int setup(void **state)
{
	(void)state;
	near = far = NULL;
	gw_log_set_level(GW_LOG_WARN);
	unsetenv("GGML_RPC_SPIN_US");
	fake_start();
	fake_usual();
	return 0;
}

static void end(struct gw_transport **t)
{
	if (*t)
		(*t)->ops->close(*t);
	*t = NULL;
}

static int teardown(void **state)
{
	(void)state;
	end(&near);
	end(&far);
	return fake_stop() ? -1 : 0;
}

static void link_over(const struct gw_rdma_path *path)
{
	struct gw_error err;
	if (link_rdma(path, &near, &far, &err))
		fail_msg("%s", err.text);
	fake_forget_messages();
}

static enum gw_status send_bytes(struct gw_transport *t, const void *bytes, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	return t->ops->sendv(t, &iov, 1, NULL);
}

static enum gw_status recv_bytes(struct gw_transport *t, void *bytes, size_t n, struct gw_error *err)
{
	struct iovec iov = {bytes, n};
	size_t got;
	return t->ops->recvv(t, &iov, 1, n, &got, err);
}

struct transfer {
	pthread_t thread;
	const struct iovec *iov;
	int n;
	enum gw_status status;
	atomic_bool done;
};

static void *send_main(void *arg)
{
	struct transfer *t = arg;
	t->status = near->ops->sendv(near, t->iov, t->n, NULL);
	return NULL;
}

static void *receive_main(void *arg)
{
	struct transfer *t = arg;
	size_t got;
	t->status = near->ops->recvv(near, t->iov, t->n, 1, &got, NULL);
	atomic_store(&t->done, true);
	return NULL;
}

static uint8_t *pattern(size_t n)
{
	uint8_t *bytes = malloc(n);
	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 9));
	return bytes;
}

/* Sends a short, a long and a short element, and receives them in pieces of this size. */
static void transfer(size_t piece)
{
	uint8_t *out = pattern(BULK), *in = calloc(1, BULK);
	struct iovec iov[] = {{out, 300}, {out + 300, BULK - 1300}, {out + BULK - 1000, 1000}};
	struct transfer t = {.iov = iov, .n = 3};
	assert_non_null(in);
	assert_int_equal(pthread_create(&t.thread, NULL, send_main, &t), 0);
	for (size_t done = 0; done < BULK; done += piece)
		assert_int_equal(recv_bytes(far, in + done, BULK - done < piece ? BULK - done : piece, NULL), GW_OK);
	pthread_join(t.thread, NULL);
	assert_int_equal(t.status, GW_OK);
	assert_memory_equal(in, out, BULK);
	free(out);
	free(in);
}

static size_t count(enum ibv_wr_opcode opcode, uint32_t *longest)
{
	const struct fake_message *m;
	size_t n = fake_messages(&m), found = 0;
	*longest = 0;
	for (size_t i = 0; i < n; i++) {
		if (m[i].opcode != opcode)
			continue;
		found++;
		*longest = m[i].length > *longest ? m[i].length : *longest;
	}
	return found;
}

static void long_payloads_are_read_in_place(void **state)
{
	(void)state;
	uint32_t longest;
	link_over(&gw_rdma_ggwire_path);
	int regions = fake_count().mrs;
	transfer(BULK);
	assert_true(count(IBV_WR_SEND, &longest) < 20);
	assert_true(longest < 2000);
	assert_true(count(IBV_WR_RDMA_READ, &longest) >= 30);
	transfer(300000);
	transfer(70000);
	assert_int_equal(fake_count().mrs, regions);
	assert_int_equal(fake_rnr(), 0);
}

static void short_receives_of_long_payloads_use_slots(void **state)
{
	(void)state;
	link_over(&gw_rdma_ggwire_path);
	int regions = fake_count().mrs;
	transfer(5000);
	assert_int_equal(fake_count().mrs, regions);
}

static void read_only_memory_is_sent_in_place(void **state)
{
	(void)state;
	uint32_t longest;
	size_t n = 1 << 20;
	uint8_t *in = malloc(n);
	void *file = mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov = {file, n};
	struct transfer t = {.iov = &iov, .n = 1};
	assert_ptr_not_equal(file, MAP_FAILED);
	link_over(&gw_rdma_ggwire_path);
	assert_int_equal(pthread_create(&t.thread, NULL, send_main, &t), 0);
	assert_int_equal(recv_bytes(far, in, n, NULL), GW_OK);
	pthread_join(t.thread, NULL);
	assert_int_equal(t.status, GW_OK);
	assert_memory_equal(in, file, n);
	assert_true(count(IBV_WR_RDMA_READ, &longest) > 0);
	munmap(file, n);
	free(in);
}

/* The payload arrives even if either end cannot register its memory. */
static void unregistrable_memory_is_copied(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth < 8; nth++) {
		link_over(&gw_rdma_ggwire_path);
		fake_fail("reg_mr", nth);
		transfer(BULK);
		fake_fail("", 0);
		transfer(BULK);
		end(&near);
		end(&far);
	}
	assert_int_equal(fake_rnr(), 0);
}

/* Sends n bytes and receives them elsewhere. */
static void move(void *from, void *to, size_t n)
{
	struct iovec iov = {from, n};
	struct transfer t = {.iov = &iov, .n = 1};
	assert_int_equal(pthread_create(&t.thread, NULL, send_main, &t), 0);
	assert_int_equal(recv_bytes(far, to, n, NULL), GW_OK);
	pthread_join(t.thread, NULL);
	assert_int_equal(t.status, GW_OK);
	assert_memory_equal(from, to, n);
}

static void registrations_are_cached_until_forgotten(void **state)
{
	(void)state;
	size_t n = GW_RDMA_PIECE + BULK; /* needs two pieces */
	uint8_t *out = pattern(n), *in = calloc(1, n);
	assert_non_null(in);
	link_over(&gw_rdma_ggwire_path);
	int regions = fake_count().mrs;
	far->ops->register_memory(far, in, n);
	assert_int_equal(fake_count().mrs, regions);
	move(out, in, BULK);
	assert_int_equal(fake_count().mrs, regions + 1);
	move(out, in, n);
	assert_int_equal(fake_count().mrs, regions + 2);
	near->ops->register_memory(near, out, n);
	move(out + 1, in + 1, n - 1);
	assert_int_equal(fake_count().mrs, regions + 4);
	near->ops->unregister_memory(near, out + 1);
	assert_int_equal(fake_count().mrs, regions + 4);
	near->ops->unregister_memory(near, out);
	assert_int_equal(fake_count().mrs, regions + 2);
	far->ops->unregister_memory(far, NULL);
	assert_int_equal(fake_count().mrs, regions);
	memset(in, 0, n);
	move(out, in, n);
	assert_int_equal(fake_count().mrs, regions);
	free(out);
	free(in);
}

static void cached_registrations_are_bounded(void **state)
{
	(void)state;
	size_t payload = 600000, n = (GW_RDMA_PIECES + 3) * GW_RDMA_PIECE;
	uint8_t *out = pattern(payload);
	uint8_t *in = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(in, MAP_FAILED);
	link_over(&gw_rdma_ggwire_path);
	int regions = fake_count().mrs;
	far->ops->register_memory(far, in, n);
	for (size_t i = 0; i < GW_RDMA_PIECES + 3; i++)
		move(out, in + i * GW_RDMA_PIECE, payload);
	assert_int_equal(fake_count().mrs, regions + GW_RDMA_PIECES);
	/* The first transfer has made room. */
	move(out, in, payload);
	assert_int_equal(fake_count().mrs, regions + GW_RDMA_PIECES);
	far->ops->unregister_memory(far, in);
	assert_int_equal(fake_count().mrs, regions);
	munmap(in, n);
	free(out);
}

static void memory_whose_registration_fails_is_still_sent(void **state)
{
	(void)state;
	uint8_t *out = pattern(BULK), *in = calloc(1, BULK);
	assert_non_null(in);
	for (unsigned nth = 1; nth < 8; nth++) {
		link_over(&gw_rdma_ggwire_path);
		near->ops->register_memory(near, out, BULK);
		far->ops->register_memory(far, in, BULK);
		fake_fail("reg_mr", nth);
		memset(in, 0, BULK);
		move(out, in, BULK);
		fake_fail("", 0);
		memset(in, 0, BULK);
		move(out, in, BULK);
		end(&near);
		end(&far);
	}
	free(out);
	free(in);
}

static void cached_registrations_are_evicted_when_registration_fails(void **state)
{
	(void)state;
	uint32_t longest;
	uint8_t *kept = pattern(BULK), *once = pattern(BULK), *in = calloc(1, BULK);
	assert_non_null(in);
	link_over(&gw_rdma_ggwire_path);
	int regions = fake_count().mrs;
	near->ops->register_memory(near, kept, BULK);
	move(kept, in, BULK);
	assert_int_equal(fake_count().mrs, regions + 1);
	fake_forget_messages();
	fake_fail("reg_mr", 1);
	memset(in, 0, BULK);
	move(once, in, BULK);
	assert_true(fake_struck());
	assert_true(count(IBV_WR_RDMA_READ, &longest) >= 30);
	assert_int_equal(fake_count().mrs, regions);
	free(kept);
	free(once);
	free(in);
}

static void the_stock_path_uses_sends_only(void **state)
{
	(void)state;
	uint32_t longest;
	link_over(&gw_rdma_stock_path);
	transfer(BULK);
	assert_int_equal(count(IBV_WR_RDMA_READ, &longest), 0);
	assert_true(count(IBV_WR_SEND, &longest) >= 40);
	assert_int_equal(longest, 256 << 10);
}

/* A hostile end connected to an end on the ggwire path. */
static void link_hostile(void)
{
	struct gw_transport *tcp_a, *tcp_b;
	struct gw_rdma *a, *b;
	struct gw_rdma_address at_a, at_b;
	link_tcp(&tcp_a, &tcp_b);
	assert_int_equal(gw_rdma_open(tcp_a, GW_RDMA_ROCE, &a, NULL), GW_OK);
	assert_int_equal(gw_rdma_open(tcp_b, GW_RDMA_ROCE, &b, NULL), GW_OK);
	gw_rdma_local(a, &gw_rdma_stock_path, &at_a);
	gw_rdma_local(b, &gw_rdma_ggwire_path, &at_b);
	assert_int_equal(gw_rdma_activate(b, &gw_rdma_ggwire_path, &at_a, NULL), GW_OK);
	assert_int_equal(gw_rdma_activate(a, &gw_rdma_stock_path, &at_b, NULL), GW_OK);
	near = gw_rdma_start(a);
	far = gw_rdma_start(b);
}

static void hostile_messages_end_the_connection(void **state)
{
	(void)state;
	static const struct {
		size_t size;
		uint8_t bytes[24];
	} odd[] = {
		{1, {1}}, {7, {1}}, {8, {1}},               /* data without bytes */
		{9, {1, 0, 0, 0, 2}},                       /* one byte, but the header claims two */
		{9, {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}},  /* the header claims 4 GiB */
		{8, {2, 0, 1, 0}},                          /* a 65th credit */
		{8, {2, 0, 0xff, 0xff}},                    /* many more */
		{9, {1, 1, 0, 0, 1}},                       /* the second message before the first */
		{9, {2, 0, 0, 0, 1}},                       /* credits with bytes */
		{8, {5}},                                   /* acknowledges an offer that was never made */
		{8, {0}},                                   /* type 0 */
		{8, {6}},                                   /* an unknown type */
		{23, {4, 0, 0, 0, 15}},                     /* a truncated offer */
		{24, {4, 0, 0, 0, 16}},                     /* an offer of 0 bytes */
		{24, {4, 0, 0, 0, 16, [20] = 1, [23] = 1}}, /* an offer of 16 MiB */
		{24, {4, 0, 0, 0, 16, [8] = 1, [16] = 99, [20] = 0, 0, 1}}, /* an offer of memory that does not exist */
	};
	uint8_t in[64];
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct gw_error err = {0};
		link_hostile();
		assert_int_equal(send_bytes(near, odd[i].bytes, odd[i].size), GW_OK);
		enum gw_status status = recv_bytes(far, in, sizeof(in), &err);
		if (status != GW_ERR_PROTOCOL && status != GW_ERR_LOST)
			fail_msg("message %zu: status %d", i, (int)status);
		assert_true(err.text[0] != '\0');
		end(&near);
		end(&far);
	}
}

/* A peer that ignores its credits finds no receives, and cannot overrun our buffers. */
static void a_flood_is_contained(void **state)
{
	(void)state;
	uint8_t data[9] = {1, 0, 0, 0, 1, 0, 0, 0, 'x'};
	uint8_t in[64];
	link_hostile();
	for (; data[1] < 64; data[1]++)
		assert_int_equal(send_bytes(near, data, sizeof(data)), GW_OK);
	assert_int_equal(recv_bytes(far, in, 64, NULL), GW_OK);
	for (; data[1] < 64 + 80; data[1]++)
		assert_int_equal(send_bytes(near, data, sizeof(data)), GW_OK);
	usleep(20000);
	enum gw_status status = recv_bytes(far, in, 16, NULL);
	for (int i = 0; i < 64 && !status; i++)
		status = recv_bytes(far, in, 1, NULL);
	assert_true(!status || status == GW_ERR_PROTOCOL);
}

/* rdma_rxe does this after packet loss. */
static void a_duplicate_message_is_an_error(void **state)
{
	(void)state;
	struct gw_error err = {0};
	uint8_t in[2];
	link_over(&gw_rdma_ggwire_path);
	assert_int_equal(send_bytes(near, "a", 1), GW_OK);
	assert_int_equal(recv_bytes(far, in, 1, NULL), GW_OK);
	fake_deliver_twice();
	assert_int_equal(send_bytes(near, "b", 1), GW_OK);
	assert_int_equal(recv_bytes(far, in, 2, &err), GW_ERR_PROTOCOL);
	assert_non_null(strstr(err.text, "twice"));
}

/* The peer ignores an offer: the sender waits until the peer dies, and leaves nothing registered. */
static void an_end_that_dies_with_an_offer_unread_frees_the_sender(void **state)
{
	(void)state;
	uint8_t *out = pattern(BULK), byte;
	struct iovec iov[] = {{out, 1}, {out + 1, BULK - 1}};
	struct transfer t = {.iov = iov, .n = 2};
	link_over(&gw_rdma_ggwire_path);
	int regions = fake_count().mrs;
	assert_int_equal(pthread_create(&t.thread, NULL, send_main, &t), 0);
	assert_int_equal(recv_bytes(far, &byte, 1, NULL), GW_OK);
	while (fake_count().mrs == regions)
		usleep(1000);
	end(&far);
	pthread_join(t.thread, NULL);
	assert_int_equal(t.status, GW_ERR_LOST);
	/* Only the near end's own region is left. */
	assert_int_equal(fake_count().mrs, 1);
	free(out);
}

/* The sender dies between an offer and the peer's READ: the receiver gets an error and no bytes. */
static void an_end_that_dies_with_an_offer_unread_frees_the_receiver(void **state)
{
	(void)state;
	uint8_t *out = pattern(BULK), *in = malloc(BULK);
	struct iovec iov = {out, BULK};
	struct transfer t = {.iov = &iov, .n = 1};
	struct gw_error err = {0};
	assert_non_null(in);
	link_over(&gw_rdma_ggwire_path);
	int regions = fake_count().mrs;
	assert_int_equal(pthread_create(&t.thread, NULL, send_main, &t), 0);
	while (fake_count().mrs == regions)
		usleep(1000);
	near->ops->shutdown(near);
	pthread_join(t.thread, NULL);
	assert_int_equal(t.status, GW_ERR_LOST);
	assert_int_equal(fake_count().mrs, regions);
	end(&near);
	enum gw_status status = recv_bytes(far, in, BULK, &err);
	assert_true(status == GW_ERR_LOST || status == GW_ERR_CLOSED);
	assert_int_equal(fake_count().mrs, 1);
	free(out);
	free(in);
}

/* The network fails during a READ: after the call returns, no device writes to the caller's memory. */
static void a_read_that_fails_leaves_memory_alone(void **state)
{
	(void)state;
	uint8_t *out = pattern(BULK), *in = calloc(1, BULK);
	struct iovec iov[] = {{out, 1}, {out + 1, BULK - 1}};
	struct transfer t = {.iov = iov, .n = 2};
	uint8_t byte;
	assert_non_null(in);
	link_over(&gw_rdma_ggwire_path);
	int regions = fake_count().mrs;
	assert_int_equal(pthread_create(&t.thread, NULL, send_main, &t), 0);
	assert_int_equal(recv_bytes(far, &byte, 1, NULL), GW_OK);
	fake_cut_reads(true);
	assert_int_equal(recv_bytes(far, in, BULK - 1, NULL), GW_ERR_LOST);
	free(in); /* a sanitizer reports later writes */
	end(&far);
	pthread_join(t.thread, NULL);
	assert_int_equal(t.status, GW_ERR_LOST);
	assert_true(fake_count().mrs < regions);
	free(out);
}

/* While one thread spins, another thread may process the completion that the first is waiting for. */
static void a_completion_handled_by_another_thread_ends_a_wait(void **state)
{
	(void)state;
	uint8_t byte = 0;
	struct iovec iov = {&byte, 1};
	setenv("GGML_RPC_SPIN_US", "200000", 1);
	for (size_t path = 0; path < 2; path++) {
		struct transfer t = {.iov = &iov, .n = 1};
		link_over(paths[path]);
		struct gw_rdma *r = gw_rdma_of(near);
		assert_int_equal(pthread_create(&t.thread, NULL, receive_main, &t), 0);
		pthread_mutex_lock(&r->lock);
		while (!r->waiting) {
			pthread_mutex_unlock(&r->lock);
			usleep(1000);
			pthread_mutex_lock(&r->lock);
		}
		enum gw_status sent = send_bytes(far, "x", 1);
		bool handled = false;
		for (int i = 0; i < 500 && !handled; i++) {
			usleep(10000);
			handled = gw_rdma_progress(r);
		}
		pthread_mutex_unlock(&r->lock);
		for (int i = 0; i < 200 && !atomic_load(&t.done); i++)
			usleep(10000);
		bool in_time = atomic_load(&t.done);
		near->ops->shutdown(near);
		pthread_join(t.thread, NULL);
		assert_int_equal(sent, GW_OK);
		assert_true(handled && in_time);
		assert_int_equal(t.status, GW_OK);
		end(&near);
		end(&far);
	}
}

static double cpu_of_thread(void)
{
	struct rusage u;
	getrusage(RUSAGE_THREAD, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void waiting_costs_nothing(void **state)
{
	(void)state;
	for (size_t path = 0; path < 2; path++) {
		link_over(paths[path]);
		double before = cpu_of_thread();
		assert_false(near->ops->readable(near, 300));
		assert_true(cpu_of_thread() - before < 0.02);
		end(&near);
		end(&far);
	}
}

static void a_peer_that_does_not_answer_is_lost_in_time(void **state)
{
	(void)state;
	for (size_t path = 0; path < 2; path++) {
		struct gw_error err = {0};
		uint8_t byte;
		link_over(paths[path]);
		fake_cut(true);
		uint64_t start = gw_clock_ns();
		assert_int_equal(send_bytes(near, "x", 1), GW_OK);
		assert_int_equal(send_bytes(near, "x", 1), GW_OK);
		for (int i = 0; i < 10; i++)
			(void)send_bytes(near, "x", 1);
		assert_int_equal(recv_bytes(near, &byte, 1, &err), GW_ERR_LOST);
		assert_non_null(strstr(err.text, "transport retry counter exceeded"));
		assert_true(gw_clock_ns() - start < UINT64_C(2000000000));
		end(&near);
		end(&far);
		fake_cut(false);
	}
}

static void the_smaller_mtu_and_number_of_reads_are_used(void **state)
{
	(void)state;
	struct gw_transport *tcp_a, *tcp_b;
	struct gw_rdma *a, *b;
	struct gw_rdma_address at_a, at_b;
	link_tcp(&tcp_a, &tcp_b);
	assert_int_equal(gw_rdma_open(tcp_a, GW_RDMA_ROCE, &a, NULL), GW_OK);
	assert_int_equal(gw_rdma_open(tcp_b, GW_RDMA_ROCE, &b, NULL), GW_OK);
	gw_rdma_local(a, &gw_rdma_ggwire_path, &at_a);
	gw_rdma_local(b, &gw_rdma_ggwire_path, &at_b);
	assert_int_equal(at_a.mtu, IBV_MTU_1024);
	assert_int_equal(at_a.reads, 16);
	at_a.mtu = IBV_MTU_512;
	at_a.reads = 3;
	at_b.mtu = IBV_MTU_4096;
	at_b.reads = 200;
	assert_int_equal(gw_rdma_activate(b, &gw_rdma_ggwire_path, &at_a, NULL), GW_OK);
	assert_int_equal(gw_rdma_activate(a, &gw_rdma_ggwire_path, &at_b, NULL), GW_OK);
	assert_int_equal(fake_rtr(at_b.qpn).path_mtu, IBV_MTU_512);
	assert_int_equal(fake_rts(at_b.qpn).max_rd_atomic, 3);
	assert_int_equal(fake_rtr(at_a.qpn).path_mtu, IBV_MTU_1024);
	assert_int_equal(fake_rts(at_a.qpn).max_rd_atomic, 16);
	gw_rdma_free(a);
	gw_rdma_free(b);
	tcp_a->ops->close(tcp_a);
	tcp_b->ops->close(tcp_b);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(long_payloads_are_read_in_place),
		CASE(short_receives_of_long_payloads_use_slots),
		CASE(read_only_memory_is_sent_in_place),
		CASE(unregistrable_memory_is_copied),
		CASE(registrations_are_cached_until_forgotten),
		CASE(cached_registrations_are_bounded),
		CASE(memory_whose_registration_fails_is_still_sent),
		CASE(cached_registrations_are_evicted_when_registration_fails),
		CASE(the_stock_path_uses_sends_only),
		CASE(hostile_messages_end_the_connection),
		CASE(a_flood_is_contained),
		CASE(a_duplicate_message_is_an_error),
		CASE(an_end_that_dies_with_an_offer_unread_frees_the_sender),
		CASE(an_end_that_dies_with_an_offer_unread_frees_the_receiver),
		CASE(a_read_that_fails_leaves_memory_alone),
		CASE(a_completion_handled_by_another_thread_ends_a_wait),
		CASE(waiting_costs_nothing),
		CASE(a_peer_that_does_not_answer_is_lost_in_time),
		CASE(the_smaller_mtu_and_number_of_reads_are_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
