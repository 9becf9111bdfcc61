/* Which bytes the client sends for contents of tensors, and which accesses it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backend/scene.h"
#include "wire/message.h"

static const struct gw_dialect *const d8 = &gw_dialect_newest;

static void open_stock(struct scene *s)
{
	fake_init(&s->fake);
	scene_open(s);
	fake_forget(&s->fake);
}

/* Waits until posted requests have arrived. */
static void settle(struct scene *s)
{
	uint8_t byte;
	ggml_backend_tensor_get(s->a, &byte, 0, 1);
}

static void test_set_carries_place_and_bytes(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_set_req req;
	const uint8_t data[4] = {1, 2, 3, 4};

	open_stock(&s);
	ggml_backend_tensor_set(s.b, data, 8, sizeof(data));
	settle(&s);
	const struct fake_request *r = fake_request(&s.fake, GW_CMD_SET_TENSOR, 0);
	assert_int_equal(r->size, gw_wire_set_req_size(d8) + 4);
	assert_true(gw_wire_set_req_decode(d8, r->body, r->size - 4, &req));
	assert_int_equal(req.tensor.buffer, 1);
	assert_true(req.tensor.data == (uint64_t)(uintptr_t)s.b->data);
	assert_int_equal(req.offset, 8);
	assert_false(req.cache_flag);
	assert_memory_equal(r->body + r->size - 4, data, 4);
	scene_close(&s);
}

static void test_get_fills_the_range(void **state)
{
	(void)state;
	struct scene s;
	uint8_t data[8] = {0};
	const uint8_t expected[8] = {0, 0, FAKE_BYTE, FAKE_BYTE, FAKE_BYTE, FAKE_BYTE, 0, 0};

	open_stock(&s);
	ggml_backend_tensor_get(s.a, data + 2, 4, 4);
	assert_memory_equal(data, expected, sizeof(data));
	scene_close(&s);
}

