/* Transfers to device-only memory pass through chunks, and nothing is freed or reused while the device needs it. */
#include "device/fake_device.h"
#include "device/raw.h"

#include <stdlib.h>
#include <string.h>

#include "device/session/staging.h"

struct state {
	struct fake *fake;
	struct gw_server *server;
	struct rig rig;
	struct gw_client *client;
};

static int start(void **out, bool async, bool plain_2d)
{
	static struct state st;
	static ggml_backend_dev_t devices[2];
	struct gw_server_options options = rig_options();

	devices[0] = fake_device(&st.fake);
	devices[1] = rig_cpu();
	st.fake->async = async;
	st.fake->plain_2d = plain_2d;
	options.devices = devices;
	options.n_devices = 2;
	st.server = rig_server(&options);
	st.client = rig_client(&st.rig, st.server);
	*out = &st;
	return 0;
}

static int setup_sync(void **out)
{
	return start(out, false, false);
}

static int setup_plain(void **out)
{
	return start(out, false, true);
}

static int setup_async(void **out)
{
	return start(out, true, false);
}

static void expect_nothing_left(const struct state *st)
{
	assert_int_equal(st->fake->n_buffers, 0);
	assert_int_equal(st->fake->n_backends, 0);
}

static int teardown(void **in)
{
	struct state *st = *in;

	rig_leave(&st->rig, st->client);
	expect_nothing_left(st);
	gw_server_free(st->server);
	return 0;
}

static uint8_t *pattern(size_t n, unsigned seed)
{
	uint8_t *p = malloc(n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 131 + i / 65521 + seed);
	return p;
}

static void expect(struct gw_client *c, const struct gw_wire_tensor *t, uint64_t offset, const uint8_t *data, size_t n)
{
	uint8_t *got = malloc(n);

	assert_non_null(got);
	rig_get(c, t, offset, got, n);
	assert_memory_equal(got, data, n);
	free(got);
}

/* Writes two and a half chunks, then other bytes over the first chunk. The later bytes must win. */
static void long_contents_pass_through_chunks(void **in)
{
	struct state *st = *in;
	uint32_t n = (uint32_t)(GW_STAGING_CHUNK * 5 / 2);
	struct rig_buffer b = rig_alloc(st->client, n);
	struct gw_wire_tensor t = rig_tensor(rig_type("i8"), &b, 0, n, 1);
	uint8_t *data = pattern(n, 1), *more = pattern(n / 2, 2);

	rig_set(st->client, &t, 0, data, n);
	rig_set(st->client, &t, 100, more, n / 2);
	memcpy(data + 100, more, n / 2);
	expect(st->client, &t, 0, data, n);
	assert_true(st->fake->max_upload <= GW_STAGING_CHUNK);
	free(data);
	free(more);
}

/* One chunk is filled while the other uploads: a later chunk waits for every upload except the first. */
static void uploads_overlap_with_receiving(void **in)
{
	struct state *st = *in;
	uint32_t n = (uint32_t)(GW_STAGING_CHUNK * 4);
	struct rig_buffer b = rig_alloc(st->client, n);
	struct gw_wire_tensor t = rig_tensor(rig_type("i8"), &b, 0, n, 1);
	uint8_t *data = pattern(n, 3);

	rig_set(st->client, &t, 0, data, n);
	expect(st->client, &t, 0, data, n);
	assert_int_equal(st->fake->n_uploads, 4);
	assert_int_equal(st->fake->n_waits, 4);
	free(data);
}

static void many_small_uploads_arrive(void **in)
{
	struct state *st = *in;
	struct rig_buffer b = rig_alloc(st->client, 4096);
	struct gw_wire_tensor t = rig_tensor(rig_type("i8"), &b, 0, 4096, 1);
	uint8_t *data = pattern(4096, 4);

	for (uint32_t i = 0; i < 64; i++)
		rig_set(st->client, &t, i * 64, data + i * 64, 64);
	expect(st->client, &t, 0, data, 4096);
	free(data);
}

