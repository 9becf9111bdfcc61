/* --max-memory limits everything that a client can make its worker allocate, with any request. Without it, the memory
 * for a graph is limited by the size of its message. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/serving.h"
#include "device/rig.h"
#include "transport/list/transports.h"

#define MIB ((uint64_t)1 << 20)

static struct serving s;

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

static void start(const char *option, const char *value)
{
	serving_start(&s, (const char *const[]){"-d", "CPU", "-t", "1", "-p", "0", option, value, NULL});
}

/* Sanitizers allocate additional memory. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

/* Stops the server and checks the peak memory of all its processes, including that of libraries. */
static void expect_peak_below(uint64_t bytes)
{
	struct rusage usage;

	assert_int_equal(serving_stop(&s, SIGTERM, SERVING_WAIT_MS), 0);
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &usage), 0);
	uint64_t peak = (uint64_t)usage.ru_maxrss * 1024;
	if (peak >= bytes && !SANITIZED)
		fail_msg("peak memory of a process: %llu MiB; expected at most %llu", (unsigned long long)(peak / MIB),
			(unsigned long long)(bytes / MIB));
}

/* A worker that has only loaded ggml. */
#define LIBRARIES (48 * MIB)

static bool is_lost(struct gw_client *c)
{
	uint8_t device[4] = {0}, memory[16];
	struct iovec part = {device, sizeof(device)};

	return gw_client_call(c, GW_CMD_GET_DEVICE_MEMORY, &part, 1, memory, sizeof(memory)) != GW_OK;
}

/* Overlapping rows need little memory themselves, but much scratch memory for their conversion before the product. */
static void rows_that_are_one(void **state)
{
	(void)state;
	const uint32_t width = 4096, rows = 131072;
	start("--max-memory", "1M");
	struct gw_client *c = serving_connect(&s);
	struct rig_buffer b = rig_alloc(c, 900 << 10);
	struct gw_wire_tensor t[3] = {rig_tensor(rig_type("q8_0"), &b, 0, width, 1),
		rig_tensor(rig_type("f32"), &b, 8192, width, rows), rig_tensor(rig_type("f32"), &b, 32768, 1, rows)};

	t[1].nb[1] = 0;
	t[1].nb[2] = t[1].nb[3] = width * 4;
	t[2].op = rig_op("MUL_MAT");
	t[2].src[0] = t[0].id;
	t[2].src[1] = t[1].id;
	rig_compute(c, 1, &t[2].id, 1, t, 3);
	assert_true(is_lost(c));
	gw_client_close(c);
	serving_await(&s, "dropped by worker");
	expect_peak_below(LIBRARIES);
}

/* ggml allocates 16 MiB of scratch memory for any convolution. */
static void convolve(struct gw_client *c)
{
	struct rig_buffer b = rig_alloc(c, 65536);
	struct gw_wire_tensor t[3] = {rig_tensor(rig_type("f32"), &b, 0, 3, 3),
		rig_tensor(rig_type("f32"), &b, 1024, 8, 8), rig_tensor(rig_type("f32"), &b, 8192, 6, 6)};

	t[2].op = rig_op("CONV_2D");
	t[2].src[0] = t[0].id;
	t[2].src[1] = t[1].id;
	/* Strides, paddings and dilations. */
	t[2].op_params[0] = t[2].op_params[1] = t[2].op_params[4] = t[2].op_params[5] = 1;
	rig_compute(c, 1, &t[2].id, 1, t, 3);
}

static void scratch_memory_counts(void **state)
{
	(void)state;
	start("--max-memory", "8M");
	struct gw_client *c = serving_connect(&s);
	convolve(c);
	assert_true(is_lost(c));
	gw_client_close(c);
	const char *line = serving_await(&s, "the scratch memory of the graph needs");
	assert_non_null(strstr(line, "of --max-memory 8388608 are left"));
	expect_peak_below(LIBRARIES);
	start("--max-memory", "32M");
	c = serving_connect(&s);
	convolve(c);
	assert_false(is_lost(c));
	gw_client_close(c);
}

static enum gw_status send_bytes(struct gw_transport *t, const void *bytes, size_t size)
{
	const struct iovec iov = {(void *)(uintptr_t)bytes, size};

	return t->ops->sendv(t, &iov, 1, NULL);
}

static void receive(struct gw_transport *t, void *bytes, size_t size)
{
	const struct iovec iov = {bytes, size};
	size_t got;

	assert_int_equal(t->ops->recvv(t, &iov, 1, size, &got, NULL), GW_OK);
}

/* Sends HELLO and reads the reply. */
static struct gw_transport *connect_raw(void)
{
	uint8_t hello[GW_REQUEST_HEADER + GW_WIRE_HELLO_REQ] = {GW_CMD_HELLO, GW_WIRE_HELLO_REQ};
	uint8_t reply[GW_REPLY_HEADER + GW_WIRE_HELLO_RSP];
	struct gw_transport *t;

