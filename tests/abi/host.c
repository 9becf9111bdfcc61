/* The built plug-in in a host with backend API 2, against a real server: it recognises and reports the layout, and
 * works. In a host with a third layout it reports the difference and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <string.h>

#include "daemon/serving.h"
#include "layout_2.h"

/* Numbers of this host's ggml, which are those of 4.0.0. */
enum {
	OP_ADD = 2,
	OP_GATED_DELTA_NET = 85,
	OP_UNARY = 86,
	OP_MAP_CUSTOM1 = 87,
	UNARY_RELU = 6,
};

typedef reg_t (*init_function)(void);
typedef reg_t (*add_server_function)(const char *endpoint);

static reg_t plugin_init(void)
{
	static void *plugin;

	if (!plugin)
		plugin = dlopen(GGWIRE_PLUGIN, RTLD_NOW | RTLD_LOCAL);
	if (!plugin)
		fail_msg("%s", dlerror());
	union {
		void *symbol;
		init_function function;
	} init = {dlsym(plugin, "ggml_backend_init")};
	assert_non_null(init.symbol);
	return init.function();
}

#ifdef MOCK_STRANGE

extern char mock_log[1024];

static void another_layout_is_refused(void **state)
{
	(void)state;
	assert_null(plugin_init());
	assert_non_null(strstr(mock_log, "ggml 0.9.11 (mock) has a private layout that this ggwire does not know"));
	assert_non_null(strstr(mock_log, "get_name is in slot 1 and not in 0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(another_layout_is_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static struct serving server;

static int teardown(void **state)
{
	(void)state;
	serving_end(&server);
	return 0;
}

/* What a program uses of one remote device. */
struct scene {
	dev_t2 dev;
	be_t backend;
	buf_t buffer;
	char *next; /* address of the next tensor */
	struct ggml_context *ctx;
};

static void scene_open(struct scene *s, const char *endpoint)
{
	reg_t root = plugin_init();
	assert_non_null(root);
	union {
		void *symbol;
		add_server_function function;
	} add = {ggml_backend_reg_get_proc_address(root, "ggml_backend_rpc_add_server")};
	assert_non_null(add.symbol);
	reg_t reg = add.function(endpoint);
	assert_non_null(reg);
	assert_int_equal(reg->api_version, 2);
	s->dev = ggml_backend_reg_dev_get(reg, 0);
	buft_t buft = ggml_backend_dev_buffer_type(s->dev);
	assert_ptr_equal(ggml_backend_buft_get_device(buft), s->dev);
	assert_true(ggml_backend_buft_get_alignment(buft) > 0);
	assert_true(ggml_backend_buft_get_max_size(buft) > 0);
	assert_false(ggml_backend_buft_is_host(buft));
	s->backend = ggml_backend_dev_init(s->dev, NULL);
	assert_non_null(s->backend);
	s->buffer = ggml_backend_buft_alloc_buffer(buft, 65536);
	assert_non_null(s->buffer);
	s->next = ggml_backend_buffer_get_base(s->buffer);
	s->ctx = ggml_init((struct ggml_init_params){0});
}

static void scene_close(struct scene *s)
{
	ggml_free(s->ctx);
	ggml_backend_buffer_free(s->buffer);
	ggml_backend_free(s->backend);
}

static struct ggml_tensor *scene_tensor(struct scene *s, int64_t ne0, int64_t ne1, int64_t ne2)
{
	struct ggml_tensor *t = ggml_new_tensor_1d(s->ctx, GGML_TYPE_F32, ne0 * ne1 * ne2);

	t->ne[0] = ne0;
	t->ne[1] = ne1;
	t->ne[2] = ne2;
	t->nb[1] = 4 * (size_t)ne0;
	t->nb[2] = t->nb[1] * (size_t)ne1;
	t->nb[3] = t->nb[2] * (size_t)ne2;
	t->buffer = s->buffer;
	t->data = s->next;
	s->next += (ggml_nbytes(t) + 127) / 128 * 128;
	assert_int_equal(ggml_backend_buffer_init_tensor(s->buffer, t), GGML_STATUS_SUCCESS);
	return t;
}

static struct ggml_tensor *scene_node(struct scene *s, int op, int64_t ne0, int64_t ne1)
{
	struct ggml_tensor *t = scene_tensor(s, ne0, ne1, 1);

	t->op = (enum ggml_op)op;
	t->flags = GGML_TENSOR_FLAG_COMPUTE;
	return t;
}

static void fill(struct ggml_tensor *t, float value)
{
	for (size_t i = 0; i < ggml_nbytes(t); i += sizeof(value))
		ggml_backend_tensor_set(t, &value, i, sizeof(value));
}

static void compute(struct scene *s, struct ggml_cgraph *graph)
{
	assert_int_equal(ggml_backend_graph_compute(s->backend, graph), GGML_STATUS_SUCCESS);
}

static void expect(struct scene *s, struct ggml_cgraph *graph, struct ggml_tensor *x, float in, float out)
{
	float got[8];

	fill(x, in);
	compute(s, graph);
	ggml_backend_tensor_get(graph->nodes[1], got, 0, sizeof(got));
	for (int i = 0; i < 8; i++)
		assert_true(got[i] == out);
}

/* relu(x) + y, with an operation whose number differs on every server. */
static void check_graph(struct scene *s)
{
	struct ggml_tensor *x = scene_tensor(s, 8, 1, 1), *y = scene_tensor(s, 8, 1, 1);
	struct ggml_tensor *relu = scene_node(s, OP_UNARY, 8, 1), *sum = scene_node(s, OP_ADD, 8, 1);

	relu->op_params[0] = UNARY_RELU;
	relu->src[0] = x;
	sum->src[0] = relu;
	sum->src[1] = y;
	assert_true(ggml_backend_dev_supports_op(s->dev, relu));
	fill(y, 10);
	struct ggml_cgraph *graph = ggml_new_graph_custom(s->ctx, 8, false);
	ggml_build_forward_expand(graph, sum);
#ifdef MOCK_UID
	graph->uid = 7;
#endif
	expect(s, graph, x, 2, 12);
	expect(s, graph, x, -2, 10);
	expect(s, graph, x, 3, 13);
	/* For a node whose memory is on the device the answer would always be yes. */
	relu->op = (enum ggml_op)OP_MAP_CUSTOM1;
	relu->buffer = NULL;
	assert_false(ggml_backend_dev_supports_op(s->dev, relu));
}

/* This ggml derives the number of states from a shape, later ones from a parameter. */
static void check_states(struct scene *s)
{
	struct ggml_tensor *node = scene_node(s, OP_GATED_DELTA_NET, 16, 17);

	for (int i = 0; i < 6; i++)
		node->src[i] = scene_tensor(s, 16, i == 5 ? 16 : 1, 1);
	node->buffer = NULL;
	assert_false(ggml_backend_dev_supports_op(s->dev, node));
}

static void check_event(struct scene *s)
{
	ggml_backend_event_t event = ggml_backend_event_new(s->dev);

	ggml_backend_event_record(event, s->backend);
	ggml_backend_event_synchronize(event);
	ggml_backend_event_free(event);
}

static void works_with(const char *proto)
{
	char listen[64], endpoint[GW_ENDPOINT_MAX];
	struct scene s;

	snprintf(listen, sizeof(listen), "127.0.0.1:0,proto=%s", proto);
	serving_start(&server, (const char *const[]){"--listen", listen, NULL});
	serving_endpoint(&server, endpoint, sizeof(endpoint));
	scene_open(&s, endpoint);
	check_graph(&s);
	check_states(&s);
	check_event(&s);
	scene_close(&s);
	serving_await(&server, "left worker");
}

static void entry_has_number_2(void **state)
{
	(void)state;
	reg_t root = plugin_init();
	assert_non_null(root);
	assert_int_equal(root->api_version, 2);
	assert_string_equal(ggml_backend_reg_name(root), "RPC");
}

static void plugin_works_with_servers_of_4_0(void **state)
{
	(void)state;
	works_with("4.0");
}

static void plugin_works_with_servers_of_8_0(void **state)
{
	(void)state;
	works_with("8.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_has_number_2),
		cmocka_unit_test_teardown(plugin_works_with_servers_of_4_0, teardown),
		cmocka_unit_test_teardown(plugin_works_with_servers_of_8_0, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