static void rows(struct gw_client *c, const struct gw_wire_2d_req *req)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	size_t n = req->size * req->n_copies;
	uint8_t *data = pattern(n, (unsigned)req->size), *got = malloc(n);
	struct iovec parts[2] = {{out, gw_wire_2d_req_encode(&gw_dialect_8_0, req, out)}, {data, n}};

	assert_non_null(got);
	assert_int_equal(gw_client_post(c, GW_CMD_SET_TENSOR_2D, parts, 2), GW_OK);
	assert_int_equal(gw_client_call(c, GW_CMD_GET_TENSOR_2D, parts, 1, got, n), GW_OK);
	assert_memory_equal(data, got, n);
	/* Each row is in its place. */
	for (uint64_t i = 0; i < req->n_copies; i += req->n_copies / 3 + 1)
		expect(c, &req->tensor, req->offset + i * req->stride, data + i * req->size, req->size);
	free(data);
	free(got);
}

/* Rows small enough that many fit into a chunk, rows that fill one, and rows larger than one. */
static void rows_pass_through_chunks(void **in)
{
	struct state *st = *in;
	uint32_t n = (uint32_t)(GW_STAGING_CHUNK * 5);
	struct rig_buffer b = rig_alloc(st->client, n);
	struct gw_wire_tensor t = rig_tensor(rig_type("i8"), &b, 0, n, 1);
	uint64_t chunk = GW_STAGING_CHUNK;

	rows(st->client, &(struct gw_wire_2d_req){t, 17, 1000, 9000, 1024});
	rows(st->client, &(struct gw_wire_2d_req){t, 5, chunk - 1, 3, chunk + 9});
	rows(st->client, &(struct gw_wire_2d_req){t, 0, chunk + 1, 4, chunk + 100});
	rows(st->client, &(struct gw_wire_2d_req){t, 3, chunk, 4, chunk});
}

static void fill_and_copy(void **in)
{
	struct state *st = *in;
	struct rig_buffer a = rig_alloc(st->client, GW_STAGING_CHUNK * 2), b = rig_alloc(st->client, 8192);
	struct gw_wire_tensor big = rig_tensor(rig_type("i8"), &a, 0, (uint32_t)GW_STAGING_CHUNK * 2, 1);
	struct gw_wire_tensor src = rig_tensor(rig_type("i8"), &a, 4096, 4096, 1);
	struct gw_wire_tensor dst = rig_tensor(rig_type("i8"), &b, 1, 4096, 1);
	uint8_t out[GW_WIRE_MAX_FIXED], same[4096], result = 0;
	struct gw_wire_memset_req fill = {.tensor = big, .offset = 1, .size = GW_STAGING_CHUNK * 2 - 1, .value = 0x77};
	struct iovec part = {out, gw_wire_memset_req_encode(&gw_dialect_8_0, &fill, out)};

	assert_int_equal(gw_client_post(st->client, GW_CMD_MEMSET_TENSOR, &part, 1), GW_OK);
	part.iov_len =
		gw_wire_copy_req_encode(&gw_dialect_8_0, &(struct gw_wire_copy_req){.src = src, .dst = dst}, out);
	assert_int_equal(gw_client_call(st->client, GW_CMD_COPY_TENSOR, &part, 1, &result, 1), GW_OK);
	assert_int_equal(result, 1);
	memset(same, 0x77, sizeof(same));
	expect(st->client, &dst, 0, same, sizeof(same));
	same[0] = 0;
	expect(st->client, &big, 0, same, 2);
}

static void make_square(struct gw_wire_tensor t[2], const struct rig_buffer *b)
{
	t[0] = rig_tensor(rig_type("f32"), b, 0, 4, 1);
	t[1] = rig_tensor(rig_type("f32"), b, 64, 4, 1);
	t[1].op = rig_op("SQR");
	t[1].src[0] = t[0].id;
}

