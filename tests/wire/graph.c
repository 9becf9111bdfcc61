/* GRAPH_COMPUTE: layout, and refusal of counts that exceed the message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/message.h"

#define NODES 3
#define TENSORS 5
#define IDS_8_0 16
#define COUNT_8_0 (IDS_8_0 + 8 * NODES)
#define SIZE_8_0 (COUNT_8_0 + 4 + GW_WIRE_TENSOR_SIZE * TENSORS)

static const struct gw_dialect *new_dialect(void)
{
	return &gw_dialect_8_0;
}

static const struct gw_dialect *old_dialect(void)
{
	static struct gw_dialect old;
	old = gw_dialect_8_0;
	old.graph_uid = false;
	old.use_count = false;
	return &old;
}

static struct gw_wire_tensor tensor_number(uint32_t i)
{
	struct gw_wire_tensor t = {.id = 0x5000 + i, .type = i, .op = 2 * i, .use_count = (int32_t)i};
	t.name[0] = (char)('a' + i);
	return t;
}

/* A graph of NODES and TENSORS in a block of exactly its size. The caller frees it. */
static uint8_t *encode(const struct gw_dialect *d, size_t *size)
{
	assert_true(gw_wire_graph_size(d, NODES, TENSORS, size));
	uint8_t *body = malloc(*size);
	assert_non_null(body);
	uint8_t *ids;
	uint8_t *tensors;
	gw_wire_graph_begin(d, 0x01020304, UINT64_C(0x1112131415161718), NODES, TENSORS, body, &ids, &tensors);
	for (uint32_t i = 0; i < NODES; i++)
		gw_put_le64(ids + (size_t)8 * i, 0x5000 + 2 * i);
	for (uint32_t i = 0; i < TENSORS; i++) {
		struct gw_wire_tensor t = tensor_number(i);
		gw_wire_tensor_encode(d, &t, tensors + (size_t)GW_WIRE_TENSOR_SIZE * i);
	}
	return body;
}

static void test_layout_of_8_0(void **state)
{
	(void)state;
	size_t size;
	uint8_t *body = encode(new_dialect(), &size);
	assert_int_equal(size, SIZE_8_0);
	static const uint8_t head[IDS_8_0] = {
		4, 3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, NODES, 0, 0, 0};
	static const uint8_t ids[8 * NODES] = {
		0x00, 0x50, 0, 0, 0, 0, 0, 0, 0x02, 0x50, 0, 0, 0, 0, 0, 0, 0x04, 0x50, 0, 0, 0, 0, 0, 0};
	static const uint8_t count[4] = {TENSORS, 0, 0, 0};
	assert_memory_equal(body, head, sizeof(head));
	assert_memory_equal(body + IDS_8_0, ids, sizeof(ids));
	assert_memory_equal(body + COUNT_8_0, count, sizeof(count));
	assert_int_equal(body[COUNT_8_0 + 4 + GW_WIRE_TENSOR_SIZE], 0x01);
	free(body);
}

static void test_layout_without_uid(void **state)
{
	(void)state;
	size_t size;
	uint8_t *body = encode(old_dialect(), &size);
	assert_int_equal(size, SIZE_8_0 - 8);
	static const uint8_t head[] = {4, 3, 2, 1, NODES, 0, 0, 0, 0x00, 0x50};
	assert_memory_equal(body, head, sizeof(head));
	assert_int_equal(body[COUNT_8_0 - 8], TENSORS);
	free(body);
}

static void assert_decoded(const struct gw_dialect *d, uint64_t uid)
{
	size_t size;
	uint8_t *body = encode(d, &size);
	struct gw_wire_graph g;
	assert_true(gw_wire_graph_decode(d, body, size, &g));
	assert_int_equal(g.device, 0x01020304);
	assert_true(g.uid == uid);
	assert_int_equal(g.n_nodes, NODES);
	assert_int_equal(g.n_tensors, TENSORS);
	for (uint32_t i = 0; i < NODES; i++)
		assert_true(gw_wire_graph_node_id(&g, i) == 0x5000 + 2 * i);
	for (uint32_t i = 0; i < TENSORS; i++) {
		struct gw_wire_tensor t;
		gw_wire_graph_tensor(d, &g, i, &t);
		assert_true(t.id == 0x5000 + i);
		assert_int_equal(t.op, 2 * i);
		assert_int_equal(t.use_count, d->use_count ? i : 0);
		assert_int_equal(t.name[0], 'a' + i);
	}
	free(body);
}

