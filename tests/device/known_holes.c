/* Published vulnerabilities of the stock server, one test each, with the name of the vulnerability: the server refuses
 * the attack with a clear error and goes on serving. refusal.c and graph_refusal.c test variations. */
#include "device/raw.h"

#include <stdlib.h>
#include <string.h>

#define SIZE 8192

struct world {
	struct gw_server *server;
	struct raw raw;
	struct rig_buffer buffer;
	struct gw_wire_tensor t; /* 4096 bytes at the start of the buffer */
};

static int setup(void **out)
{
	static struct world w;
	struct gw_server_options options = rig_options();
	w.server = rig_server(&options);
	raw_start(&w.raw, w.server, &gw_dialect_8_0);
	w.buffer = raw_alloc(&w.raw, SIZE);
	w.t = rig_tensor(rig_type("f32"), &w.buffer, 0, 1024, 1);
	*out = &w;
	return 0;
}

/* The next client is served, whatever happened. */
static int teardown(void **in)
{
	struct world *w = *in;
	struct rig rig;
	struct gw_client *c = rig_client(&rig, w->server);
	struct rig_buffer b = rig_alloc(c, 64);
	uint8_t back[16];
	struct gw_wire_tensor t = rig_tensor(rig_type("i8"), &b, 0, 16, 1);
	rig_set(c, &t, 0, "sixteen bytes ok", 16);
	rig_get(c, &t, 0, back, sizeof(back));
	assert_memory_equal(back, "sixteen bytes ok", 16);
	rig_leave(&rig, c);
	gw_server_free(w->server);
	return 0;
}

static void refused(struct world *w, unsigned cmd, const char *words)
{
	raw_end_refused(&w->raw, GW_ERR_PROTOCOL, gw_cmd_name(cmd), words);
}

static void send_set(struct world *w, const struct gw_wire_tensor *t, uint64_t offset)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	const struct gw_wire_set_req req = {.tensor = *t, .offset = offset};
	size_t n = gw_wire_set_req_encode(&gw_dialect_8_0, &req, body);
	memset(body + n, 0x41, 8);
	raw_send(&w->raw, GW_CMD_SET_TENSOR, body, n + 8);
}

static void send_get(struct world *w, const struct gw_wire_tensor *t, uint64_t offset, uint64_t size)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	const struct gw_wire_get_req req = {.tensor = *t, .offset = offset, .size = size};
	raw_send(&w->raw, GW_CMD_GET_TENSOR, body, gw_wire_get_req_encode(&gw_dialect_8_0, &req, body));
}

static void send_copy(struct world *w, const struct gw_wire_tensor *src, const struct gw_wire_tensor *dst)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	const struct gw_wire_copy_req req = {.src = *src, .dst = *dst};
	raw_send(&w->raw, GW_CMD_COPY_TENSOR, body, gw_wire_copy_req_encode(&gw_dialect_8_0, &req, body));
}

static void send_graph(struct world *w, uint64_t uid, const uint64_t *nodes, uint32_t n_nodes,
	const struct gw_wire_tensor *tensors, uint32_t n)
{
	size_t size;
	void *body = rig_graph(&gw_dialect_8_0, 0, uid, nodes, n_nodes, tensors, n, &size);
	raw_send(&w->raw, GW_CMD_GRAPH_COMPUTE, body, size);
	free(body);
}

static void write_what_where_by_SET_TENSOR(void **in)
{
	struct world *w = *in;
	w->t.data = 0x7fff00001000;
	send_set(w, &w->t, 0);
	refused(w, GW_CMD_SET_TENSOR, "is not inside buffer");
}

static void write_behind_the_tensor_by_SET_TENSOR_offset(void **in)
{
	struct world *w = *in;
	send_set(w, &w->t, UINT64_MAX - 3);
	refused(w, GW_CMD_SET_TENSOR, "");
}

static void read_anywhere_by_GET_TENSOR(void **in)
{
	struct world *w = *in;
	w->t.data = 0x7fff00001000;
	send_get(w, &w->t, 0, 4096);
	refused(w, GW_CMD_GET_TENSOR, "is not inside buffer");
}

