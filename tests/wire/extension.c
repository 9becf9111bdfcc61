/* EXT_INFO: both sides agree on the encoding, and hostile input does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/cursor.h"
#include "wire/extension.h"

static struct gw_ext_device two_devices[2] = {
	{.flags = GW_EXT_DEVICE_PLAIN_ALLOC,
		.alignment = 32,
		.max_size = UINT64_MAX,
		.name = "CPU",
		.description = "a processor"},
	{.flags = GW_EXT_DEVICE_NO_INIT,
		.alignment = 256,
		.max_size = 1u << 30,
		.name = "Vulkan0",
		.description = "caf\xc3\xa9"},
};

static const struct gw_ext_info two = {
	.level = 3, .flags = GW_EXT_SERVER_CACHES, .version = "1.2.3", .n_devices = 2, .devices = two_devices};

static void encode(const struct gw_ext_info *info, struct gw_buf *out)
{
	*out = (struct gw_buf){0};
	assert_int_equal(gw_ext_info_encode(info, out), GW_OK);
}

static void assert_same_device(const struct gw_ext_device *a, const struct gw_ext_device *b)
{
	assert_int_equal(a->flags, b->flags);
	assert_true(a->alignment == b->alignment);
	assert_true(a->max_size == b->max_size);
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->description, b->description);
}

static void assert_same(const struct gw_ext_info *a, const struct gw_ext_info *b)
{
	assert_int_equal(a->level, b->level);
	assert_int_equal(a->flags, b->flags);
	assert_string_equal(a->version, b->version);
	assert_int_equal(a->n_devices, b->n_devices);
	for (uint32_t i = 0; i < a->n_devices; i++)
		assert_same_device(&a->devices[i], &b->devices[i]);
}

static void test_round_trip(void **state)
{
	(void)state;
	struct gw_buf body;
	encode(&two, &body);
	struct gw_ext_info got;
	assert_int_equal(gw_ext_info_decode(body.data, body.len, &got), GW_OK);
	assert_same(&got, &two);
	gw_ext_info_free(&got);
	assert_null(got.devices);
	gw_buf_free(&body);
}

static void test_refusal_is_optional(void **state)
{
	(void)state;
	struct gw_ext_info full = two, got;
	struct gw_buf plain, body;
	encode(&two, &plain);
	full.flags |= GW_EXT_SERVER_FULL;
	full.refusal = (struct gw_ext_refusal){GW_EXT_REASON_HOST, 16};
	encode(&full, &body);
	assert_int_equal(body.len, plain.len + 8);
	assert_int_equal(gw_ext_info_decode(body.data, body.len, &got), GW_OK);
	assert_same(&got, &full);
	assert_int_equal(got.refusal.reason, GW_EXT_REASON_HOST);
	assert_int_equal(got.refusal.limit, 16);
	gw_ext_info_free(&got);
	/* As from a server that does not give reasons. */
	assert_int_equal(gw_ext_info_decode(body.data, plain.len, &got), GW_OK);
	assert_int_equal(got.refusal.reason, GW_EXT_REASON_NONE);
	gw_ext_info_free(&got);
	gw_buf_free(&plain);
	gw_buf_free(&body);
}

static void test_layout(void **state)
{
	(void)state;
	struct gw_ext_device device = {
		.flags = 2, .alignment = 0x40, .max_size = 0x1234, .name = "G", .description = "de"};
	const struct gw_ext_info info = {.level = 1, .flags = 1, .version = "0.1", .n_devices = 1, .devices = &device};
	static const uint8_t expected[] = {1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, '0', '.', '1', 1, 0, 0, 0, /* device */
		2, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 'G', 2, 0, 0, 0, 'd',
		'e'};
	struct gw_buf body;
	encode(&info, &body);
	assert_int_equal(body.len, sizeof(expected));
	assert_memory_equal(body.data, expected, sizeof(expected));
	gw_buf_free(&body);
}

static void test_no_devices(void **state)
{
	(void)state;
	const struct gw_ext_info info = {.level = 1, .version = ""};
	struct gw_buf body;
	encode(&info, &body);
	struct gw_ext_info got;
	assert_int_equal(gw_ext_info_decode(body.data, body.len, &got), GW_OK);
	assert_same(&got, &info);
	gw_ext_info_free(&got);
	gw_buf_free(&body);
}

static void test_encoding_appends(void **state)
{
	(void)state;
	struct gw_buf body = {0};
	assert_int_equal(gw_buf_append(&body, "front", 5), GW_OK);
	assert_int_equal(gw_ext_info_encode(&two, &body), GW_OK);
	assert_memory_equal(body.data, "front", 5);
	struct gw_ext_info got;
	assert_int_equal(gw_ext_info_decode(body.data + 5, body.len - 5, &got), GW_OK);
	assert_same(&got, &two);
	gw_ext_info_free(&got);
	gw_buf_free(&body);
}