static void test_decoding_restores_what_was_encoded(void **state)
{
	(void)state;
	assert_decoded(new_dialect(), UINT64_C(0x1112131415161718));
	assert_decoded(old_dialect(), 0);
}

/* Copies the bytes to a heap block of exactly size bytes, so that a sanitizer detects overreads. */
static bool decodes(const struct gw_dialect *d, const uint8_t *body, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	assert_non_null(copy);
	memcpy(copy, body, size);
	struct gw_wire_graph g;
	bool ok = gw_wire_graph_decode(d, copy, size, &g);
	free(copy);
	return ok;
}

static void test_every_cut_is_refused(void **state)
{
	(void)state;
	size_t size;
	uint8_t *body = encode(new_dialect(), &size);
	for (size_t n = 0; n < size; n++)
		assert_false(decodes(new_dialect(), body, n));
	struct gw_wire_graph g;
	assert_false(gw_wire_graph_decode(new_dialect(), NULL, 0, &g));
	free(body);
}

static void test_trailing_bytes_are_ignored(void **state)
{
	(void)state;
	size_t size;
	uint8_t *body = encode(new_dialect(), &size);
	uint8_t *longer = calloc(1, size + 100);
	assert_non_null(longer);
	memcpy(longer, body, size);
	assert_true(decodes(new_dialect(), longer, size + 1));
	assert_true(decodes(new_dialect(), longer, size + 100));
	free(longer);
	free(body);
}

static void assert_count_refused(uint8_t *body, size_t size, size_t at, uint32_t count)
{
	uint32_t before = gw_le32(body + at);
	gw_put_le32(body + at, count);
	assert_false(decodes(new_dialect(), body, size));
	gw_put_le32(body + at, before);
}

/* Counts that exceed the message, or would fit if their size were computed in 32 bits. */
static void test_hostile_counts_are_refused(void **state)
{
	(void)state;
	static const uint32_t counts[] = {1000, 0x10000000, 0x1fffffff, 0x20000000, 0x20000001, 0x40000003, 0x7fffffff,
		0x80000000, 0xfffffffe, 0xffffffff};
	size_t size;
	uint8_t *body = encode(new_dialect(), &size);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		assert_count_refused(body, size, IDS_8_0 - 4, counts[i]);
		assert_count_refused(body, size, COUNT_8_0, counts[i]);
	}
	assert_count_refused(body, size, COUNT_8_0, TENSORS + 1);
	assert_true(decodes(new_dialect(), body, size));
	free(body);
}

static void test_an_empty_graph_is_well_formed(void **state)
{
	(void)state;
	const uint8_t body[20] = {0};
	struct gw_wire_graph g;
	assert_true(gw_wire_graph_decode(new_dialect(), body, sizeof(body), &g));
	assert_int_equal(g.n_nodes, 0);
	assert_int_equal(g.n_tensors, 0);
	size_t size;
	assert_true(gw_wire_graph_size(new_dialect(), 0, 0, &size));
	assert_int_equal(size, 20);
	assert_true(gw_wire_graph_size(old_dialect(), 0, 0, &size));
	assert_int_equal(size, 12);
}

static void test_sizes_do_not_wrap(void **state)
{
	(void)state;
	size_t size = 42;
	bool ok = gw_wire_graph_size(new_dialect(), UINT32_MAX, UINT32_MAX, &size);
	if (sizeof(size_t) > 4) {
		assert_true(ok);
		assert_true(size == 20 + (uint64_t)UINT32_MAX * (8 + GW_WIRE_TENSOR_SIZE));
	} else {
		assert_false(ok);
		assert_int_equal(size, 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout_of_8_0),
		cmocka_unit_test(test_layout_without_uid),
		cmocka_unit_test(test_decoding_restores_what_was_encoded),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_trailing_bytes_are_ignored),
		cmocka_unit_test(test_hostile_counts_are_refused),
		cmocka_unit_test(test_an_empty_graph_is_well_formed),
		cmocka_unit_test(test_sizes_do_not_wrap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