static void test_rows_are_packed(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_2d_req req;
	const uint8_t data[12] = {1, 2, 3, 4, 99, 99, 99, 99, 5, 6, 7, 8};
	const uint8_t packed[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	open_stock(&s);
	ggml_backend_tensor_set_2d(s.a, data, 4, 4, 2, 16, 8);
	settle(&s);
	const struct fake_request *r = fake_request(&s.fake, GW_CMD_SET_TENSOR_2D, 0);
	assert_int_equal(r->size, GW_WIRE_2D_REQ + 8);
	assert_true(gw_wire_2d_req_decode(d8, r->body, GW_WIRE_2D_REQ, &req));
	assert_int_equal(req.offset, 4);
	assert_int_equal(req.size, 4);
	assert_int_equal(req.n_copies, 2);
	assert_int_equal(req.stride, 16);
	assert_memory_equal(r->body + GW_WIRE_2D_REQ, packed, 8);
	scene_close(&s);
}

static void test_received_rows_are_scattered(void **state)
{
	(void)state;
	struct scene s;
	uint8_t data[8] = {0};
	const uint8_t expected[8] = {FAKE_BYTE, FAKE_BYTE, 0, 0, FAKE_BYTE, FAKE_BYTE, 0, 0};

	open_stock(&s);
	ggml_backend_tensor_get_2d(s.a, data, 0, 2, 2, 8, 4);
	assert_memory_equal(data, expected, sizeof(data));
	assert_int_equal(fake_count(&s.fake, GW_CMD_GET_TENSOR_2D), 1);
	scene_close(&s);
}

static void test_clear_and_memset(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_clear_req clear;
	struct gw_wire_memset_req fill;

	open_stock(&s);
	ggml_backend_buffer_clear(s.buffer, 7);
	ggml_backend_tensor_memset(s.a, 9, 4, 8);
	settle(&s);
	const struct fake_request *r = fake_request(&s.fake, GW_CMD_BUFFER_CLEAR, 0);
	assert_true(gw_wire_clear_req_decode(r->body, r->size, &clear));
	assert_int_equal(clear.buffer, 1);
	assert_int_equal(clear.value, 7);
	r = fake_request(&s.fake, GW_CMD_MEMSET_TENSOR, 0);
	assert_true(gw_wire_memset_req_decode(d8, r->body, r->size, &fill));
	assert_int_equal(fill.value, 9);
	assert_int_equal(fill.offset, 4);
	assert_int_equal(fill.size, 8);
	scene_close(&s);
}

/* ggml checks ranges against the tensor. The plug-in checks them against the buffer. */
static void test_tensor_outside_its_buffer_is_not_sent(void **state)
{
	(void)state;
	struct scene s;
	uint8_t data[32] = {1};
	const uint8_t zeros[32] = {0};

	open_stock(&s);
	void *data_before = s.b->data;
	uint8_t *base = ggml_backend_buffer_get_base(s.buffer);
	s.b->data = base - 16;
	ggml_backend_tensor_set(s.b, data, 0, sizeof(data));
	s.b->data = base + ggml_backend_buffer_get_size(s.buffer) - 16;
	ggml_backend_tensor_set(s.b, data, 0, sizeof(data));
	ggml_backend_tensor_memset(s.b, 1, 0, sizeof(data));
	ggml_backend_tensor_get(s.b, data, 0, sizeof(data));
	assert_memory_equal(data, zeros, sizeof(data));
	s.b->data = data_before;
	settle(&s);
	assert_int_equal(fake_count(&s.fake, FAKE_ANY), 1);
	scene_close(&s);
}

static void test_copy_on_one_connection_is_the_servers(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	ggml_backend_tensor_copy(s.a, s.b);
	ggml_backend_tensor_copy_async(s.backend, s.backend, s.a, s.b);
	assert_int_equal(fake_count(&s.fake, GW_CMD_COPY_TENSOR), 2);
	assert_int_equal(fake_count(&s.fake, FAKE_ANY), 2);
	scene_close(&s);
}

static void test_copy_between_servers_is_one_round_trip(void **state)
{
	(void)state;
	struct scene s, other;

	open_stock(&s);
	open_stock(&other);
	ggml_backend_tensor_copy_async(s.backend, other.backend, s.a, other.b);
	assert_int_equal(fake_count(&s.fake, FAKE_ANY), 1);
	assert_int_equal(fake_count(&s.fake, GW_CMD_GET_TENSOR), 1);
	settle(&other);
	const struct fake_request *r = fake_request(&other.fake, GW_CMD_SET_TENSOR, 0);
	assert_non_null(r);
	assert_int_equal(r->body[r->size - 1], FAKE_BYTE);
	scene_close(&s);
	scene_close(&other);
}

static size_t n_inits(struct scene *s, enum ggml_type type, int64_t width)
{
	struct ggml_context *ctx = scene_context(4, 8);
	struct ggml_tensor *t = ggml_new_tensor_1d(ctx, type, width);
	ggml_backend_buffer_t buffer = ggml_backend_alloc_buffer(s->backend, 4096);

	fake_forget(&s->fake);
	assert_int_equal(
		ggml_backend_tensor_alloc(buffer, t, ggml_backend_buffer_get_base(buffer)), GGML_STATUS_SUCCESS);
	settle(s);
	ggml_backend_buffer_free(buffer);
	ggml_free(ctx);
	return fake_count(&s->fake, GW_CMD_INIT_TENSOR);
}

static void test_init_is_for_odd_quantized_rows(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	assert_int_equal(n_inits(&s, GGML_TYPE_Q8_0, 64), 1);
	assert_int_equal(n_inits(&s, GGML_TYPE_Q8_0, 512), 0);
	assert_int_equal(n_inits(&s, GGML_TYPE_F32, 64), 0);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_carries_place_and_bytes),
		cmocka_unit_test(test_get_fills_the_range),
		cmocka_unit_test(test_rows_are_packed),
		cmocka_unit_test(test_received_rows_are_scattered),
		cmocka_unit_test(test_clear_and_memset),
		cmocka_unit_test(test_tensor_outside_its_buffer_is_not_sent),
		cmocka_unit_test(test_copy_on_one_connection_is_the_servers),
		cmocka_unit_test(test_copy_between_servers_is_one_round_trip),
		cmocka_unit_test(test_init_is_for_odd_quantized_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