/* n devices with texts of len bytes. The caller frees them. */
static struct gw_ext_device *many(uint32_t n, size_t len)
{
	struct gw_ext_device *devices = calloc(n, sizeof(*devices));
	assert_non_null(devices);
	for (uint32_t i = 0; i < n; i++) {
		memset(devices[i].name, 'n', len);
		memset(devices[i].description, 'd', len);
	}
	return devices;
}

static void test_encoding_keeps_the_bounds(void **state)
{
	(void)state;
	struct gw_ext_info info = {.level = 1, .n_devices = GW_EXT_MAX_DEVICES + 1};
	info.devices = many(info.n_devices, GW_EXT_TEXT - 1);
	struct gw_buf body = {0};
	assert_int_equal(gw_buf_append(&body, "front", 5), GW_OK);
	assert_int_equal(gw_ext_info_encode(&info, &body), GW_ERR_LIMIT);
	assert_int_equal(body.len, 5);
	info.n_devices = GW_EXT_MAX_DEVICES; /* a valid number of devices, but too long in total */
	assert_int_equal(gw_ext_info_encode(&info, &body), GW_ERR_LIMIT);
	assert_int_equal(body.len, 5);
	free(info.devices);
	info.devices = many(info.n_devices, 100);
	assert_int_equal(gw_ext_info_encode(&info, &body), GW_OK);
	free(info.devices);
	gw_buf_free(&body);
}

/* Copies the bytes to a heap block of exactly size bytes, so that a sanitizer detects overreads. */
static enum gw_status decode(const uint8_t *body, size_t size, struct gw_ext_info *got)
{
	uint8_t *copy = malloc(size ? size : 1);
	assert_non_null(copy);
	memcpy(copy, body, size);
	enum gw_status status = gw_ext_info_decode(copy, size, got);
	free(copy);
	return status;
}

static void assert_refused(const uint8_t *body, size_t size)
{
	struct gw_ext_info got;
	struct gw_ext_info before;
	memset(&got, 0xee, sizeof(got));
	memcpy(&before, &got, sizeof(got));
	assert_int_equal(decode(body, size, &got), GW_ERR_PROTOCOL);
	assert_memory_equal(&got, &before, sizeof(got));
}

static void test_every_cut_is_refused(void **state)
{
	(void)state;
	struct gw_buf body;
	encode(&two, &body);
	for (size_t n = 0; n < body.len; n++)
		assert_refused(body.data, n);
	gw_buf_free(&body);
}

static void test_bytes_of_later_levels_are_ignored(void **state)
{
	(void)state;
	struct gw_buf body;
	encode(&two, &body);
	assert_int_equal(gw_buf_append(&body, "what a later level adds", 23), GW_OK);
	struct gw_ext_info got;
	assert_int_equal(decode(body.data, body.len, &got), GW_OK);
	assert_same(&got, &two);
	gw_ext_info_free(&got);

	assert_int_equal(gw_buf_reserve(&body, GW_EXT_INFO_MAX), GW_OK);
	memset(body.data + body.len, 0, GW_EXT_INFO_MAX);
	assert_int_equal(decode(body.data, GW_EXT_INFO_MAX, &got), GW_OK);
	gw_ext_info_free(&got);
	assert_refused(body.data, GW_EXT_INFO_MAX + 1);
	gw_buf_free(&body);
}

static void test_hostile_numbers_are_refused(void **state)
{
	(void)state;
	static const uint32_t hostile[] = {60000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
	struct gw_buf body;
	encode(&two, &body);
	const size_t version_length_at = 8;
	const size_t n_devices_at = version_length_at + 4 + strlen(two.version);
	const size_t name_length_at = n_devices_at + 4 + 20;
	const size_t numbers_at[] = {version_length_at, n_devices_at, name_length_at};
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		for (size_t j = 0; j < sizeof(numbers_at) / sizeof(numbers_at[0]); j++) {
			uint32_t before = gw_le32(body.data + numbers_at[j]);
			gw_put_le32(body.data + numbers_at[j], hostile[i]);
			assert_refused(body.data, body.len);
			gw_put_le32(body.data + numbers_at[j], before);
		}
	}
	gw_put_le32(body.data + n_devices_at, GW_EXT_MAX_DEVICES + 1);
	assert_refused(body.data, body.len);
	gw_buf_free(&body);
}

