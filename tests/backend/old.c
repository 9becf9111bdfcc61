/* Against a server of protocol 4.0 the same calls use what it supports: no rows, no fill, one graph, other operation
 * numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <ggml-alloc.h>

#include "backend/scene.h"
#include "wire/message.h"

static const struct gw_dialect *d4;

static void open_old(struct scene *s)
{
	fake_init(&s->fake);
	s->fake.version = (struct gw_version){4, 0, 0};
	d4 = gw_dialect_for(s->fake.version, NULL);
	scene_open(s);
	fake_forget(&s->fake);
}

static void settle(struct scene *s)
{
	uint8_t byte;
	ggml_backend_tensor_get(s->a, &byte, 0, 1);
}

static void decode_set(struct scene *s, size_t index, size_t n, struct gw_wire_set_req *req)
{
	const struct fake_request *r = fake_request(&s->fake, GW_CMD_SET_TENSOR, index);

	assert_non_null(r);
	assert_int_equal(r->size, gw_wire_set_req_size(d4) + n);
	assert_true(gw_wire_set_req_decode(d4, r->body, r->size - n, req));
}

static void test_rows_go_one_by_one(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_set_req req;
	uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	const uint8_t expected[8] = {FAKE_BYTE, FAKE_BYTE, 3, 4, FAKE_BYTE, FAKE_BYTE, 7, 8};

	open_old(&s);
	ggml_backend_tensor_set_2d(s.a, data, 4, 4, 2, 16, 4);
	ggml_backend_tensor_get_2d(s.a, data, 0, 2, 2, 8, 4);
	assert_memory_equal(data, expected, sizeof(data));
	assert_int_equal(fake_count(&s.fake, GW_CMD_GET_TENSOR), 2);
	assert_int_equal(fake_count(&s.fake, GW_CMD_SET_TENSOR), 2);
	decode_set(&s, 1, 4, &req);
	assert_int_equal(req.offset, 20);
	scene_close(&s);
}

static void test_fill_is_sent_as_bytes(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_set_req req;
	const uint8_t expected[8] = {9, 9, 9, 9, 9, 9, 9, 9};

	open_old(&s);
	ggml_backend_tensor_memset(s.a, 9, 4, 8);
	settle(&s);
	decode_set(&s, 0, 8, &req);
	assert_int_equal(req.offset, 4);
	const struct fake_request *r = fake_request(&s.fake, GW_CMD_SET_TENSOR, 0);
	assert_memory_equal(r->body + r->size - 8, expected, 8);
	scene_close(&s);
}

static void test_graphs_are_sent_with_its_numbers(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_graph g;
	struct gw_wire_tensor t;

	open_old(&s);
	scene_set_uid(&s, 5);
	s.sum->op = GGML_OP_UNARY;
	assert_int_equal(ggml_backend_graph_compute(s.backend, s.graph), GGML_STATUS_SUCCESS);
	const struct fake_request *r = fake_request(&s.fake, GW_CMD_GRAPH_COMPUTE, 0);
	assert_true(gw_wire_graph_decode(d4, r->body, r->size, &g));
	gw_wire_graph_tensor(d4, &g, g.n_tensors - 1, &t);
	assert_int_equal(t.op, 86);
	assert_int_equal(t.use_count, 0);
	scene_close(&s);
}

static void compute(struct scene *s, uint64_t uid)
{
	scene_set_uid(s, uid);
	assert_int_equal(ggml_backend_graph_compute(s->backend, s->graph), GGML_STATUS_SUCCESS);
}

static void expect(struct scene *s, size_t computes, size_t recomputes)
{
	assert_int_equal(fake_count(&s->fake, GW_CMD_GRAPH_COMPUTE), computes);
	assert_int_equal(fake_count(&s->fake, GW_CMD_GRAPH_RECOMPUTE), recomputes);
}

/* The server keeps the last graph of the device, whichever backend sent it, until a buffer is freed. */
static void test_only_the_last_graph_is_repeated(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_recompute_req req;

	open_old(&s);
	compute(&s, 5);
	compute(&s, 5);
	expect(&s, 1, 1);
	const struct fake_request *r = fake_request(&s.fake, GW_CMD_GRAPH_RECOMPUTE, 0);
	assert_int_equal(r->size, 4);
	assert_true(gw_wire_recompute_req_decode(d4, r->body, r->size, &req));
	compute(&s, 6);
	compute(&s, 5);
	expect(&s, 3, 1);
	compute(&s, 0);
	compute(&s, 0);
	compute(&s, 5);
	expect(&s, 5, 2);
	ggml_backend_t own = s.backend;
	s.backend = ggml_backend_dev_init(s.dev, NULL);
	compute(&s, 7);
	ggml_backend_free(s.backend);
	s.backend = own;
	compute(&s, 5);
	compute(&s, 5);
	expect(&s, 7, 3);
	ggml_backend_buffer_free(ggml_backend_alloc_buffer(s.backend, 64));
	compute(&s, 5);
	expect(&s, 8, 3);
	scene_close(&s);
}

/* An old server would misread parameters and variants that were added later without a new version. */
static void test_newer_parameters_are_not_supported(void **state)
{
	(void)state;
	struct scene s;

	open_old(&s);
	s.loose->op = s.sum->op = GGML_OP_GLU;
	s.loose->op_params[0] = s.sum->op_params[0] = GGML_GLU_OP_GEGLU_QUICK;
	assert_true(ggml_backend_dev_supports_op(s.dev, s.loose));
	s.loose->op_params[0] = s.sum->op_params[0] = GGML_GLU_OP_SWIGLU_CLAMP;
	assert_false(ggml_backend_dev_supports_op(s.dev, s.loose));
	assert_int_equal(ggml_backend_graph_compute(s.backend, s.graph), GGML_STATUS_FAILED);
	s.loose->op = s.sum->op = GGML_OP_MUL_MAT;
	s.loose->op_params[0] = s.sum->op_params[0] = GGML_PREC_F32;
	assert_true(ggml_backend_dev_supports_op(s.dev, s.loose));
	s.loose->op_params[0] = s.sum->op_params[0] = GGML_PREC_F16;
	assert_false(ggml_backend_dev_supports_op(s.dev, s.loose));
	assert_int_equal(fake_count(&s.fake, FAKE_ANY), 0);
	scene_close(&s);
}