static void read_behind_the_tensor_by_GET_TENSOR_size(void **in)
{
	struct world *w = *in;
	send_get(w, &w->t, 8, UINT64_MAX - 7);
	refused(w, GW_CMD_GET_TENSOR, "");
}

/* dst.data + size wrapped around, and a destination below its buffer passed as inside. */
static void overflow_in_COPY_TENSOR(void **in)
{
	struct world *w = *in;
	struct gw_wire_tensor dst = w->t;
	dst.data = UINT64_MAX - 1024;
	send_copy(w, &w->t, &dst);
	refused(w, GW_CMD_COPY_TENSOR, "is not inside buffer");
}

static void zero_element_destination_of_COPY_TENSOR(void **in)
{
	struct world *w = *in;
	struct gw_wire_tensor dst = w->t;
	dst.ne[3] = 0;
	dst.data = w->buffer.base - 4096;
	send_copy(w, &w->t, &dst);
	refused(w, GW_CMD_COPY_TENSOR, "is not inside buffer");
}

/* The destination is smaller than its source. */
static void heap_overflow_by_COPY_TENSOR(void **in)
{
	struct world *w = *in;
	struct gw_wire_tensor dst = rig_tensor(rig_type("f32"), &w->buffer, SIZE - 16, 4, 1);
	uint8_t answer = 1;
	send_copy(w, &w->t, &dst);
	raw_reply(&w->raw, &answer, 1);
	assert_int_equal(answer, 0);
	raw_end_clean(&w->raw);
}

static void buffer_0_skips_every_check(void **in)
{
	struct world *w = *in;
	w->t.buffer = 0;
	send_set(w, &w->t, 0);
	refused(w, GW_CMD_SET_TENSOR, "in unknown buffer 0");
}

static void buffer_0_in_a_graph_skips_every_check(void **in)
{
	struct world *w = *in;
	struct gw_wire_tensor t[2] = {w->t, rig_tensor(rig_type("f32"), &w->buffer, 4096, 1024, 1)};
	t[0].buffer = 0;
	t[1].op = rig_op("SQR");
	t[1].src[0] = t[0].id;
	send_graph(w, 0, &t[1].id, 1, t, 2);
	refused(w, GW_CMD_GRAPH_COMPUTE, "in unknown buffer 0");
}

/* Handles were pointers, so a client could name any address. */
static void handles_are_pointers(void **in)
{
	struct world *w = *in;
	assert_int_equal(w->buffer.handle, 1);
	w->t.buffer = 0x4141414141414141;
	send_get(w, &w->t, 0, 4);
	refused(w, GW_CMD_GET_TENSOR, "in unknown buffer 4702111234474983745");
}

static void double_free_by_FREE_BUFFER(void **in)
{
	struct world *w = *in;
	uint8_t body[8];
	size_t n = gw_wire_buffer_req_encode(w->buffer.handle, body);
	raw_send(&w->raw, GW_CMD_FREE_BUFFER, body, n);
	raw_send(&w->raw, GW_CMD_FREE_BUFFER, body, n);
	refused(w, GW_CMD_FREE_BUFFER, "buffer 1 is unknown");
}

static void use_after_free_by_RECOMPUTE_after_FREE_BUFFER(void **in)
{
	struct world *w = *in;
	uint8_t body[16];
	struct gw_wire_tensor t[2] = {w->t, rig_tensor(rig_type("f32"), &w->buffer, 4096, 1024, 1)};
	t[1].op = rig_op("SQR");
	t[1].src[0] = t[0].id;
	send_graph(w, 7, &t[1].id, 1, t, 2);
	raw_send(&w->raw, GW_CMD_FREE_BUFFER, body, gw_wire_buffer_req_encode(w->buffer.handle, body));
	const struct gw_wire_recompute_req req = {.uid = 7};
	raw_send(&w->raw, GW_CMD_GRAPH_RECOMPUTE, body, gw_wire_recompute_req_encode(&gw_dialect_8_0, &req, body));
	refused(w, GW_CMD_GRAPH_RECOMPUTE, "its buffers were freed");
}

