/* Invalid graphs, which no ggml program builds, never reach a device. */
#include "device/raw.h"

#include <stdlib.h>
#include <string.h>

#include "device/fake_device.h"
#include "device/graph/graph.h"

/* c = a * b, and a request body that the cases modify. */
struct world {
	struct gw_server *server;
	struct raw raw;
	struct rig_buffer buffer;
	struct gw_wire_tensor t[3]; /* a, b, c */
	uint64_t nodes[3];
	uint32_t n_nodes;
	uint32_t device;
};

enum {
	A,
	B,
	C
};

static void good(struct world *w)
{
	raw_start(&w->raw, w->server, &gw_dialect_8_0);
	w->buffer = raw_alloc(&w->raw, 8192);
	for (int i = 0; i < 3; i++)
		w->t[i] = rig_tensor(rig_type("f32"), &w->buffer, 1024 * (uint64_t)i, 64, 1);
	strcpy(w->t[C].name, "product");
	w->t[C].op = rig_op("MUL");
	w->t[C].src[0] = w->t[A].id;
	w->t[C].src[1] = w->t[B].id;
	w->nodes[0] = w->t[C].id;
	w->n_nodes = 1;
	w->device = 0;
}

static void send_graph(struct world *w)
{
	size_t size;
	void *body = rig_graph(&gw_dialect_8_0, w->device, 1, w->nodes, w->n_nodes, w->t, 3, &size);

	raw_send(&w->raw, GW_CMD_GRAPH_COMPUTE, body, size);
	free(body);
}

static int setup(void **out)
{
	static struct world w;
	struct gw_server_options options = rig_options();

	w.server = rig_server(&options);
	*out = &w;
	return 0;
}

static int teardown(void **in)
{
	gw_server_free(((struct world *)*in)->server);
	return 0;
}

static void unknown_device(struct world *w)
{
	w->device = 1;
}

static void node_of_id_0(struct world *w)
{
	w->nodes[0] = 0;
}

static void tensor_of_id_0_as_node(struct world *w)
{
	w->t[C].id = w->nodes[0] = 0;
}

static void unknown_node(struct world *w)
{
	w->nodes[0] = 12345;
}

static void same_id_twice(struct world *w)
{
	w->t[B].id = w->t[A].id;
}

static void unknown_source(struct world *w)
{
	w->t[C].src[1] = 12345;
}

static void unknown_view_source(struct world *w)
{
	w->t[A].view_src = 12345;
}

static void circle(struct world *w)
{
	w->t[A].src[0] = w->t[C].id;
}

static void circle_outside_the_nodes(struct world *w)
{
	w->t[A].src[3] = w->t[B].id;
	w->t[B].src[9] = w->t[A].id;
}

static void view_of_a_view(struct world *w)
{
	w->t[A].view_src = w->t[B].id;
	w->t[B].view_src = w->t[B].id;
}

static void view_of_itself(struct world *w)
{
	w->t[A].view_src = w->t[A].id;
}

static void view_elsewhere(struct world *w)
{
	w->t[A].view_src = w->t[B].id;
}

static void view_too_long(struct world *w)
{
	w->t[A].view_src = w->t[B].id;
	w->t[A].data = w->t[B].data + 4;
	w->t[A].view_offs = 4;
}

static void view_offset_overflows(struct world *w)
{
	w->t[A].view_src = w->t[B].id;
	w->t[A].view_offs = UINT64_MAX - 8;
}

static void function_of_the_client(struct world *w)
{
	w->t[C].op = rig_op("MAP_CUSTOM2");
}

static void other_function_of_the_client(struct world *w)
{
	w->t[C].op = rig_op("CUSTOM");
}

static void operation_out_of_range(struct world *w)
{
	w->t[C].op = 101;
}

static void operation_far_out_of_range(struct world *w)
{
	w->t[C].op = UINT32_MAX;
}

static void no_source(struct world *w)
{
	w->t[C].src[0] = 0;
}

static void no_second_source(struct world *w)
{
	w->t[C].src[1] = 0;
}

static void no_such_unary(struct world *w)
{
	w->t[C].op = rig_op("UNARY");
	w->t[C].src[1] = 0;
	w->t[C].op_params[0] = 1000;
}

static void negative_glu(struct world *w)
{
	w->t[C].op = rig_op("GLU");
	w->t[C].op_params[0] = -1;
}

static void address_without_buffer(struct world *w)
{
	w->t[A].buffer = 0;
}

static void address_in_foreign_buffer(struct world *w)
{
	w->t[A].buffer = 99;
}

static void source_without_memory(struct world *w)
{
	w->t[B].buffer = w->t[B].data = 0;
}

