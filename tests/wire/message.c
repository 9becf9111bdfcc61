/* Every message: its documented size in two dialects, a round trip through decoding and encoding, and refusal of other
 * sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/codec.h"
#include "wire/message.h"

#define NONE (-1)

/* Sizes of the fixed parts. NONE: no such message, or no codec. */
struct sizes {
	int request;
	int reply;
};

static const struct sizes sizes_8_0[GW_CMD_STOCK_COUNT] = {
	[GW_CMD_ALLOC_BUFFER] = {12, 16},
	[GW_CMD_GET_ALIGNMENT] = {4, 8},
	[GW_CMD_GET_MAX_SIZE] = {4, 8},
	[GW_CMD_BUFFER_GET_BASE] = {8, 8},
	[GW_CMD_FREE_BUFFER] = {8, NONE},
	[GW_CMD_BUFFER_CLEAR] = {9, NONE},
	[GW_CMD_SET_TENSOR] = {305, NONE},
	[GW_CMD_SET_TENSOR_HASH] = {312, 1},
	[GW_CMD_GET_TENSOR] = {312, NONE},
	[GW_CMD_COPY_TENSOR] = {592, 1},
	[GW_CMD_GRAPH_COMPUTE] = {NONE, NONE},
	[GW_CMD_GET_DEVICE_MEMORY] = {4, 16},
	[GW_CMD_INIT_TENSOR] = {296, NONE},
	[GW_CMD_GET_ALLOC_SIZE] = {3260, 8},
	[GW_CMD_HELLO] = {24, 28},
	[GW_CMD_DEVICE_COUNT] = {NONE, 4},
	[GW_CMD_GRAPH_RECOMPUTE] = {12, NONE},
	[GW_CMD_MEMSET_TENSOR] = {313, NONE},
	[GW_CMD_SET_TENSOR_2D] = {328, NONE},
	[GW_CMD_GET_TENSOR_2D] = {328, NONE},
	[GW_CMD_COMM_INIT] = {80, 1},
	[GW_CMD_COMM_ALLREDUCE] = {300, NONE},
	[GW_CMD_COMM_FREE] = {4, NONE},
};

/* The differences in 4.0. */
static int request_size_4_0(unsigned cmd)
{
	switch (cmd) {
	case GW_CMD_SET_TENSOR:
		return 304;
	case GW_CMD_GRAPH_RECOMPUTE:
		return 4;
	default:
		return sizes_8_0[cmd].request;
	}
}

/* Where a request contains tensors: the first one's offset, and how many follow each other. */
static void tensors_of(unsigned cmd, size_t *first, size_t *count)
{
	*first = cmd == GW_CMD_GET_ALLOC_SIZE || cmd == GW_CMD_COMM_ALLREDUCE ? 4 : 0;
	switch (cmd) {
	case GW_CMD_COPY_TENSOR:
		*count = 2;
		return;
	case GW_CMD_GET_ALLOC_SIZE:
		*count = 11;
		return;
	default:
		*count = sizes_8_0[cmd].request >= 296;
	}
}

static void fill(uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256 * 3 + 1);
}

/* A body in which all bytes differ from their neighbours, except for fields with only one valid value. */
static void fill_request(const struct gw_dialect *d, unsigned cmd, uint8_t *body, size_t size)
{
	fill(body, size);
	size_t first;
	size_t count;
	tensors_of(cmd, &first, &count);
	for (uint8_t *tensor = body + first; count > 0; count--, tensor += GW_WIRE_TENSOR_SIZE) {
		tensor[291] = '\0';
		if (!d->use_count)
			memset(tensor + 292, 0, 4);
	}
	if (cmd == GW_CMD_SET_TENSOR && d->cache_flag)
		body[296] = 1;
	if (cmd == GW_CMD_COMM_INIT)
		body[size - 1] = '\0';
}

/* Copies the bytes to a heap block of exactly size bytes, so that a sanitizer detects overreads. */
static bool decodes(const struct codec *codec, const struct gw_dialect *d, const uint8_t *body, size_t size, void *m)
{
	uint8_t *copy = malloc(size ? size : 1);
	assert_non_null(copy);
	memcpy(copy, body, size);
	bool ok = codec->decode(d, size ? copy : NULL, size, m);
	free(copy);
	return ok;
}

