/* An older protocol, defined by its dialect only: empty replies, no flag before a payload, one graph per device. */
#include "device/raw.h"

#include <stdlib.h>
#include <string.h>

/* The dialect of 4.0.0, but with the operation and type numbers of this ggml. */
static struct gw_dialect old;

static int setup(void **out)
{
	struct gw_server_options options = rig_options();

	old = (struct gw_dialect){.version = {4, 0, 0},
		.n_commands = 17,
		.empty_reply = 1u << GW_CMD_FREE_BUFFER | 1u << GW_CMD_BUFFER_CLEAR | 1u << GW_CMD_INIT_TENSOR,
		.ops = gw_dialect_8_0.ops,
		.types = gw_dialect_8_0.types};
	options.dialect = &old;
	*out = rig_server(&options);
	return 0;
}

static int teardown(void **in)
{
	gw_server_free(*in);
	return 0;
}

static void some_commands_get_an_empty_reply(void **in)
{
	struct raw raw;
	uint8_t body[GW_WIRE_MAX_FIXED] = {0};

	raw_start(&raw, *in, &old);
	struct rig_buffer b = raw_alloc(&raw, 4096);
	struct gw_wire_tensor t = rig_tensor(rig_type("q4_0"), &b, 0, 32, 1);
	raw_send(&raw, GW_CMD_BUFFER_CLEAR, body,
		gw_wire_clear_req_encode(&(struct gw_wire_clear_req){.buffer = b.handle}, body));
	raw_reply(&raw, NULL, 0);
	raw_send(&raw, GW_CMD_INIT_TENSOR, body, gw_wire_tensor_req_encode(&old, &t, body));
	raw_reply(&raw, NULL, 0);
	raw_send(&raw, GW_CMD_FREE_BUFFER, body, gw_wire_buffer_req_encode(b.handle, body));
	raw_reply(&raw, NULL, 0);
	raw_end_clean(&raw);
}

static void send_graph(struct raw *raw, struct gw_wire_tensor t[2])
{
	size_t size;
	void *body = rig_graph(&old, 0, 0, &t[1].id, 1, t, 2, &size);

	raw_send(raw, GW_CMD_GRAPH_COMPUTE, body, size);
	free(body);
}

static void send_recompute(struct raw *raw)
{
	uint8_t body[GW_WIRE_MAX_FIXED];

	raw_send(raw, GW_CMD_GRAPH_RECOMPUTE, body,
		gw_wire_recompute_req_encode(&old, &(struct gw_wire_recompute_req){0}, body));
}

static void send_value(struct raw *raw, const struct gw_wire_tensor *t, float value)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	size_t n = gw_wire_set_req_encode(&old, &(struct gw_wire_set_req){.tensor = *t}, body);

	assert_int_equal(n, 304);
	memcpy(body + n, &value, 4);
	raw_send(raw, GW_CMD_SET_TENSOR, body, n + 4);
}

static float read_value(struct raw *raw, const struct gw_wire_tensor *t)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	float value;

	raw_send(raw, GW_CMD_GET_TENSOR, body,
		gw_wire_get_req_encode(&old, &(struct gw_wire_get_req){.tensor = *t, .size = 4}, body));
	raw_reply(raw, &value, 4);
	return value;
}

static void square(struct raw *raw, struct gw_wire_tensor t[2])
{
	struct rig_buffer b = raw_alloc(raw, 4096);

	t[0] = rig_tensor(rig_type("f32"), &b, 0, 1, 1);
	t[1] = rig_tensor(rig_type("f32"), &b, 64, 1, 1);
	t[1].op = rig_op("SQR");
	t[1].src[0] = t[0].id;
}

static void the_last_graph_is_computed_again(void **in)
{
	struct raw raw;
	struct gw_wire_tensor t[2];

	raw_start(&raw, *in, &old);
	square(&raw, t);
	send_value(&raw, &t[0], 3);
	send_graph(&raw, t);
	assert_float_equal(read_value(&raw, &t[1]), 9, 0);
	send_value(&raw, &t[0], 5);
	send_recompute(&raw);
	assert_float_equal(read_value(&raw, &t[1]), 25, 0);
	raw_end_clean(&raw);
}

static void recompute_without_a_graph_is_refused(void **in)
{
	struct raw raw;

	raw_start(&raw, *in, &old);
	send_recompute(&raw);
	raw_end_refused(&raw, GW_ERR_PROTOCOL, "GRAPH_RECOMPUTE", "not cached");
}

/* The stock server of that protocol computes on freed memory here. */
static void freeing_a_buffer_drops_the_last_graph(void **in)
{
	struct raw raw;
	struct gw_wire_tensor t[2];
	uint8_t body[GW_WIRE_MAX_FIXED];

	raw_start(&raw, *in, &old);
	square(&raw, t);
	send_graph(&raw, t);
	raw_send(&raw, GW_CMD_FREE_BUFFER, body, gw_wire_buffer_req_encode(t[0].buffer, body));
	raw_reply(&raw, NULL, 0);
	send_recompute(&raw);
	raw_end_refused(&raw, GW_ERR_PROTOCOL, "GRAPH_RECOMPUTE", "buffers were freed");
}

static void newer_commands_do_not_exist(void **in)
{
	struct raw raw;

	raw_start(&raw, *in, &old);
	raw_send_part(&raw, GW_CMD_MEMSET_TENSOR, 313, NULL, 0);
	raw_end_refused(&raw, GW_ERR_PROTOCOL, "MEMSET_TENSOR", "protocol 4.0.0 has no command 17");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(some_commands_get_an_empty_reply),
		TEST(the_last_graph_is_computed_again),
		TEST(recompute_without_a_graph_is_refused),
		TEST(freeing_a_buffer_drops_the_last_graph),
		TEST(newer_commands_do_not_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
