/* The server's replies about its devices and about supported operations. */
#include "device/rig.h"

#include <string.h>

#include "wire/extension.h"

struct state {
	struct gw_server *server;
	struct rig rig;
	struct gw_client *client;
};

static int setup(void **out)
{
	static struct state st;
	struct gw_server_options options = rig_options();

	st.server = rig_server(&options);
	st.client = rig_client(&st.rig, st.server);
	*out = &st;
	return 0;
}

static int teardown(void **in)
{
	struct state *st = *in;

	rig_leave(&st->rig, st->client);
	gw_server_free(st->server);
	return 0;
}

static uint64_t ask_device(struct gw_client *c, enum gw_cmd cmd)
{
	uint8_t out[GW_WIRE_MAX_FIXED], in[8];
	uint64_t value;
	struct iovec part = {out, gw_wire_device_req_encode(0, out)};

	assert_int_equal(gw_client_call(c, cmd, &part, 1, in, sizeof(in)), GW_OK);
	assert_true(gw_wire_u64_rsp_decode(in, sizeof(in), &value));
	return value;
}

static void devices_are_described_as_ggml_does(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	ggml_backend_buffer_type_t buft = ggml_backend_dev_buffer_type(rig_cpu());
	uint8_t out[GW_WIRE_MAX_FIXED], got[16];
	struct gw_wire_memory_rsp memory;
	size_t available, total;

	assert_int_equal(gw_client_call(c, GW_CMD_DEVICE_COUNT, NULL, 0, got, 4), GW_OK);
	assert_int_equal(gw_le32(got), 1);
	assert_int_equal(ask_device(c, GW_CMD_GET_ALIGNMENT), ggml_backend_buft_get_alignment(buft));
	assert_int_equal(ask_device(c, GW_CMD_GET_MAX_SIZE), ggml_backend_buft_get_max_size(buft));
	struct iovec part = {out, gw_wire_device_req_encode(0, out)};
	assert_int_equal(gw_client_call(c, GW_CMD_GET_DEVICE_MEMORY, &part, 1, got, 16), GW_OK);
	assert_true(gw_wire_memory_rsp_decode(got, 16, &memory));
	ggml_backend_dev_memory(rig_cpu(), &available, &total);
	assert_int_equal(memory.total, total);
}

static void ask_node(struct gw_client *c, enum gw_cmd cmd, const struct gw_wire_node_req *req, void *reply, size_t size)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct iovec part = {out, gw_wire_node_req_encode(gw_client_dialect(c), req, out)};

	assert_int_equal(gw_client_call(c, cmd, &part, 1, reply, size), GW_OK);
}

static uint64_t alloc_size(struct gw_client *c, const struct gw_wire_node_req *req)
{
	uint8_t got[8];

	ask_node(c, GW_CMD_GET_ALLOC_SIZE, req, got, sizeof(got));
	return gw_le64(got);
}

static bool supported(struct gw_client *c, const struct gw_wire_node_req *req)
{
	uint8_t got;

	ask_node(c, GW_CMD_EXT_SUPPORTS_OP, req, &got, 1);
	return got;
}

static struct gw_wire_node_req node(const char *op, const char *src_type)
{
	struct gw_wire_node_req req = {.tensor = rig_tensor(rig_type("f32"), NULL, 0, 4, 2),
		.src[0] = rig_tensor(rig_type(src_type), NULL, 0, 256, 4),
		.src[1] = rig_tensor(rig_type("f32"), NULL, 0, 256, 2)};

	req.tensor.op = rig_op(op);
	req.tensor.src[0] = req.src[0].id;
	req.tensor.src[1] = req.src[1].id;
	return req;
}

static void sizes_are_at_least_those_of_the_elements(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct gw_wire_node_req req = node("MUL_MAT", "q4_0");

	assert_int_equal(alloc_size(c, &req), 32);
	req.tensor.op = rig_op("NONE");
	assert_int_equal(alloc_size(c, &req), 32);
	req.tensor = rig_tensor(rig_type("q4_0"), NULL, 0, 32, 3);
	assert_int_equal(alloc_size(c, &req), 3 * 18);
}

/* The server answers even when no device can judge the description. */
static void sizes_are_given_for_any_operation(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct gw_wire_node_req req = node("FLASH_ATTN_EXT", "f16");

	assert_int_equal(alloc_size(c, &req), 32);
	req.tensor.op = rig_op("CUSTOM");
	assert_int_equal(alloc_size(c, &req), 32);
	req.tensor.op = 12345;
	assert_int_equal(alloc_size(c, &req), 32);
}

/* The buffer may belong to another server, and the address may be anything. */
static void sizes_do_not_depend_on_an_address(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer b = rig_alloc(c, 4096);
	struct gw_wire_node_req req = node("MUL_MAT", "q4_0");

	req.tensor.buffer = b.handle;
	req.tensor.data = 1;
	req.src[0].buffer = 999;
	req.src[0].data = UINT64_MAX;
	assert_int_equal(alloc_size(c, &req), 32);
}

