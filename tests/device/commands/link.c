/* Adding up and copying, as clients ask for it that do not keep to the rules; and what one server does alone. */
#include "device/rig.h"

#include <stdlib.h>
#include <string.h>

#include "wire/peers.h"

static int setup(void **out)
{
	struct gw_server_options options = rig_options();
	options.max_memory = 1 << 20;
	*out = rig_server(&options);
	return 0;
}

static int teardown(void **in)
{
	gw_server_free(*in);
	return 0;
}

static struct rig rig;
static struct gw_client *client;
static struct rig_buffer buffer;

static void begin(void **in, uint64_t size)
{
	client = rig_client(&rig, *in);
	buffer = rig_alloc(client, size);
}

static void post(enum gw_cmd cmd, const void *body, size_t n)
{
	struct iovec part = {(void *)(uintptr_t)body, n};
	/* A server that refuses may be gone before this is sent. */
	(void)gw_client_post(client, cmd, &part, 1);
	(void)gw_client_flush(client);
}

static void define(uint32_t group, uint32_t size)
{
	uint8_t body[GW_PEERS_GROUP_REQ];
	const struct gw_peers_group_req req = {.group = group, .size = size};
	post(GW_CMD_EXT_GROUP, body, gw_peers_group_req_encode(&req, body));
}

/* Two operands side by side. */
static struct gw_peers_reduce_req two_operands(uint64_t elements)
{
	return (struct gw_peers_reduce_req){.steps = 1,
		.n = 2,
		.elements = elements,
		.operands = {{buffer.handle, buffer.base, 1}, {buffer.handle, buffer.base + 4 * elements, 1}}};
}

static void reduce(const struct gw_peers_reduce_req *req)
{
	uint8_t body[GW_PEERS_REDUCE_MAX];
	post(GW_CMD_EXT_ALLREDUCE, body, gw_peers_reduce_req_encode(req, body));
}

static void expect_end(enum gw_status status, const char *text)
{
	rig_join(&rig);
	gw_client_close(client);
	assert_int_equal(rig.end, status);
	if (!strstr(rig.why.text, text))
		fail_msg("%s", rig.why.text);
}

static void one_server_adds_up_its_own(void **in)
{
	const float values[6] = {1, 2, 3, 10, 20, 30}, sums[6] = {11, 22, 33, 11, 22, 33};
	float got[6];
	begin(in, 64);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &buffer, 0, 6, 1);
	struct gw_peers_reduce_req req = two_operands(3);
	rig_set(client, &t, 0, values, sizeof(values));
	define(0, 1);
	reduce(&req);
	rig_get(client, &t, 0, got, sizeof(got));
	assert_memory_equal(got, sums, sizeof(got));
	req.operands[1].computed = 0;
	reduce(&req);
	rig_get(client, &t, 0, got, sizeof(got));
	assert_memory_equal(got, sums, sizeof(got));
	req.operands[0].computed = 0;
	reduce(&req);
	rig_get(client, &t, 0, got, sizeof(got));
	for (size_t i = 0; i < 6; i++)
		assert_true(got[i] == 0);
	rig_free(client, &buffer);
	rig_leave(&rig, client);
}

static void refuses(void **in, struct gw_peers_reduce_req (*make)(void), const char *why)
{
	begin(in, 64);
	define(0, 1);
	const struct gw_peers_reduce_req req = make();
	reduce(&req);
	expect_end(GW_ERR_PROTOCOL, why);
}

static struct gw_peers_reduce_req of_no_group(void)
{
	struct gw_peers_reduce_req req = two_operands(3);
	req.group = 1;
	return req;
}

static struct gw_peers_reduce_req beyond_the_buffer(void)
{
	struct gw_peers_reduce_req req = two_operands(3);
	req.operands[1].data = buffer.base + buffer.size - 8;
	return req;
}

static struct gw_peers_reduce_req between_elements(void)
{
	struct gw_peers_reduce_req req = two_operands(3);
	req.operands[0].data++;
	return req;
}

static struct gw_peers_reduce_req of_too_many(void)
{
	return two_operands(UINT64_C(1) << 40);
}

static struct gw_peers_reduce_req in_no_buffer(void)
{
	struct gw_peers_reduce_req req = two_operands(3);
	req.operands[0].buffer += 100;
	return req;
}

static void operands_are_checked(void **in)
{
	refuses(in, of_no_group, "not defined");
	refuses(in, beyond_the_buffer, "EXT_ALLREDUCE");
	refuses(in, between_elements, "address");
	refuses(in, of_too_many, "elements");
	refuses(in, in_no_buffer, "unknown buffer");
}

static void a_group_needs_its_links(void **in)
{
	begin(in, 64);
	define(0, 2);
	const struct gw_peers_reduce_req req = two_operands(3);
	reduce(&req);
	expect_end(GW_ERR_PROTOCOL, "no link 0");
}

static void copies_need_their_link(void **in)
{
	static const enum gw_cmd ways[] = {GW_CMD_EXT_SEND, GW_CMD_EXT_RECEIVE};
	for (size_t i = 0; i < 2; i++) {
		uint8_t body[GW_PEERS_COPY_REQ];
		begin(in, 64);
		define(0, 1);
		const struct gw_peers_copy_req req = {7, buffer.handle, buffer.base, 64};
		post(ways[i], body, gw_peers_copy_req_encode(&req, body));
		expect_end(GW_ERR_PROTOCOL, "no link 7");
	}
}

/* The sum of two tensors takes the place of a third. */
static void memory_is_taken_from_the_budget(void **in)
{
	begin(in, 900 << 10);
	define(0, 1);
	const struct gw_peers_reduce_req req = two_operands(110 << 10);
	reduce(&req);
	expect_end(GW_ERR_LIMIT, "--max-memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_server_adds_up_its_own),
		cmocka_unit_test(operands_are_checked),
		cmocka_unit_test(a_group_needs_its_links),
		cmocka_unit_test(copies_need_their_link),
		cmocka_unit_test(memory_is_taken_from_the_budget),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