static void function_pointers_of_custom_operations(void **in)
{
	struct world *w = *in;
	struct gw_wire_tensor t[2] = {w->t, rig_tensor(rig_type("f32"), &w->buffer, 4096, 1024, 1)};
	t[1].op = rig_op("MAP_CUSTOM1");
	t[1].src[0] = t[0].id;
	memset(t[1].op_params, 0x41, sizeof(t[1].op_params));
	send_graph(w, 0, &t[1].id, 1, t, 2);
	raw_end_refused(&w->raw, GW_ERR_UNSUPPORTED, "GRAPH_COMPUTE", "a function of the client cannot be called here");
}

/* Types that were removed have a block size of 0. */
static void division_by_a_block_size_of_0(void **in)
{
	struct world *w = *in;
	for (uint32_t type = 4; type <= 5; type++) {
		if (type > 4) {
			raw_start(&w->raw, w->server, &gw_dialect_8_0);
			w->buffer = raw_alloc(&w->raw, SIZE);
		}
		w->t.type = type;
		send_get(w, &w->t, 0, 4);
		refused(w, GW_CMD_GET_TENSOR, "is of unknown type");
	}
}

static void type_beyond_the_table(void **in)
{
	struct world *w = *in;
	w->t.type = INT32_MAX;
	send_get(w, &w->t, 0, 4);
	refused(w, GW_CMD_GET_TENSOR, "is of unknown type");
}

static void operation_beyond_the_table(void **in)
{
	struct world *w = *in;
	w->t.op = INT32_MAX;
	send_graph(w, 0, &w->t.id, 1, &w->t, 1);
	raw_end_refused(&w->raw, GW_ERR_UNSUPPORTED, "GRAPH_COMPUTE", "this server has no operation");
}

static void ne0_that_is_no_block_multiple(void **in)
{
	struct world *w = *in;
	w->t.type = rig_type("q4_0");
	w->t.ne[0] = 33;
	send_set(w, &w->t, 0);
	refused(w, GW_CMD_SET_TENSOR, "not whole q4_0 blocks");
}

/* Upstream a node that is listed twice caused a write beyond an array. It is legal here: test-backend-ops uses it. */
static void node_id_listed_twice(void **in)
{
	struct world *w = *in;
	const float three = 3.0f;
	float nine = 0.0f;
	struct gw_wire_tensor t[2] = {
		rig_tensor(rig_type("f32"), &w->buffer, 0, 1, 1), rig_tensor(rig_type("f32"), &w->buffer, 64, 1, 1)};
	const uint64_t nodes[2] = {t[1].id, t[1].id};
	uint8_t body[GW_WIRE_MAX_FIXED];
	const struct gw_wire_set_req req = {.tensor = t[0]};
	size_t n = gw_wire_set_req_encode(&gw_dialect_8_0, &req, body);
	memcpy(body + n, &three, sizeof(three));
	raw_send(&w->raw, GW_CMD_SET_TENSOR, body, n + sizeof(three));
	t[1].op = rig_op("SQR");
	t[1].src[0] = t[0].id;
	send_graph(w, 0, nodes, 2, t, 2);
	send_get(w, &t[1], 0, sizeof(nine));
	raw_reply(&w->raw, &nine, sizeof(nine));
	assert_true(nine >= 9.0f && nine <= 9.0f);
	raw_end_clean(&w->raw);
}

static void tensor_id_given_twice(void **in)
{
	struct world *w = *in;
	struct gw_wire_tensor t[2] = {w->t, w->t};
	send_graph(w, 0, &w->t.id, 1, t, 2);
	refused(w, GW_CMD_GRAPH_COMPUTE, "occurs twice");
}

static void node_id_0_is_a_null_pointer(void **in)
{
	struct world *w = *in;
	const uint64_t none = 0;
	send_graph(w, 0, &none, 1, &w->t, 1);
	refused(w, GW_CMD_GRAPH_COMPUTE, "node 0 is unknown tensor 0x0");
}

/* The length of a chain was limited only by the stack. */
static void recursion_along_a_chain_of_tensors(void **in)
{
	enum {
		LENGTH = 200000
	};
	struct world *w = *in;
	struct gw_wire_tensor *t = calloc(LENGTH, sizeof(*t));
	assert_non_null(t);
	for (uint32_t i = 0; i < LENGTH; i++) {
		t[i] = rig_tensor(rig_type("f32"), &w->buffer, 0, 1, 1);
		t[i].src[0] = i ? t[i - 1].id : 0;
	}
	send_graph(w, 0, &t[LENGTH - 1].id, 1, t, LENGTH);
	free(t);
	raw_end_clean(&w->raw);
}

