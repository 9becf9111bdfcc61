/* Every field is at its documented offset. The tests encode each message with a different value in every field, and
 * compare the bytes with a list of (offset, width, value) that covers the message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/message.h"

struct field {
	size_t at;
	size_t width; /* GW_WIRE_TENSOR_SIZE: tensor number value */
	uint64_t value;
};

#define U32(n) (0x21324300u + (n))
#define U64(n) (UINT64_C(0x1122334455667700) + (n))
#define TENSOR(at, n)                      \
	{                                  \
		at, GW_WIRE_TENSOR_SIZE, n \
	}

static struct gw_wire_tensor tensor_number(uint64_t n)
{
	struct gw_wire_tensor t = {.id = n, .type = (uint32_t)n + 1, .data = n << 32, .use_count = (int32_t)n + 2};
	for (uint32_t i = 0; i < GW_WIRE_DIMS; i++)
		t.ne[i] = (uint32_t)n * 10 + i;
	t.name[0] = (char)('a' + n);
	return t;
}

static void put(uint8_t *out, const struct field *f)
{
	if (f->width == GW_WIRE_TENSOR_SIZE) {
		struct gw_wire_tensor t = tensor_number(f->value);
		gw_wire_tensor_encode(&gw_dialect_8_0, &t, out);
		return;
	}
	for (size_t i = 0; i < f->width; i++)
		out[i] = (uint8_t)(f->value >> 8 * i);
}

static void assert_fields(const uint8_t *bytes, size_t size, const struct field *fields, size_t n)
{
	uint8_t expected[GW_WIRE_MAX_FIXED] = {0};
	size_t covered = 0;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(fields[i].at, covered);
		put(expected + fields[i].at, &fields[i]);
		covered += fields[i].width;
	}
	assert_int_equal(covered, size);
	assert_memory_equal(bytes, expected, size);
}

/* expr encodes into out and returns the size. */
#define ASSERT_LAYOUT(expr, ...)                                                      \
	do {                                                                          \
		uint8_t out[GW_WIRE_MAX_FIXED];                                       \
		memset(out, 0xee, sizeof(out));                                       \
		size_t size = expr;                                                   \
		const struct field fields[] = {__VA_ARGS__};                          \
		assert_fields(out, size, fields, sizeof(fields) / sizeof(fields[0])); \
	} while (0)

static const struct gw_dialect *dialect(void)
{
	return &gw_dialect_8_0;
}

static void test_hello(void **state)
{
	(void)state;
	struct gw_wire_hello_req req = {.caps = {1, 2, 3}};
	req.caps[23] = 24;
	ASSERT_LAYOUT(gw_wire_hello_req_encode(&req, out), {0, 8, 0x030201}, {8, 8, 0}, {16, 8, UINT64_C(24) << 56});
	struct gw_wire_hello_rsp rsp = {.version = {8, 7, 6}, .extensions = 5, .caps = {4, 3}};
	rsp.caps[23] = 24;
	ASSERT_LAYOUT(gw_wire_hello_rsp_encode(&rsp, out), {0, 1, 8}, {1, 1, 7}, {2, 1, 6}, {3, 1, 5}, {4, 8, 0x0304},
		{12, 8, 0}, {20, 8, UINT64_C(24) << 56});
}

static void test_buffers(void **state)
{
	(void)state;
	struct gw_wire_alloc_req req = {.device = U32(1), .size = U64(2)};
	ASSERT_LAYOUT(gw_wire_alloc_req_encode(&req, out), {0, 4, U32(1)}, {4, 8, U64(2)});
	struct gw_wire_alloc_rsp rsp = {.buffer = U64(1), .size = U64(2)};
	ASSERT_LAYOUT(gw_wire_alloc_rsp_encode(&rsp, out), {0, 8, U64(1)}, {8, 8, U64(2)});
	struct gw_wire_clear_req clear = {.buffer = U64(1), .value = 0xab};
	ASSERT_LAYOUT(gw_wire_clear_req_encode(&clear, out), {0, 8, U64(1)}, {8, 1, 0xab});
	ASSERT_LAYOUT(gw_wire_buffer_req_encode(U64(3), out), {0, 8, U64(3)});
}

static void test_numbers(void **state)
{
	(void)state;
	ASSERT_LAYOUT(gw_wire_device_req_encode(U32(1), out), {0, 4, U32(1)});
	ASSERT_LAYOUT(gw_wire_count_rsp_encode(U32(2), out), {0, 4, U32(2)});
	ASSERT_LAYOUT(gw_wire_u64_rsp_encode(U64(3), out), {0, 8, U64(3)});
	ASSERT_LAYOUT(gw_wire_bool_rsp_encode(true, out), {0, 1, 1});
	ASSERT_LAYOUT(gw_wire_bool_rsp_encode(false, out), {0, 1, 0});
	struct gw_wire_memory_rsp memory = {.free = U64(1), .total = U64(2)};
	ASSERT_LAYOUT(gw_wire_memory_rsp_encode(&memory, out), {0, 8, U64(1)}, {8, 8, U64(2)});
}

static void test_set_tensor(void **state)
{
	(void)state;
	struct gw_wire_set_req m = {.tensor = tensor_number(1), .cache_flag = true, .offset = U64(2)};
	ASSERT_LAYOUT(gw_wire_set_req_encode(dialect(), &m, out), TENSOR(0, 1), {296, 1, 1}, {297, 8, U64(2)});
	struct gw_dialect without = gw_dialect_8_0;
	without.cache_flag = false;
	ASSERT_LAYOUT(gw_wire_set_req_encode(&without, &m, out), TENSOR(0, 1), {296, 8, U64(2)});
	struct gw_wire_set_hash_req hash = {.tensor = tensor_number(1), .offset = U64(2), .hash = U64(3)};
	ASSERT_LAYOUT(
		gw_wire_set_hash_req_encode(dialect(), &hash, out), TENSOR(0, 1), {296, 8, U64(2)}, {304, 8, U64(3)});
}