/* Replaces graphs before anyone waits for them, and sends more graphs than the server defers. */
static void graphs_live_until_they_are_computed(void **in)
{
	struct state *st = *in;
	struct rig_buffer b = rig_alloc(st->client, 4096);
	struct gw_wire_tensor t[2];
	float x[4] = {1, -2, 3, 4}, y[4];

	make_square(t, &b);
	rig_set(st->client, &t[0], 0, x, sizeof(x));
	for (int i = 0; i < 100; i++)
		rig_compute(st->client, i % 2 ? 0 : 5, &t[1].id, 1, t, 2);
	rig_recompute(st->client, 5);
	rig_get(st->client, &t[1], 0, y, sizeof(y));
	assert_float_equal(y[1], 4, 0);
	assert_float_equal(y[3], 16, 0);
}

/* The server frees, clears and overwrites memory only after earlier graphs are done: the result is the old input's. */
static void contents_change_after_what_was_sent_before(void **in)
{
	struct state *st = *in;
	struct rig_buffer b = rig_alloc(st->client, 4096), other = rig_alloc(st->client, 4096);
	struct gw_wire_tensor t[2];
	float x[4] = {2, 2, 2, 2}, y[4];

	make_square(t, &b);
	rig_set(st->client, &t[0], 0, x, sizeof(x));
	rig_compute(st->client, 1, &t[1].id, 1, t, 2);
	x[0] = 100;
	rig_set(st->client, &t[0], 0, x, sizeof(x));
	rig_get(st->client, &t[1], 0, y, sizeof(y));
	assert_float_equal(y[0], 4, 0);
	rig_recompute(st->client, 1);
	rig_free(st->client, &other);
	rig_get(st->client, &t[1], 0, y, sizeof(y));
	assert_float_equal(y[0], 10000, 0);
	rig_recompute(st->client, 1);
	rig_free(st->client, &b);
}

/* The client leaves while a graph is running. */
static void the_server_waits_for_running_work_at_the_end(void **in)
{
	struct state *st = *in;
	struct rig_buffer b = rig_alloc(st->client, 4096);
	struct gw_wire_tensor t[2];

	make_square(t, &b);
	rig_compute(st->client, 0, &t[1].id, 1, t, 2);
	rig_compute(st->client, 2, &t[1].id, 1, t, 2);
	assert_int_equal(gw_client_flush(st->client), GW_OK);
}

static uint64_t alloc_size(struct gw_client *c, const struct gw_wire_tensor *t)
{
	uint8_t out[GW_WIRE_MAX_FIXED], got[8];
	struct iovec part = {
		out, gw_wire_node_req_encode(&gw_dialect_8_0, &(struct gw_wire_node_req){.tensor = *t}, out)};

	assert_int_equal(gw_client_call(c, GW_CMD_GET_ALLOC_SIZE, &part, 1, got, sizeof(got)), GW_OK);
	return gw_le64(got);
}

static void padding_is_asked_for_and_initialised(void **in)
{
	struct state *st = *in;
	struct rig_buffer b = rig_alloc(st->client, 8192);
	struct gw_wire_tensor t = rig_tensor(rig_type("q4_0"), &b, 0, 64, 2); /* 72 bytes */
	struct gw_wire_tensor all = rig_tensor(rig_type("i8"), &b, 0, 200, 1);
	uint8_t out[GW_WIRE_MAX_FIXED], got[200];
	struct iovec part = {out, gw_wire_tensor_req_encode(&gw_dialect_8_0, &t, out)};

	assert_int_equal(alloc_size(st->client, &t), 72 + 64);
	assert_int_equal(alloc_size(st->client, &all), 200);
	assert_int_equal(gw_client_post(st->client, GW_CMD_INIT_TENSOR, &part, 1), GW_OK);
	rig_get(st->client, &all, 0, got, sizeof(got));
	assert_int_equal(got[71], 0);
	assert_int_equal(got[72], 0xcc);
	assert_int_equal(got[135], 0xcc);
	assert_int_equal(got[136], 0);
}

/* Here the device's alignment is larger than a page. */
static void addresses_are_aligned_as_the_device_wants(void **in)
{
	struct state *st = *in;

	for (int i = 0; i < 4; i++)
		assert_int_equal(rig_alloc(st->client, 5000).base % 8192, 0);
}

/* Failures, each in a separate session */

struct raw_state {
	struct fake *fake;
	struct gw_server *server;
	struct raw raw;
	struct rig_buffer buffer;
};