/* The maximum number of devices, and then one more that is really present. */
static void test_number_of_devices_is_bounded(void **state)
{
	(void)state;
	struct gw_ext_info info = {.level = 1, .n_devices = GW_EXT_MAX_DEVICES};
	info.devices = many(info.n_devices, 3);
	struct gw_buf body;
	encode(&info, &body);
	struct gw_ext_info got;
	assert_int_equal(decode(body.data, body.len, &got), GW_OK);
	assert_same(&got, &info);
	gw_ext_info_free(&got);

	static const uint8_t one_more[28] = {0};
	gw_put_le32(body.data + 12, GW_EXT_MAX_DEVICES + 1);
	assert_int_equal(gw_buf_append(&body, one_more, sizeof(one_more)), GW_OK);
	assert_refused(body.data, body.len);
	gw_buf_free(&body);
	free(info.devices);
}

static void test_texts_are_cut_and_harmless(void **state)
{
	(void)state;
	uint8_t body[16 + 1000] = {0};
	gw_put_le32(body + 8, 1000);
	memset(body + 12, 'v', 1000);
	body[12] = '\n';
	body[13] = '\0';
	body[14] = 0x1b;
	struct gw_ext_info got;
	assert_int_equal(decode(body, sizeof(body), &got), GW_OK);
	assert_int_equal(strlen(got.version), GW_EXT_TEXT - 1);
	assert_memory_equal(got.version, "???vvv", 6);
	gw_ext_info_free(&got);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* A changed message is either refused or decoded into values within the bounds. */
static void test_changed_bytes_do_no_harm(void **state)
{
	(void)state;
	struct gw_buf body;
	encode(&two, &body);
	uint64_t seed = 2463534242u;
	for (int i = 0; i < 20000; i++) {
		size_t at = next_random(&seed) % body.len;
		uint8_t before = body.data[at];
		body.data[at] = (uint8_t)next_random(&seed);
		struct gw_ext_info got;
		if (decode(body.data, body.len, &got) == GW_OK) {
			assert_true(got.n_devices <= GW_EXT_MAX_DEVICES);
			assert_true(strlen(got.version) < GW_EXT_TEXT);
			gw_ext_info_free(&got);
		}
		body.data[at] = before;
	}
	gw_buf_free(&body);
}

static void test_allocation_round_trip(void **state)
{
	(void)state;
	const struct gw_ext_alloc_rsp sent = {0x0102030405060708, 0x1112131415161718, 0x2122232425262728};
	const uint8_t bytes[GW_EXT_ALLOC_RSP] = {8, 7, 6, 5, 4, 3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,
		0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21};
	struct gw_ext_alloc_rsp got;
	uint8_t out[GW_EXT_ALLOC_RSP];

	gw_ext_alloc_rsp_encode(&sent, out);
	assert_memory_equal(out, bytes, sizeof(bytes));
	gw_ext_alloc_rsp_decode(out, &got);
	assert_int_equal(got.buffer, sent.buffer);
	assert_int_equal(got.size, sent.size);
	assert_int_equal(got.base, sent.base);
}

static void test_alive_within_bounds_only(void **state)
{
	(void)state;
	static const uint32_t bad[] = {0, GW_EXT_ALIVE_MIN_MS - 1, GW_EXT_ALIVE_MAX_MS + 1, UINT32_MAX};
	uint8_t body[GW_EXT_ALIVE_REQ + 1] = {0};
	uint32_t ms = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		gw_ext_alive_encode(bad[i], body);
		assert_false(gw_ext_alive_decode(body, GW_EXT_ALIVE_REQ, &ms));
	}
	gw_ext_alive_encode(7500, body);
	assert_memory_equal(body, ((uint8_t[]){0x4c, 0x1d, 0, 0}), 4);
	assert_false(gw_ext_alive_decode(body, GW_EXT_ALIVE_REQ - 1, &ms));
	assert_false(gw_ext_alive_decode(body, GW_EXT_ALIVE_REQ + 1, &ms));
	assert_int_equal(ms, 7);
	assert_true(gw_ext_alive_decode(body, GW_EXT_ALIVE_REQ, &ms));
	assert_int_equal(ms, 7500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refusal_is_optional),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_no_devices),
		cmocka_unit_test(test_encoding_appends),
		cmocka_unit_test(test_encoding_keeps_the_bounds),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_bytes_of_later_levels_are_ignored),
		cmocka_unit_test(test_hostile_numbers_are_refused),
		cmocka_unit_test(test_number_of_devices_is_bounded),
		cmocka_unit_test(test_texts_are_cut_and_harmless),
		cmocka_unit_test(test_changed_bytes_do_no_harm),
		cmocka_unit_test(test_allocation_round_trip),
		cmocka_unit_test(test_alive_within_bounds_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