static void tensors_in_a_circle(void **in)
{
	struct world *w = *in;
	struct gw_wire_tensor t[2] = {w->t, rig_tensor(rig_type("f32"), &w->buffer, 4096, 1024, 1)};
	t[0].src[0] = t[1].id;
	t[1].src[0] = t[0].id;
	t[1].op = rig_op("SQR");
	send_graph(w, 0, &t[1].id, 1, t, 2);
	refused(w, GW_CMD_GRAPH_COMPUTE, "cycle");
}

static void missing_source_of_an_operation(void **in)
{
	struct world *w = *in;
	w->t.op = rig_op("MUL_MAT");
	send_graph(w, 0, &w->t.id, 1, &w->t, 1);
	refused(w, GW_CMD_GRAPH_COMPUTE, "src 0 is missing");
}

static void allocation_by_a_length_from_the_wire(void **in)
{
	struct world *w = *in;
	raw_send_part(&w->raw, GW_CMD_GRAPH_COMPUTE, UINT64_MAX, NULL, 0);
	refused(w, GW_CMD_GRAPH_COMPUTE, "invalid size: 18446744073709551615 bytes");
}

static void name_without_an_end(void **in)
{
	struct world *w = *in;
	uint8_t body[GW_WIRE_MAX_FIXED];
	w->t.data = 1;
	const struct gw_wire_get_req req = {.tensor = w->t, .size = 4};
	size_t n = gw_wire_get_req_encode(&gw_dialect_8_0, &req, body);
	/* The name is the last field of the tensor except for padding. */
	memset(body + GW_WIRE_TENSOR_SIZE - 4 - GW_WIRE_NAME, 'A', GW_WIRE_NAME + 4);
	raw_send(&w->raw, GW_CMD_GET_TENSOR, body, n);
	refused(w, GW_CMD_GET_TENSOR, "AAA' at 0x1");
}

/* COMM_INIT opened a port and waited for anyone to connect. */
static void communicator_that_listens_for_strangers(void **in)
{
	struct world *w = *in;
	uint8_t body[GW_WIRE_MAX_FIXED], answer = 1;
	const struct gw_wire_comm_init_req req = {.world = 2, .port = 1};
	raw_send(&w->raw, GW_CMD_COMM_INIT, body, gw_wire_comm_init_req_encode(&req, body));
	raw_reply(&w->raw, &answer, 1);
	assert_int_equal(answer, 0);
	raw_end_clean(&w->raw);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(write_what_where_by_SET_TENSOR),
		TEST(write_behind_the_tensor_by_SET_TENSOR_offset),
		TEST(read_anywhere_by_GET_TENSOR),
		TEST(read_behind_the_tensor_by_GET_TENSOR_size),
		TEST(overflow_in_COPY_TENSOR),
		TEST(zero_element_destination_of_COPY_TENSOR),
		TEST(heap_overflow_by_COPY_TENSOR),
		TEST(buffer_0_skips_every_check),
		TEST(buffer_0_in_a_graph_skips_every_check),
		TEST(handles_are_pointers),
		TEST(double_free_by_FREE_BUFFER),
		TEST(use_after_free_by_RECOMPUTE_after_FREE_BUFFER),
		TEST(function_pointers_of_custom_operations),
		TEST(division_by_a_block_size_of_0),
		TEST(type_beyond_the_table),
		TEST(operation_beyond_the_table),
		TEST(ne0_that_is_no_block_multiple),
		TEST(node_id_listed_twice),
		TEST(tensor_id_given_twice),
		TEST(node_id_0_is_a_null_pointer),
		TEST(recursion_along_a_chain_of_tensors),
		TEST(tensors_in_a_circle),
		TEST(missing_source_of_an_operation),
		TEST(allocation_by_a_length_from_the_wire),
		TEST(name_without_an_end),
		TEST(communicator_that_listens_for_strangers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