static int raw_setup(void **out)
{
	static struct raw_state st;
	static ggml_backend_dev_t devices[1];
	struct gw_server_options options = rig_options();

	devices[0] = fake_device(&st.fake);
	options.devices = devices;
	st.server = rig_server(&options);
	raw_start(&st.raw, st.server, &gw_dialect_8_0);
	st.buffer = raw_alloc(&st.raw, 4096);
	*out = &st;
	return 0;
}

static int raw_teardown(void **in)
{
	struct raw_state *st = *in;

	assert_int_equal(st->fake->n_buffers, 0);
	assert_int_equal(st->fake->n_backends, 0);
	gw_server_free(st->server);
	return 0;
}

static void send_square(struct raw_state *st)
{
	struct gw_wire_tensor t[2];
	size_t size;

	make_square(t, &st->buffer);
	void *body = rig_graph(&gw_dialect_8_0, 0, 1, &t[1].id, 1, t, 2, &size);
	raw_send(&st->raw, GW_CMD_GRAPH_COMPUTE, body, size);
	free(body);
}

static void a_device_that_fails_ends_the_session(void **in)
{
	struct raw_state *st = *in;

	st->fake->fails = true;
	send_square(st);
	raw_end_refused(&st->raw, GW_ERR_COMPUTE, "GRAPH_COMPUTE", "device FAKE0 failed");
}

static void a_device_that_does_not_start_ends_the_session(void **in)
{
	struct raw_state *st = *in;

	st->fake->no_backend = true;
	send_square(st);
	raw_end_refused(&st->raw, GW_ERR_COMPUTE, "GRAPH_COMPUTE", "device FAKE0 cannot be initialised");
}

static void send_init(struct raw_state *st, uint64_t offset)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_tensor t = rig_tensor(rig_type("q4_0"), &st->buffer, offset, 32, 1);

	raw_send(&st->raw, GW_CMD_INIT_TENSOR, out, gw_wire_tensor_req_encode(&gw_dialect_8_0, &t, out));
}

static void padding_outside_the_buffer_is_refused(void **in)
{
	struct raw_state *st = *in;

	send_init(st, 4096 - 18 - 63);
	raw_end_refused(&st->raw, GW_ERR_PROTOCOL, "INIT_TENSOR", "no room for the 82 bytes");
}

/* State that a device attaches to a tensor would be lost: the next command describes the tensor again. */
static void devices_that_keep_state_are_refused(void **in)
{
	struct raw_state *st = *in;

	st->fake->keeps_extra = true;
	send_init(st, 0);
	raw_end_refused(&st->raw, GW_ERR_UNSUPPORTED, "INIT_TENSOR", "keeps state");
}

#define SYNC(name) cmocka_unit_test_setup_teardown(name, setup_sync, teardown)
#define PLAIN(name) cmocka_unit_test_setup_teardown(name, setup_plain, teardown)
#define ASYNC(name) cmocka_unit_test_setup_teardown(name, setup_async, teardown)
#define RAW(name) cmocka_unit_test_setup_teardown(name, raw_setup, raw_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC(long_contents_pass_through_chunks),
		ASYNC(long_contents_pass_through_chunks),
		ASYNC(uploads_overlap_with_receiving),
		SYNC(many_small_uploads_arrive),
		ASYNC(many_small_uploads_arrive),
		SYNC(rows_pass_through_chunks),
		PLAIN(rows_pass_through_chunks),
		ASYNC(rows_pass_through_chunks),
		SYNC(fill_and_copy),
		ASYNC(fill_and_copy),
		SYNC(graphs_live_until_they_are_computed),
		SYNC(contents_change_after_what_was_sent_before),
		ASYNC(contents_change_after_what_was_sent_before),
		SYNC(the_server_waits_for_running_work_at_the_end),
		SYNC(padding_is_asked_for_and_initialised),
		SYNC(addresses_are_aligned_as_the_device_wants),
		RAW(a_device_that_fails_ends_the_session),
		RAW(a_device_that_does_not_start_ends_the_session),
		RAW(padding_outside_the_buffer_is_refused),
		RAW(devices_that_keep_state_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