static void assert_survives(const struct codec *codec, const struct gw_dialect *d, const uint8_t *body, size_t size)
{
	_Alignas(16) uint8_t message[CODEC_MAX_OBJECT];
	uint8_t out[GW_WIRE_MAX_FIXED + 1];
	memset(out, 0xee, sizeof(out));
	assert_true(decodes(codec, d, body, size, message));
	assert_int_equal(codec->encode(d, message, out), size);
	assert_memory_equal(out, body, size);
	assert_int_equal(out[size], 0xee);
}

static void assert_other_sizes_refused(
	const struct codec *codec, const struct gw_dialect *d, const uint8_t *body, size_t size)
{
	_Alignas(16) uint8_t message[CODEC_MAX_OBJECT];
	for (size_t n = 0; n < size; n++)
		assert_false(decodes(codec, d, body, n, message));
	for (size_t n = size + 1; n < size + 10; n++)
		assert_false(decodes(codec, d, body, n, message));
}

static void check(const struct codec *codec, const struct gw_dialect *d, const uint8_t *body, int size)
{
	assert_int_equal(codec == NULL, size == NONE);
	if (!codec)
		return;
	assert_survives(codec, d, body, (size_t)size);
	assert_other_sizes_refused(codec, d, body, (size_t)size);
}

static void check_request(const struct gw_dialect *d, unsigned cmd, int size)
{
	uint8_t body[GW_WIRE_MAX_FIXED + 16] = {0};
	if (size != NONE)
		fill_request(d, cmd, body, (size_t)size);
	check(codec_of_request(cmd), d, body, size);
}

static void test_requests_of_8_0(void **state)
{
	(void)state;
	for (unsigned cmd = 0; cmd < GW_CMD_STOCK_COUNT; cmd++)
		check_request(&gw_dialect_8_0, cmd, sizes_8_0[cmd].request);
}

static void test_requests_of_4_0(void **state)
{
	(void)state;
	for (unsigned cmd = 0; cmd < codec_dialect_4_0.n_commands; cmd++)
		check_request(&codec_dialect_4_0, cmd, request_size_4_0(cmd));
}

static void test_replies(void **state)
{
	(void)state;
	for (unsigned cmd = 0; cmd < GW_CMD_STOCK_COUNT; cmd++) {
		uint8_t body[64];
		fill(body, sizeof(body));
		check(codec_of_reply(cmd), &gw_dialect_8_0, body, sizes_8_0[cmd].reply);
	}
}

/* A reply with a body has a codec, unless it is plain data. */
static void test_codecs_and_dialect_agree(void **state)
{
	(void)state;
	for (unsigned cmd = 0; cmd < GW_CMD_STOCK_COUNT; cmd++) {
		bool data = cmd == GW_CMD_GET_TENSOR || cmd == GW_CMD_GET_TENSOR_2D;
		bool body = gw_dialect_reply(&gw_dialect_8_0, cmd) == GW_REPLY_BODY;
		assert_int_equal(codec_of_reply(cmd) != NULL, body && !data);
	}
}

static void test_set_tensor_reports_its_fixed_size(void **state)
{
	(void)state;
	assert_int_equal(gw_wire_set_req_size(&gw_dialect_8_0), 305);
	assert_int_equal(gw_wire_set_req_size(&codec_dialect_4_0), 304);
}

static void test_every_nonzero_value_is_true(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;
		bool value = i == 0;
		assert_true(gw_wire_bool_rsp_decode(&byte, 1, &value));
		assert_int_equal(value, i != 0);
	}
	uint8_t body[305] = {0};
	struct gw_wire_set_req m;
	body[296] = 0x80;
	assert_true(gw_wire_set_req_decode(&gw_dialect_8_0, body, sizeof(body), &m));
	assert_true(m.cache_flag);
}

static void test_host_is_terminated(void **state)
{
	(void)state;
	uint8_t body[80];
	memset(body, 'h', sizeof(body));
	struct gw_wire_comm_init_req m;
	assert_true(gw_wire_comm_init_req_decode(body, sizeof(body), &m));
	assert_int_equal(strlen(m.host), GW_WIRE_COMM_HOST - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_of_8_0),
		cmocka_unit_test(test_requests_of_4_0),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_codecs_and_dialect_agree),
		cmocka_unit_test(test_set_tensor_reports_its_fixed_size),
		cmocka_unit_test(test_every_nonzero_value_is_true),
		cmocka_unit_test(test_host_is_terminated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