	assert_int_equal(gw_transport_from_fd(serving_socket(&s), &t, NULL), GW_OK);
	assert_int_equal(send_bytes(t, hello, sizeof(hello)), GW_OK);
	receive(t, reply, sizeof(reply));
	return t;
}

/* Sends a graph without nodes in pieces, until the server refuses it. A whole copy would count as this process's
 * memory. */
static uint64_t send_tensors(struct gw_transport *to, uint32_t n)
{
	enum {
		BATCH = 256
	};
	static uint8_t batch[BATCH * GW_WIRE_TENSOR_SIZE];
	uint8_t head[GW_REQUEST_HEADER + 20], *ids, *described;
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), NULL, 0, 1, 1);
	size_t size;

	assert_true(gw_wire_graph_size(&gw_dialect_8_0, 0, n, &size));
	head[0] = GW_CMD_GRAPH_COMPUTE;
	gw_put_le64(head + 1, size);
	gw_wire_graph_begin(&gw_dialect_8_0, 0, 1, 0, n, head + GW_REQUEST_HEADER, &ids, &described);
	enum gw_status st = send_bytes(to, head, sizeof(head));
	for (uint32_t i = 0; st == GW_OK && i < n; i += BATCH) {
		for (uint32_t k = 0; k < BATCH; k++) {
			t.id = i + k + 1;
			gw_wire_tensor_encode(&gw_dialect_8_0, &t, batch + (size_t)k * GW_WIRE_TENSOR_SIZE);
		}
		st = send_bytes(to, batch, sizeof(batch));
	}
	return size;
}

static void a_graph_takes_no_more_than_its_message(void **state)
{
	(void)state;
	uint8_t count[GW_REQUEST_HEADER] = {GW_CMD_DEVICE_COUNT}, reply[GW_REPLY_HEADER + 4];
	start("--max-clients", "1");
	struct gw_transport *t = connect_raw();
	uint64_t size = send_tensors(t, 1 << 18);
	/* The server accepts it. */
	assert_int_equal(send_bytes(t, count, sizeof(count)), GW_OK);
	receive(t, reply, sizeof(reply));
	t->ops->close(t);
	/* The message itself, and less than half of its size for the tensors, which no node depends on. */
	expect_peak_below(LIBRARIES + size + size / 2);
}

static void a_message_counts_before_it_has_come(void **state)
{
	(void)state;
	start("--max-memory", "16M");
	struct gw_transport *t = connect_raw();
	send_tensors(t, 1 << 18);
	t->ops->close(t);
	serving_await(&s, "the request needs 77594644 bytes, but only");
	expect_peak_below(LIBRARIES);
}

/* Cached graphs: the server evicts the least recently used ones. */
static void kept_graphs_count(void **state)
{
	(void)state;
	enum {
		N = 256,
		GRAPHS = 1000
	};
	static struct gw_wire_tensor t[N];
	static uint64_t nodes[N];
	start("--max-memory", "16M");
	struct gw_client *c = serving_connect(&s);
	struct rig_buffer b = rig_alloc(c, 4096);

	for (uint32_t i = 0; i < N; i++) {
		t[i] = rig_tensor(rig_type("f32"), &b, 256 * (uint64_t)(i % 2), 4, 1);
		t[i].op = i ? rig_op("SQR") : 0;
		t[i].src[0] = i ? t[i - 1].id : 0;
		nodes[i] = t[i].id;
	}
	for (uint64_t uid = 1; uid <= GRAPHS; uid++)
		rig_compute(c, uid, nodes, N, t, N);
	rig_recompute(c, GRAPHS);
	rig_recompute(c, GRAPHS - 5);
	assert_false(is_lost(c));
	rig_recompute(c, 1);
	assert_true(is_lost(c));
	gw_client_close(c);
	serving_await(&s, "graph 1 of device 0 is not cached");
	expect_peak_below(LIBRARIES);
}

/* The kernel allocates at least a page for each, however small they are. */
static void small_buffers_count_as_what_they_take(void **state)
{
	(void)state;
	start("--max-memory", "1M");
	struct gw_client *c = serving_connect(&s);
	uint64_t n = 0;

	while (n < 1000 && rig_alloc(c, 1).handle)
		n++;
	assert_true(is_within(n, 100, MIB / (uint64_t)sysconf(_SC_PAGESIZE)));
	assert_false(is_lost(c));
	gw_client_close(c);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

/* Later cases include the peaks of earlier ones, so the cases with the smallest peaks run first. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_that_are_one),
		TEST(scratch_memory_counts),
		TEST(small_buffers_count_as_what_they_take),
		TEST(a_message_counts_before_it_has_come),
		TEST(kept_graphs_count),
		TEST(a_graph_takes_no_more_than_its_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