static void result_without_memory(struct world *w)
{
	w->t[C].buffer = w->t[C].data = 0;
}

static void result_behind_the_buffer(struct world *w)
{
	w->t[C].data = w->buffer.base + w->buffer.size - 252;
}

static void source_below_the_buffer(struct world *w)
{
	w->t[A].data = w->buffer.base - 4;
}

/* A tensor with an extent of one element, from which a row of 64 is read. */
static void elements_on_top_of_each_other(struct world *w)
{
	w->t[A].nb[0] = 0;
}

static void unknown_type(struct world *w)
{
	w->t[A].type = 31;
}

static void half_a_block(struct world *w)
{
	w->t[A].type = rig_type("q8_0");
	w->t[A].ne[0] = 63;
}

/* The graph is valid, but ggml's CPU device does not support this combination of types. */
static void not_supported(struct world *w)
{
	struct gw_wire_tensor half = rig_tensor(rig_type("f16"), NULL, 0, 64, 1);
	struct gw_wire_tensor one = rig_tensor(rig_type("f32"), NULL, 0, 1, 1);

	w->t[B].type = half.type;
	memcpy(w->t[B].nb, half.nb, sizeof(half.nb));
	memcpy(w->t[C].ne, one.ne, sizeof(one.ne));
	memcpy(w->t[C].nb, one.nb, sizeof(one.nb));
	w->t[C].op = rig_op("MUL_MAT");
}

static void rows_that_do_not_meet(struct world *w)
{
	w->t[C].op = rig_op("MUL_MAT");
}

/* ggml's CPU device would loop for ever. */
static void rope_without_dimensions(struct world *w)
{
	w->t[C].op = rig_op("ROPE");
	w->t[B].type = rig_type("i32");
}

static const struct {
	void (*apply)(struct world *w);
	enum gw_status status;
	const char *words;
} cases[] = {
	{unknown_device, GW_ERR_PROTOCOL, "device 1 is not one of 1"},
	{node_of_id_0, GW_ERR_PROTOCOL, "node 0 is unknown tensor 0x0"},
	{tensor_of_id_0_as_node, GW_ERR_PROTOCOL, "node 0 is unknown tensor 0x0"},
	{unknown_node, GW_ERR_PROTOCOL, "node 0 is unknown tensor 0x3039"},
	{same_id_twice, GW_ERR_PROTOCOL, "occurs twice"},
	{unknown_source, GW_ERR_PROTOCOL, "MUL 'product': it refers to unknown tensor 0x3039"},
	{unknown_view_source, GW_ERR_PROTOCOL, "unknown tensor 0x3039"},
	{circle, GW_ERR_PROTOCOL, "cycle"},
	{circle_outside_the_nodes, GW_ERR_PROTOCOL, "cycle"},
	{view_of_a_view, GW_ERR_PROTOCOL, "views a view"},
	{view_of_itself, GW_ERR_PROTOCOL, "views a view"},
	{view_elsewhere, GW_ERR_PROTOCOL, "its address is not that of the viewed tensor"},
	{view_too_long, GW_ERR_PROTOCOL, "view offset 4 + size 256 exceeds the 256 bytes it views"},
	{view_offset_overflows, GW_ERR_PROTOCOL, "view offset 18446744073709551607"},
	{function_of_the_client, GW_ERR_UNSUPPORTED, "MAP_CUSTOM2 'product': a function of the client"},
	{other_function_of_the_client, GW_ERR_UNSUPPORTED, "CUSTOM 'product': a function of the client"},
	{operation_out_of_range, GW_ERR_UNSUPPORTED, "no operation 101"},
	{operation_far_out_of_range, GW_ERR_UNSUPPORTED, "no operation 4294967295"},
	{no_source, GW_ERR_PROTOCOL, "MUL 'product': src 0 is missing"},
	{no_second_source, GW_ERR_PROTOCOL, "MUL 'product': src 1 is missing"},
	{no_such_unary, GW_ERR_UNSUPPORTED, "parameter 0 has the value 1000, which ggml"},
	{negative_glu, GW_ERR_UNSUPPORTED, "parameter 0 has the value -1, which ggml"},
	{address_without_buffer, GW_ERR_PROTOCOL, "in unknown buffer 0"},
	{address_in_foreign_buffer, GW_ERR_PROTOCOL, "in unknown buffer 99"},
	{source_without_memory, GW_ERR_PROTOCOL, "src 1 has no memory on this server"},
	{result_without_memory, GW_ERR_PROTOCOL, "the result has no memory on this server"},
	{result_behind_the_buffer, GW_ERR_PROTOCOL, "is not inside buffer 1"},
	{source_below_the_buffer, GW_ERR_PROTOCOL, "is not inside buffer 1"},
	{elements_on_top_of_each_other, GW_ERR_PROTOCOL, "src 0 needs adjacent elements in its rows"},
	{unknown_type, GW_ERR_PROTOCOL, "is of unknown type 31"},
	{half_a_block, GW_ERR_PROTOCOL, "rows of 63 elements"},
	{rows_that_do_not_meet, GW_ERR_PROTOCOL, "MUL_MAT 'product': its extents, types and parameters"},
	{rope_without_dimensions, GW_ERR_PROTOCOL, "ROPE 'product': its extents, types and parameters"},
	{not_supported, GW_ERR_UNSUPPORTED, "MUL_MAT 'product': device CPU does not support it"},
};