static void supported_operations_are_those_of_the_device(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct gw_wire_node_req req = node("MUL_MAT", "q4_0");

	assert_true(supported(c, &req));
	req.src[1].type = rig_type("i32");
	assert_false(supported(c, &req));
	req = node("VIEW", "i32");
	assert_true(supported(c, &req));
}

static void invalid_operations_are_not_supported(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct gw_wire_node_req req = node("MAP_CUSTOM1", "f32");

	assert_false(supported(c, &req));
	req = node("MUL_MAT", "f32");
	req.src[1].id = 0;
	assert_false(supported(c, &req));
	req = node("UNARY", "f32");
	req.tensor.op_params[0] = 12345;
	assert_false(supported(c, &req));
	req = node("MUL", "f32");
	req.tensor.op = 101;
	assert_false(supported(c, &req));
	req = node("MUL", "f32");
	req.src[0].type = 77;
	assert_false(supported(c, &req));
}

static void the_server_describes_itself(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	uint8_t level[4];
	struct iovec part = {level, sizeof(level)};
	struct gw_buf reply = {0};
	struct gw_ext_info info;

	gw_put_le32(level, GW_EXT_LEVEL);
	assert_int_equal(gw_client_call_var(c, GW_CMD_EXT_INFO, &part, 1, &reply, GW_EXT_INFO_MAX), GW_OK);
	assert_int_equal(gw_ext_info_decode(reply.data, reply.len, &info), GW_OK);
	assert_int_equal(info.level, GW_EXT_LEVEL);
	assert_int_equal(info.flags, GW_EXT_SERVER_ALLOC | GW_EXT_SERVER_STREAM);
	assert_int_equal(info.n_devices, 1);
	assert_string_equal(info.devices[0].name, ggml_backend_dev_name(rig_cpu()));
	assert_string_equal(info.devices[0].description, ggml_backend_dev_description(rig_cpu()));
	assert_int_equal(
		info.devices[0].alignment, ggml_backend_buft_get_alignment(ggml_backend_dev_buffer_type(rig_cpu())));
	assert_int_equal(info.devices[0].flags,
		GW_EXT_DEVICE_SHAPES | GW_EXT_DEVICE_PLAIN_ALLOC | GW_EXT_DEVICE_NO_INIT | GW_EXT_DEVICE_HOST_MEMORY);
	gw_ext_info_free(&info);
	gw_buf_free(&reply);
}

static void stream(struct gw_client *c, size_t there, size_t back)
{
	static uint8_t out[300000], in[600000];
	uint8_t fixed[GW_EXT_STREAM_FIXED];
	struct iovec parts[] = {{fixed, sizeof(fixed)}, {out, there}};

	gw_put_le64(fixed, back);
	memset(out, 0xa5, sizeof(out));
	assert_int_equal(gw_client_call(c, GW_CMD_EXT_STREAM, parts, 2, in, back), GW_OK);
	for (size_t i = 0; i < back; i++)
		assert_int_equal(in[i], 0);
}

/* The stream command transfers bytes only to measure the connection. The server does not return what it received. */
static void streams_have_the_requested_sizes(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;

	stream(c, 0, 0);
	stream(c, 300000, 0);
	stream(c, 0, 600000);
	stream(c, 262144, 262145);
}

static struct gw_ext_alloc_rsp allocate(struct gw_client *c, uint64_t size)
{
	uint8_t out[GW_WIRE_MAX_FIXED], got[GW_EXT_ALLOC_RSP];
	struct iovec part = {out, gw_wire_alloc_req_encode(&(struct gw_wire_alloc_req){.size = size}, out)};
	struct gw_ext_alloc_rsp rsp;

	assert_int_equal(gw_client_call(c, GW_CMD_EXT_ALLOC, &part, 1, got, sizeof(got)), GW_OK);
	gw_ext_alloc_rsp_decode(got, &rsp);
	return rsp;
}

static void alloc_and_get_base_share_a_reply(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct gw_ext_alloc_rsp b = allocate(c, 4096), none = allocate(c, UINT64_MAX);
	uint8_t out[GW_WIRE_MAX_FIXED], got[8];
	struct iovec part = {out, gw_wire_buffer_req_encode(b.buffer, out)};

	assert_int_not_equal(b.buffer, 0);
	assert_true(b.size >= 4096);
	assert_int_equal(gw_client_call(c, GW_CMD_BUFFER_GET_BASE, &part, 1, got, sizeof(got)), GW_OK);
	assert_int_equal(gw_le64(got), b.base);
	assert_int_equal(none.buffer | none.size | none.base, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(devices_are_described_as_ggml_does),
		TEST(sizes_are_at_least_those_of_the_elements),
		TEST(sizes_are_given_for_any_operation),
		TEST(sizes_do_not_depend_on_an_address),
		TEST(supported_operations_are_those_of_the_device),
		TEST(invalid_operations_are_not_supported),
		TEST(the_server_describes_itself),
		TEST(streams_have_the_requested_sizes),
		TEST(alloc_and_get_base_share_a_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
