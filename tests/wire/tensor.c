/* rpc_tensor: every field at its documented offset, in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/tensor.h"

/* Byte i of a description: neighbours differ, and no two fields are equal. */
static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 256 + 1);
}

static void fill(uint8_t bytes[GW_WIRE_TENSOR_SIZE])
{
	for (size_t i = 0; i < GW_WIRE_TENSOR_SIZE; i++)
		bytes[i] = byte_at(i);
}

static uint32_t u32_at(size_t at)
{
	uint32_t v = 0;
	for (size_t i = 0; i < 4; i++)
		v |= (uint32_t)byte_at(at + i) << 8 * i;
	return v;
}

static uint64_t u64_at(size_t at)
{
	return (uint64_t)u32_at(at) | (uint64_t)u32_at(at + 4) << 32;
}

static void assert_arrays_at_offsets(const struct gw_wire_tensor *t)
{
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(t->ne[i], u32_at(20 + 4 * i));
		assert_int_equal(t->nb[i], u32_at(36 + 4 * i));
	}
	for (size_t i = 0; i < 16; i++)
		assert_int_equal((uint32_t)t->op_params[i], u32_at(56 + 4 * i));
	for (size_t i = 0; i < 10; i++)
		assert_true(t->src[i] == u64_at(124 + 8 * i));
	for (size_t i = 0; i < 63; i++)
		assert_int_equal((uint8_t)t->name[i], byte_at(228 + i));
}

static void test_fields_stand_at_their_offsets(void **state)
{
	(void)state;
	uint8_t bytes[GW_WIRE_TENSOR_SIZE];
	fill(bytes);
	struct gw_wire_tensor t;
	gw_wire_tensor_decode(&gw_dialect_8_0, bytes, &t);
	assert_true(t.id == u64_at(0));
	assert_int_equal(t.type, u32_at(8));
	assert_true(t.buffer == u64_at(12));
	assert_int_equal(t.op, u32_at(52));
	assert_int_equal((uint32_t)t.flags, u32_at(120));
	assert_true(t.view_src == u64_at(204));
	assert_true(t.view_offs == u64_at(212));
	assert_true(t.data == u64_at(220));
	assert_int_equal((uint32_t)t.use_count, u32_at(292));
	assert_arrays_at_offsets(&t);
}

static void test_every_byte_is_written(void **state)
{
	(void)state;
	uint8_t bytes[GW_WIRE_TENSOR_SIZE];
	fill(bytes);
	bytes[291] = '\0';
	struct gw_wire_tensor t;
	gw_wire_tensor_decode(&gw_dialect_8_0, bytes, &t);
	struct {
		uint8_t out[GW_WIRE_TENSOR_SIZE];
		uint8_t behind;
	} room;
	memset(&room, 0xee, sizeof(room));
	gw_wire_tensor_encode(&gw_dialect_8_0, &t, room.out);
	assert_memory_equal(room.out, bytes, sizeof(bytes));
	assert_int_equal(room.behind, 0xee);
}

static void test_names_are_terminated(void **state)
{
	(void)state;
	uint8_t bytes[GW_WIRE_TENSOR_SIZE];
	fill(bytes);
	memset(bytes + 228, 'n', 64);
	struct gw_wire_tensor t;
	gw_wire_tensor_decode(&gw_dialect_8_0, bytes, &t);
	assert_int_equal(strlen(t.name), 63);
}

static void test_use_count_only_where_the_dialect_has_it(void **state)
{
	(void)state;
	struct gw_dialect without = gw_dialect_8_0;
	without.use_count = false;
	uint8_t bytes[GW_WIRE_TENSOR_SIZE];
	fill(bytes);
	struct gw_wire_tensor t;
	gw_wire_tensor_decode(&without, bytes, &t);
	assert_int_equal(t.use_count, 0);

	t.use_count = 0x01020304;
	memset(bytes, 0xee, sizeof(bytes));
	gw_wire_tensor_encode(&without, &t, bytes);
	for (size_t i = 292; i < 296; i++)
		assert_int_equal(bytes[i], 0);
}

static void test_a_missing_tensor_is_all_zero(void **state)
{
	(void)state;
	const struct gw_wire_tensor none = {0};
	uint8_t bytes[GW_WIRE_TENSOR_SIZE];
	memset(bytes, 0xee, sizeof(bytes));
	gw_wire_tensor_encode(&gw_dialect_8_0, &none, bytes);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_stand_at_their_offsets),
		cmocka_unit_test(test_every_byte_is_written),
		cmocka_unit_test(test_names_are_terminated),
		cmocka_unit_test(test_use_count_only_where_the_dialect_has_it),
		cmocka_unit_test(test_a_missing_tensor_is_all_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