static void bad_graphs_are_refused(void **in)
{
	struct world *w = *in;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(w);
		cases[i].apply(w);
		send_graph(w);
		raw_end_refused(&w->raw, cases[i].status, "GRAPH_COMPUTE", cases[i].words);
	}
}

/* Without this test the cases above would prove nothing. */
static void the_good_graph_is_computed(void **in)
{
	struct world *w = *in;

	good(w);
	send_graph(w);
	raw_end_clean(&w->raw);
}

/* A tensor that is no node may have any operation. */
static void leaves_may_have_unknown_operations(void **in)
{
	struct world *w = *in;

	good(w);
	w->t[A].op = rig_op("MAP_CUSTOM1");
	w->t[B].op = 5000;
	send_graph(w);
	raw_end_clean(&w->raw);
}

/* The server does not check tensors that no node depends on, except for unique ids and valid sources. */
static void unused_tensors_are_not_checked(void **in)
{
	struct world *w = *in;

	good(w);
	w->t[C].src[1] = w->t[A].id;
	w->t[B].type = 31;
	w->t[B].data = 1;
	w->t[B].src[0] = w->t[C].id;
	send_graph(w);
	raw_end_clean(&w->raw);
}

/* A kernel would use the other device's address as its own. */
static void tensors_of_another_device(void **in)
{
	struct world *w = *in, two = *w;
	struct gw_server_options options = rig_options();
	ggml_backend_dev_t devices[2] = {rig_cpu(), fake_device(&(struct fake *){NULL})};

	options.devices = devices;
	options.n_devices = 2;
	two.server = rig_server(&options);
	good(&two);
	two.device = 1;
	send_graph(&two);
	raw_end_refused(&two.raw, GW_ERR_PROTOCOL, "GRAPH_COMPUTE", "it is in a buffer of another device, CPU");
	gw_server_free(two.server);
}

static void counts(struct world *w, uint32_t n_nodes, uint32_t n_tensors, enum gw_status status, const char *words)
{
	uint8_t body[1024] = {0};

	raw_start(&w->raw, w->server, &gw_dialect_8_0);
	gw_put_le32(body + 12, n_nodes);
	if (n_nodes < 100)
		gw_put_le32(body + 16 + 8 * (size_t)n_nodes, n_tensors);
	raw_send(&w->raw, GW_CMD_GRAPH_COMPUTE, body, sizeof(body));
	raw_end_refused(&w->raw, status, "GRAPH_COMPUTE", words);
}

static void wrong_counts_are_refused(void **in)
{
	struct world *w = *in;

	counts(w, UINT32_MAX, 0, GW_ERR_PROTOCOL, "1024 bytes do not hold");
	counts(w, 126, 0, GW_ERR_PROTOCOL, "1024 bytes do not hold");
	counts(w, 1, UINT32_MAX, GW_ERR_PROTOCOL, "1024 bytes do not hold");
	counts(w, 1, 4, GW_ERR_PROTOCOL, "1024 bytes do not hold");
}

static void too_many_nodes_are_refused(void **in)
{
	struct world *w = *in;
	size_t size = 16 + 8 * ((size_t)GW_GRAPH_MAX + 1) + 4;
	uint8_t *body = calloc(1, size);

	assert_non_null(body);
	gw_put_le32(body + 12, GW_GRAPH_MAX + 1);
	raw_start(&w->raw, w->server, &gw_dialect_8_0);
	raw_send(&w->raw, GW_CMD_GRAPH_COMPUTE, body, size);
	raw_end_refused(&w->raw, GW_ERR_LIMIT, "GRAPH_COMPUTE", "more than 1048576");
	free(body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_good_graph_is_computed),
		TEST(bad_graphs_are_refused),
		TEST(leaves_may_have_unknown_operations),
		TEST(unused_tensors_are_not_checked),
		TEST(tensors_of_another_device),
		TEST(wrong_counts_are_refused),
		TEST(too_many_nodes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