/* Before 7.0 the client asks for all large data by hash, in 7.0 only for weights. */
static void test_client_asks_for_all_large_data_by_hash(void **state)
{
	(void)state;
	const size_t size = ((size_t)10 << 20) + 4;
	struct scene s;

	open_old(&s);
	struct ggml_context *ctx = scene_context(4, 8);
	struct ggml_tensor *t = ggml_new_tensor_1d(ctx, GGML_TYPE_I8, (int64_t)size);
	ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors(ctx, s.backend);
	uint8_t *data = calloc(size, 1);
	assert_non_null(data);
	fake_forget(&s.fake);
	ggml_backend_tensor_set(t, data, 0, size);
	settle(&s);
	assert_true(fake_count(&s.fake, GW_CMD_SET_TENSOR_HASH) > 0);
	free(data);
	ggml_backend_buffer_free(buffer);
	ggml_free(ctx);
	scene_close(&s);
}

static void test_allocation_sizes_are_asked_for_as_stock_clients_do(void **state)
{
	(void)state;
	struct scene s;

	open_old(&s);
	struct ggml_context *ctx = scene_context(16, 8);
	struct ggml_tensor *a = ggml_new_tensor_3d(ctx, GGML_TYPE_F32, 512, 4, 2);
	struct ggml_tensor *b = ggml_new_tensor_3d(ctx, GGML_TYPE_F32, 512, 1, 1);
	struct ggml_tensor *ids = ggml_new_tensor_2d(ctx, GGML_TYPE_I32, 1, 1);
	ggml_backend_buffer_type_t buft = ggml_backend_dev_buffer_type(s.dev);
	ggml_backend_buft_get_alloc_size(buft, ggml_mul_mat(ctx, a, ggml_new_tensor_3d(ctx, GGML_TYPE_F32, 512, 1, 2)));
	ggml_backend_buft_get_alloc_size(buft, ggml_argsort(ctx, b, GGML_SORT_ORDER_ASC));
	assert_int_equal(fake_count(&s.fake, GW_CMD_GET_ALLOC_SIZE), 0);
	ggml_backend_buft_get_alloc_size(buft, ggml_mul_mat_id(ctx, a, b, ids));
	assert_int_equal(fake_count(&s.fake, GW_CMD_GET_ALLOC_SIZE), 1);
	ggml_free(ctx);
	scene_close(&s);
}

/* Extents and strides have 32 bits: a truncated one would describe other bytes. */
static void test_values_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	struct scene s;
	uint8_t bytes[4] = {0};

	open_old(&s);
	s.a->ne[1] = 2;
	s.a->nb[1] = (size_t)1 << 32;
	assert_false(ggml_backend_dev_supports_op(s.dev, s.loose));
	assert_int_equal(ggml_backend_graph_compute(s.backend, s.graph), GGML_STATUS_FAILED);
	ggml_backend_tensor_set(s.a, bytes, 0, sizeof(bytes));
	bytes[0] = 1;
	ggml_backend_tensor_get(s.a, bytes, 0, sizeof(bytes));
	assert_int_equal(bytes[0], 0);
	assert_int_equal(fake_count(&s.fake, FAKE_ANY), 0);
	scene_close(&s);
}

static void test_newer_operations_are_not_supported(void **state)
{
	(void)state;
	struct scene s;

	open_old(&s);
	assert_true(ggml_backend_dev_supports_op(s.dev, s.loose));
	s.loose->op = s.sum->op = GGML_OP_LIGHTNING_INDEXER;
	assert_false(ggml_backend_dev_supports_op(s.dev, s.loose));
	assert_int_equal(ggml_backend_graph_compute(s.backend, s.graph), GGML_STATUS_FAILED);
	assert_int_equal(fake_count(&s.fake, FAKE_ANY), 0);
	scene_close(&s);
}

/* Old servers answer FREE_BUFFER and the like with empty replies. The client must not take these for other replies. */
static void test_empty_answers_are_matched(void **state)
{
	(void)state;
	struct scene s;
	uint8_t byte = 0;

	open_old(&s);
	ggml_backend_buffer_free(ggml_backend_alloc_buffer(s.backend, 64));
	ggml_backend_buffer_clear(s.buffer, 0);
	ggml_backend_tensor_get(s.a, &byte, 0, 1);
	assert_int_equal(byte, FAKE_BYTE);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_go_one_by_one),
		cmocka_unit_test(test_fill_is_sent_as_bytes),
		cmocka_unit_test(test_graphs_are_sent_with_its_numbers),
		cmocka_unit_test(test_only_the_last_graph_is_repeated),
		cmocka_unit_test(test_newer_parameters_are_not_supported),
		cmocka_unit_test(test_client_asks_for_all_large_data_by_hash),
		cmocka_unit_test(test_allocation_sizes_are_asked_for_as_stock_clients_do),
		cmocka_unit_test(test_values_that_do_not_fit_are_refused),
		cmocka_unit_test(test_newer_operations_are_not_supported),
		cmocka_unit_test(test_empty_answers_are_matched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