static void test_ext_set_tensor_xxh3(void **state)
{
	(void)state;
	struct gw_wire_xxh3_req m = {tensor_number(1), U64(2), U64(3), U64(4), U64(5)}, got;
	ASSERT_LAYOUT(gw_wire_xxh3_req_encode(dialect(), &m, out), TENSOR(0, 1), {296, 8, U64(2)}, {304, 8, U64(3)},
		{312, 8, U64(4)}, {320, 8, U64(5)});
	uint8_t body[GW_WIRE_MAX_FIXED];
	gw_wire_xxh3_req_encode(dialect(), &m, body);
	for (size_t n = 0; n < GW_WIRE_XXH3_REQ + 9; n++)
		assert_int_equal(gw_wire_xxh3_req_decode(dialect(), body, n, &got), n == GW_WIRE_XXH3_REQ);
	assert_true(got.high == m.high && got.low == m.low && got.size == m.size && got.offset == m.offset);
}

static void test_get_copy_and_init_tensor(void **state)
{
	(void)state;
	struct gw_wire_get_req get = {.tensor = tensor_number(1), .offset = U64(2), .size = U64(3)};
	ASSERT_LAYOUT(gw_wire_get_req_encode(dialect(), &get, out), TENSOR(0, 1), {296, 8, U64(2)}, {304, 8, U64(3)});
	struct gw_wire_copy_req copy = {.src = tensor_number(1), .dst = tensor_number(2)};
	ASSERT_LAYOUT(gw_wire_copy_req_encode(dialect(), &copy, out), TENSOR(0, 1), TENSOR(296, 2));
	struct gw_wire_tensor tensor = tensor_number(3);
	ASSERT_LAYOUT(gw_wire_tensor_req_encode(dialect(), &tensor, out), TENSOR(0, 3));
}

static void test_node(void **state)
{
	(void)state;
	struct gw_wire_node_req m = {.device = U32(1), .tensor = tensor_number(0)};
	for (uint64_t i = 0; i < GW_WIRE_SRC; i++)
		m.src[i] = tensor_number(i + 1);
	ASSERT_LAYOUT(gw_wire_node_req_encode(dialect(), &m, out), {0, 4, U32(1)}, TENSOR(4, 0), TENSOR(300, 1),
		TENSOR(596, 2), TENSOR(892, 3), TENSOR(1188, 4), TENSOR(1484, 5), TENSOR(1780, 6), TENSOR(2076, 7),
		TENSOR(2372, 8), TENSOR(2668, 9), TENSOR(2964, 10));
}

static void test_memset_and_2d(void **state)
{
	(void)state;
	struct gw_wire_memset_req set = {.tensor = tensor_number(1), .offset = U64(2), .size = U64(3), .value = 0xab};
	ASSERT_LAYOUT(gw_wire_memset_req_encode(dialect(), &set, out), TENSOR(0, 1), {296, 8, U64(2)}, {304, 8, U64(3)},
		{312, 1, 0xab});
	struct gw_wire_2d_req rows = {
		.tensor = tensor_number(1), .offset = U64(2), .size = U64(3), .n_copies = U64(4), .stride = U64(5)};
	ASSERT_LAYOUT(gw_wire_2d_req_encode(dialect(), &rows, out), TENSOR(0, 1), {296, 8, U64(2)}, {304, 8, U64(3)},
		{312, 8, U64(4)}, {320, 8, U64(5)});
}

static void test_comm(void **state)
{
	(void)state;
	struct gw_wire_comm_init_req init = {
		.device = U32(1), .rank = U32(2), .world = U32(3), .port = U32(4), .host = "ABCDEFGHI"};
	ASSERT_LAYOUT(gw_wire_comm_init_req_encode(&init, out), {0, 4, U32(1)}, {4, 4, U32(2)}, {8, 4, U32(3)},
		{12, 4, U32(4)}, {16, 8, UINT64_C(0x4847464544434241)}, {24, 8, 0x49}, {32, 8, 0}, {40, 8, 0},
		{48, 8, 0}, {56, 8, 0}, {64, 8, 0}, {72, 8, 0});
	struct gw_wire_allreduce_req reduce = {.device = U32(1), .tensor = tensor_number(2)};
	ASSERT_LAYOUT(gw_wire_allreduce_req_encode(dialect(), &reduce, out), {0, 4, U32(1)}, TENSOR(4, 2));
}

static void test_recompute(void **state)
{
	(void)state;
	struct gw_wire_recompute_req m = {.device = U32(1), .uid = U64(2)};
	ASSERT_LAYOUT(gw_wire_recompute_req_encode(dialect(), &m, out), {0, 4, U32(1)}, {4, 8, U64(2)});
	struct gw_dialect without = gw_dialect_8_0;
	without.graph_uid = false;
	ASSERT_LAYOUT(gw_wire_recompute_req_encode(&without, &m, out), {0, 4, U32(1)});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_buffers),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_set_tensor),
		cmocka_unit_test(test_ext_set_tensor_xxh3),
		cmocka_unit_test(test_get_copy_and_init_tensor),
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_memset_and_2d),
		cmocka_unit_test(test_comm),
		cmocka_unit_test(test_recompute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
