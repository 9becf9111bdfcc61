/* When a client disconnects, its slot is free at once, whatever its worker is computing. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/serving.h"
#include "device/rig.h"

/* The server promises one second, but this machine may be busy. */
#define SOON_NS UINT64_C(5000000000)

static struct serving s;

/* A single slot, so that no other client is served while it is taken. */
static int setup(void **state)
{
	(void)state;
	serving_start(&s, (const char *const[]){"-d", "CPU", "-t", "1", "-p", "0", "--max-clients", "1", NULL});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

static void expect_place(uint64_t since)
{
	serving_await(&s, "the client left before its requests were done");
	assert_true(gw_clock_ns() - since < SOON_NS);
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
}

/* Disconnects with requests that nobody has read yet, which the server receives before the end of the connection. */
static void leave_with_requests_behind(struct gw_client *c, const struct gw_wire_tensor *t)
{
	static uint8_t bytes[4096];

	for (int i = 0; i < 8; i++)
		rig_set(c, t, 0, bytes, sizeof(bytes));
	assert_int_equal(gw_client_flush(c), GW_OK);
	/* Waits until the worker computes. */
	serving_sleep_ms(300);
	gw_client_close(c);
}

static void multiply(struct gw_wire_tensor *t, const struct gw_wire_tensor *a, const struct gw_wire_tensor *b)
{
	t->op = rig_op("MUL_MAT");
	t->src[0] = a->id;
	t->src[1] = b->id;
}

/* A request of 8 MB that takes hours: one product, repeated a million times. */
static void a_graph_of_many_nodes_is_stopped(void **state)
{
	(void)state;
	const uint32_t n = 512, n_nodes = 1 << 20, size = n * n * 4;
	struct gw_client *c = serving_connect(&s);
	struct rig_buffer b = rig_alloc(c, 3 * (uint64_t)size);
	struct gw_wire_tensor t[3];
	uint64_t *nodes = malloc(n_nodes * sizeof(*nodes));

	assert_non_null(nodes);
	for (uint32_t i = 0; i < 3; i++)
		t[i] = rig_tensor(rig_type("f32"), &b, i * (uint64_t)size, n, n);
	multiply(&t[2], &t[0], &t[1]);
	for (uint32_t i = 0; i < n_nodes; i++)
		nodes[i] = t[2].id;
	rig_compute(c, 1, nodes, n_nodes, t, 3);
	free(nodes);
	leave_with_requests_behind(c, &t[0]);
	expect_place(gw_clock_ns());
}

/* ggml checks for an abort only between nodes. Memory that is never written costs nothing. */
static void a_node_that_takes_minutes_is_stopped(void **state)
{
	(void)state;
	const uint32_t n = 8192;
	struct gw_client *c = serving_connect(&s);
	uint32_t weight = (uint32_t)ggml_row_size((enum ggml_type)rig_type("iq2_xxs"), n) * n, value = n * 4 * n;
	struct rig_buffer b = rig_alloc(c, weight + 2 * (uint64_t)value);
	struct gw_wire_tensor t[3] = {rig_tensor(rig_type("iq2_xxs"), &b, 0, n, n),
		rig_tensor(rig_type("f32"), &b, weight, n, n),
		rig_tensor(rig_type("f32"), &b, weight + (uint64_t)value, n, n)};

	multiply(&t[2], &t[0], &t[1]);
	rig_compute(c, 1, &t[2].id, 1, t, 3);
	leave_with_requests_behind(c, &t[0]);
	expect_place(gw_clock_ns());
}

/* This also writes no memory: each of these requests has 18 bytes. */
static void a_queue_of_requests_is_stopped(void **state)
{
	(void)state;
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_client *c = serving_connect(&s);
	struct rig_buffer b = rig_alloc(c, (uint64_t)256 << 20);
	const struct gw_wire_clear_req req = {.buffer = b.handle};
	struct iovec part = {out, gw_wire_clear_req_encode(&req, out)};

	assert_int_not_equal(b.handle, 0);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(gw_client_post(c, GW_CMD_BUFFER_CLEAR, &part, 1), GW_OK);
	assert_int_equal(gw_client_flush(c), GW_OK);
	serving_sleep_ms(300);
	gw_client_close(c);
	expect_place(gw_clock_ns());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_graph_of_many_nodes_is_stopped),
		TEST(a_node_that_takes_minutes_is_stopped),
		TEST(a_queue_of_requests_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
