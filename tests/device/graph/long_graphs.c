/* While a long graph occupies a device, the server answers requests that need neither the device nor its memory, and
 * all others wait. */
#include "device/fake_device.h"
#include "device/rig.h"

#include <string.h>

#include "wire/extension.h"

struct state {
	struct fake *fake;
	struct gw_server *server;
	struct rig rig;
	struct gw_client *client;
	struct rig_buffer buffer;
	struct gw_wire_tensor t[2]; /* the second is the square of the first */
};

static void set(struct state *st, float value)
{
	float x[4] = {value, value, value, value};

	rig_set(st->client, &st->t[0], 0, x, sizeof(x));
}

static float get(struct state *st)
{
	float y[4];

	rig_get(st->client, &st->t[1], 0, y, sizeof(y));
	return y[3];
}

/* Starts a server that already knows how long this graph takes. */
static int setup(void **out)
{
	static struct state st;
	static ggml_backend_dev_t devices[1];
	struct gw_server_options options = rig_options();

	devices[0] = fake_device(&st.fake);
	st.fake->occupies = true;
	options.devices = devices;
	st.server = rig_server(&options);
	st.client = rig_client(&st.rig, st.server);
	st.buffer = rig_alloc(st.client, 4096);
	st.t[0] = rig_tensor(rig_type("f32"), &st.buffer, 0, 4, 1);
	st.t[1] = rig_tensor(rig_type("f32"), &st.buffer, 64, 4, 1);
	st.t[1].op = rig_op("SQR");
	st.t[1].src[0] = st.t[0].id;
	set(&st, 3);
	rig_compute(st.client, 1, &st.t[1].id, 1, st.t, 2);
	assert_float_equal(get(&st), 9, 0);
	*out = &st;
	return 0;
}

static int end(struct state *st)
{
	assert_int_equal(st->fake->n_buffers, 0);
	assert_int_equal(st->fake->n_backends, 0);
	assert_false(atomic_load(&st->fake->overdue));
	gw_server_free(st->server);
	return 0;
}

static int teardown(void **in)
{
	struct state *st = *in;

	rig_leave(&st->rig, st->client);
	return end(st);
}

static int teardown_refused(void **in)
{
	struct state *st = *in;

	gw_client_close(st->client);
	rig_join(&st->rig);
	assert_int_equal(st->rig.end, GW_ERR_COMPUTE);
	assert_non_null(strstr(st->rig.why.text, "device FAKE0 failed"));
	return end(st);
}

static void begin(struct state *st)
{
	atomic_store(&st->fake->held, true);
	rig_recompute(st->client, 1);
	assert_int_equal(gw_client_flush(st->client), GW_OK);
}

static void call(struct state *st, enum gw_cmd cmd, const void *request, size_t size, size_t reply_size)
{
	uint8_t reply[16];
	struct iovec part = {(void *)(uintptr_t)request, size};

	assert_int_equal(gw_client_call(st->client, cmd, &part, 1, reply, reply_size), GW_OK);
}

static void questions_do_not_wait(void **in)
{
	struct state *st = *in;
	struct gw_wire_node_req node = {.tensor = st->t[1], .src[0] = st->t[0]};
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_buf info = {0};
	struct iovec level = {(uint8_t[4]){GW_EXT_LEVEL}, 4};

	set(st, 5);
	begin(st);
	call(st, GW_CMD_EXT_SUPPORTS_OP, out, gw_wire_node_req_encode(&gw_dialect_8_0, &node, out), 1);
	call(st, GW_CMD_GET_ALLOC_SIZE, out, gw_wire_node_req_encode(&gw_dialect_8_0, &node, out), 8);
	call(st, GW_CMD_GET_ALIGNMENT, out, gw_wire_device_req_encode(0, out), 8);
	call(st, GW_CMD_GET_DEVICE_MEMORY, out, gw_wire_device_req_encode(0, out), 16);
	call(st, GW_CMD_BUFFER_GET_BASE, out, gw_wire_buffer_req_encode(st->buffer.handle, out), 8);
	assert_int_equal(gw_client_call_var(st->client, GW_CMD_EXT_INFO, &level, 1, &info, GW_EXT_INFO_MAX), GW_OK);
	gw_buf_free(&info);
	struct rig_buffer more = rig_alloc(st->client, 100);
	atomic_store(&st->fake->held, false);
	assert_float_equal(get(st), 25, 0);
	rig_free(st->client, &more);
}

/* Requests take effect in the order of sending, even if the client waits for none of them. */
static void contents_change_after_what_was_sent_before(void **in)
{
	struct state *st = *in;
	float y[4] = {0};

	set(st, 5);
	rig_recompute(st->client, 1);
	set(st, 6);
	assert_float_equal(get(st), 25, 0);
	rig_recompute(st->client, 1);
	rig_recompute(st->client, 1);
	rig_get(st->client, &st->t[0], 0, y, sizeof(y));
	assert_float_equal(y[0], 6, 0);
	assert_float_equal(get(st), 36, 0);
}

/* Replaces a graph while it is computed, under the same number and another one, and sends more graphs than the server
 * defers. */
static void graphs_live_until_they_are_computed(void **in)
{
	struct state *st = *in;

	set(st, 7);
	for (int i = 0; i < 70; i++)
		rig_compute(st->client, (uint64_t)(i % 2), &st->t[1].id, 1, st->t, 2);
	assert_float_equal(get(st), 49, 0);
}

static void a_buffer_lives_until_its_graph_is_computed(void **in)
{
	struct state *st = *in;

	rig_recompute(st->client, 1);
	rig_free(st->client, &st->buffer);
	rig_alloc(st->client, 64);
}

static void a_client_may_leave_while_a_graph_is_computed(void **in)
{
	struct state *st = *in;

	rig_recompute(st->client, 1);
	assert_int_equal(gw_client_flush(st->client), GW_OK);
}

/* The server never returns the result of a failed graph. */
static void a_failed_graph_has_no_result(void **in)
{
	struct state *st = *in;
	uint8_t request[GW_WIRE_GET_REQ];
	float y[4];
	struct gw_wire_get_req req = {.tensor = st->t[1], .size = sizeof(y)};
	struct iovec part = {request, gw_wire_get_req_encode(&gw_dialect_8_0, &req, request)};

	st->fake->fails = true;
	rig_recompute(st->client, 1);
	assert_int_not_equal(gw_client_call(st->client, GW_CMD_GET_TENSOR, &part, 1, y, sizeof(y)), GW_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(questions_do_not_wait),
		TEST(contents_change_after_what_was_sent_before),
		TEST(graphs_live_until_they_are_computed),
		TEST(a_buffer_lives_until_its_graph_is_computed),
		TEST(a_client_may_leave_while_a_graph_is_computed),
		cmocka_unit_test_setup_teardown(a_failed_graph_has_no_result, setup, teardown_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
