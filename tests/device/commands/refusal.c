/* Bad requests end only the session of their client, with a reason that names the command. */
#include "device/raw.h"

#include <stdlib.h>
#include <string.h>

#include "wire/extension.h"

#define BUFFER 8192
#define BAD UINT64_MAX

/* The initial state of every case: a buffer with a tensor of 4096 bytes at its start. */
struct world {
	struct gw_server *server;
	struct raw raw;
	struct rig_buffer buffer;
	struct gw_wire_tensor tensor;
};

static int setup(void **out)
{
	static struct world w;
	struct gw_server_options options = rig_options();

	w.server = rig_server(&options);
	raw_start(&w.raw, w.server, &gw_dialect_8_0);
	w.buffer = raw_alloc(&w.raw, BUFFER);
	w.tensor = rig_tensor(rig_type("f32"), &w.buffer, 0, 1024, 1);
	strcpy(w.tensor.name, "blk.0.attn_q");
	*out = &w;
	return 0;
}

static int teardown(void **in)
{
	gw_server_free(((struct world *)*in)->server);
	return 0;
}

static void refused(struct world *w, unsigned cmd, const char *words)
{
	raw_end_refused(&w->raw, GW_ERR_PROTOCOL, gw_cmd_name(cmd), words);
}

/* Framing */

struct framing {
	unsigned cmd;
	uint64_t size;
};

static void wrong_sizes_are_refused(void **in)
{
	static const struct framing cases[] = {
		{GW_CMD_ALLOC_BUFFER, 11},
		{GW_CMD_ALLOC_BUFFER, 13},
		{GW_CMD_GET_ALIGNMENT, 0},
		{GW_CMD_GET_MAX_SIZE, 5},
		{GW_CMD_BUFFER_GET_BASE, 7},
		{GW_CMD_FREE_BUFFER, 9},
		{GW_CMD_BUFFER_CLEAR, 8},
		{GW_CMD_SET_TENSOR, 0},
		{GW_CMD_SET_TENSOR, 303},
		{GW_CMD_SET_TENSOR_HASH, 311},
		{GW_CMD_GET_TENSOR, 313},
		{GW_CMD_GET_TENSOR, UINT64_MAX},
		{GW_CMD_COPY_TENSOR, 591},
		{GW_CMD_GRAPH_COMPUTE, 11},
		{GW_CMD_GRAPH_COMPUTE, UINT64_MAX},
		{GW_CMD_GET_DEVICE_MEMORY, 3},
		{GW_CMD_INIT_TENSOR, 297},
		{GW_CMD_GET_ALLOC_SIZE, 3259},
		{GW_CMD_DEVICE_COUNT, 1},
		{GW_CMD_GRAPH_RECOMPUTE, 13},
		{GW_CMD_MEMSET_TENSOR, 312},
		{GW_CMD_SET_TENSOR_2D, 327},
		{GW_CMD_GET_TENSOR_2D, 329},
		{GW_CMD_COMM_INIT, 79},
		{GW_CMD_COMM_ALLREDUCE, 299},
		{GW_CMD_COMM_FREE, 5},
		{GW_CMD_EXT_INFO, 3},
		{GW_CMD_EXT_SUPPORTS_OP, 3261},
		{GW_CMD_EXT_STREAM, 7},
		{GW_CMD_EXT_STREAM, GW_EXT_STREAM_FIXED + GW_EXT_STREAM_MAX + 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = *in;
		if (i > 0)
			raw_start(&w->raw, w->server, &gw_dialect_8_0);
		raw_send_part(&w->raw, cases[i].cmd, cases[i].size, NULL, 0);
		refused(w, cases[i].cmd, "invalid size");
	}
}

static void a_stream_is_bounded(void **in)
{
	struct world *w = *in;
	uint8_t body[8];

	gw_put_le64(body, GW_EXT_STREAM_MAX + 1);
	raw_send(&w->raw, GW_CMD_EXT_STREAM, body, sizeof(body));
	refused(w, GW_CMD_EXT_STREAM, "16777217 bytes are wanted");
}

/* Sizes that are valid in another dialect, or lie between two valid ones. */
static void sizes_of_other_dialects_are_refused(void **in)
{
	struct world *w = *in;
	uint8_t body[304] = {0};

	raw_send(&w->raw, GW_CMD_GRAPH_RECOMPUTE, body, 4);
	refused(w, GW_CMD_GRAPH_RECOMPUTE, "invalid size: 4 bytes");
	raw_start(&w->raw, w->server, &gw_dialect_8_0);
	raw_send(&w->raw, GW_CMD_SET_TENSOR, body, 304);
	refused(w, GW_CMD_SET_TENSOR, "too early");
}

static void commands_that_do_not_exist_are_refused(void **in)
{
	static const unsigned cmds[] = {23, 24, 100, 0xDF, 0xF0, 0xFF};
	struct world *w = *in;

	for (size_t i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		if (i > 0)
			raw_start(&w->raw, w->server, &gw_dialect_8_0);
		raw_send_part(&w->raw, cmds[i], 0, NULL, 0);
		raw_end_refused(&w->raw, GW_ERR_PROTOCOL, "", "has no command");
	}
}

static void a_second_hello_is_refused(void **in)
{
	struct world *w = *in;
	uint8_t body[GW_WIRE_HELLO_REQ] = {0};

	raw_send(&w->raw, GW_CMD_HELLO, body, sizeof(body));
	refused(w, GW_CMD_HELLO, "a second time");
}

static void a_client_that_dies_in_a_request_is_noticed(void **in)
{
	struct world *w = *in;
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_set_req req = {.tensor = w->tensor};
	size_t n = gw_wire_set_req_encode(&gw_dialect_8_0, &req, out);

	raw_send_part(&w->raw, GW_CMD_SET_TENSOR, n + 4096, out, n);
	raw_end_refused(&w->raw, GW_ERR_LOST, "SET_TENSOR", "");
}

/* A graph header with a huge count costs the server only as much memory as the client sends. */
static void a_client_that_dies_in_a_graph_is_noticed(void **in)
{
	struct world *w = *in;
	uint8_t body[100] = {0};

	raw_send_part(&w->raw, GW_CMD_GRAPH_COMPUTE, 500 << 20, body, sizeof(body));
	raw_end_refused(&w->raw, GW_ERR_LOST, "GRAPH_COMPUTE", "");
}

/* Devices and handles */

static void unknown_devices_are_refused(void **in)
{
	static const unsigned cmds[] = {GW_CMD_ALLOC_BUFFER, GW_CMD_GET_ALIGNMENT, GW_CMD_GET_MAX_SIZE,
		GW_CMD_GET_DEVICE_MEMORY, GW_CMD_GET_ALLOC_SIZE, GW_CMD_GRAPH_RECOMPUTE, GW_CMD_COMM_FREE,
		GW_CMD_EXT_SUPPORTS_OP};
	static const size_t sizes[] = {12, 4, 4, 4, 3260, 12, 4, 3260};
	static const uint32_t devices[] = {1, 256, UINT32_MAX};
	struct world *w = *in;
	uint8_t body[3260] = {0};

	for (size_t i = 0; i < 3 * sizeof(cmds) / sizeof(cmds[0]); i++) {
		if (i > 0)
			raw_start(&w->raw, w->server, &gw_dialect_8_0);
		gw_put_le32(body, devices[i % 3]);
		raw_send(&w->raw, cmds[i / 3], body, sizes[i / 3]);
		refused(w, cmds[i / 3], "is not one of 1");
	}
}

static void unknown_buffers_are_refused(void **in)
{
	static const unsigned cmds[] = {GW_CMD_BUFFER_GET_BASE, GW_CMD_FREE_BUFFER, GW_CMD_BUFFER_CLEAR};
	static const uint64_t handles[] = {0, 2, UINT64_MAX, UINT64_C(1) << 40};
	struct world *w = *in;
	uint8_t body[9] = {0};

	for (size_t i = 0; i < 12; i++) {
		if (i > 0)
			raw_start(&w->raw, w->server, &gw_dialect_8_0);
		gw_put_le64(body, handles[i % 4]);
		raw_send(&w->raw, cmds[i / 4], body, cmds[i / 4] == GW_CMD_BUFFER_CLEAR ? 9 : 8);
		refused(w, cmds[i / 4], "is unknown");
	}
}

static void freed_buffers_are_unknown(void **in)
{
	struct world *w = *in;
	uint8_t body[8];

	gw_put_le64(body, w->buffer.handle);
	raw_send(&w->raw, GW_CMD_FREE_BUFFER, body, 8);
	raw_send(&w->raw, GW_CMD_FREE_BUFFER, body, 8);
	refused(w, GW_CMD_FREE_BUFFER, "buffer 1 is unknown");
}

/* Tensors: each case changes one field of a good tensor and sends it with every command that accesses contents */

typedef void (*change)(struct world *w, struct gw_wire_tensor *t);

static void unknown_buffer(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	t->buffer = 99;
}

static void no_buffer(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	t->buffer = 0;
}

static void dead_type(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	t->type = 4;
}

static void huge_type(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	t->type = UINT32_MAX;
}

static void half_blocks(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	t->type = rig_type("q4_0");
	t->ne[0] = 33;
}

static void below_buffer(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	t->data -= 1;
}

static void behind_buffer(struct world *w, struct gw_wire_tensor *t)
{
	t->data = w->buffer.base + w->buffer.size - 4095;
}

static void at_zero(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	t->data = 0;
}

static void at_the_top(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	t->data = UINT64_MAX - 100;
}

static void too_many_rows(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	t->ne[1] = UINT32_MAX;
}

static void overflowing(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	for (int i = 0; i < GW_WIRE_DIMS; i++)
		t->ne[i] = t->nb[i] = UINT32_MAX;
}

/* Strides of zero, and more elements than an integer can count. */
static void uncountable(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	for (int i = 0; i < GW_WIRE_DIMS; i++)
		t->ne[i] = UINT32_MAX, t->nb[i] = 0;
}

static void empty_below_buffer(struct world *w, struct gw_wire_tensor *t)
{
	(void)w;
	t->ne[1] = 0;
	t->data = 4096;
}

static void empty_behind_buffer(struct world *w, struct gw_wire_tensor *t)
{
	t->ne[1] = 0;
	t->data = w->buffer.base + w->buffer.size + 1;
}

static const struct {
	change apply;
	const char *words;
} changes[] = {
	{unknown_buffer, "in unknown buffer 99"},
	{no_buffer, "in unknown buffer 0"},
	{dead_type, "is of unknown type 4"},
	{huge_type, "is of unknown type 4294967295"},
	{half_blocks, "rows of 33 elements, not whole q4_0 blocks"},
	{below_buffer, "is not inside buffer 1"},
	{behind_buffer, "is not inside buffer 1"},
	{at_zero, "is not inside buffer 1"},
	{at_the_top, "is not inside buffer 1"},
	{too_many_rows, "is not inside buffer 1"},
	{overflowing, "overflows"},
	{uncountable, "overflows"},
	{empty_below_buffer, "is not inside buffer 1"},
	{empty_behind_buffer, "is not inside buffer 1"},
};

typedef size_t (*encode)(const struct gw_wire_tensor *t, const struct gw_wire_tensor *good, uint8_t *out);

static size_t encode_set(const struct gw_wire_tensor *t, const struct gw_wire_tensor *good, uint8_t *out)
{
	(void)good;
	return gw_wire_set_req_encode(&gw_dialect_8_0, &(struct gw_wire_set_req){.tensor = *t}, out);
}

static size_t encode_hash(const struct gw_wire_tensor *t, const struct gw_wire_tensor *good, uint8_t *out)
{
	(void)good;
	return gw_wire_set_hash_req_encode(&gw_dialect_8_0, &(struct gw_wire_set_hash_req){.tensor = *t}, out);
}

static size_t encode_get(const struct gw_wire_tensor *t, const struct gw_wire_tensor *good, uint8_t *out)
{
	(void)good;
	return gw_wire_get_req_encode(&gw_dialect_8_0, &(struct gw_wire_get_req){.tensor = *t}, out);
}

static size_t encode_memset(const struct gw_wire_tensor *t, const struct gw_wire_tensor *good, uint8_t *out)
{
	(void)good;
	return gw_wire_memset_req_encode(&gw_dialect_8_0, &(struct gw_wire_memset_req){.tensor = *t}, out);
}

static size_t encode_2d(const struct gw_wire_tensor *t, const struct gw_wire_tensor *good, uint8_t *out)
{
	(void)good;
	return gw_wire_2d_req_encode(
		&gw_dialect_8_0, &(struct gw_wire_2d_req){.tensor = *t, .size = 4, .n_copies = 2, .stride = 8}, out);
}

static size_t encode_copy_from(const struct gw_wire_tensor *t, const struct gw_wire_tensor *good, uint8_t *out)
{
	return gw_wire_copy_req_encode(&gw_dialect_8_0, &(struct gw_wire_copy_req){.src = *t, .dst = *good}, out);
}

static size_t encode_copy_to(const struct gw_wire_tensor *t, const struct gw_wire_tensor *good, uint8_t *out)
{
	return gw_wire_copy_req_encode(&gw_dialect_8_0, &(struct gw_wire_copy_req){.src = *good, .dst = *t}, out);
}

static const struct {
	unsigned cmd;
	encode encode;
} touching[] = {
	{GW_CMD_SET_TENSOR, encode_set},
	{GW_CMD_SET_TENSOR_HASH, encode_hash},
	{GW_CMD_GET_TENSOR, encode_get},
	{GW_CMD_MEMSET_TENSOR, encode_memset},
	{GW_CMD_SET_TENSOR_2D, encode_2d},
	{GW_CMD_GET_TENSOR_2D, encode_2d},
	{GW_CMD_COPY_TENSOR, encode_copy_from},
	{GW_CMD_COPY_TENSOR, encode_copy_to},
};

static void invalid_tensors_are_refused(void **in)
{
	struct world *w = *in;
	uint8_t out[GW_WIRE_MAX_FIXED];

	raw_end_clean(&w->raw);
	for (size_t c = 0; c < sizeof(touching) / sizeof(touching[0]); c++) {
		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
			raw_start(&w->raw, w->server, &gw_dialect_8_0);
			w->buffer = raw_alloc(&w->raw, BUFFER);
			struct gw_wire_tensor good = rig_tensor(rig_type("f32"), &w->buffer, 0, 1024, 1), t = good;
			changes[i].apply(w, &t);
			raw_send(&w->raw, touching[c].cmd, out, touching[c].encode(&t, &good, out));
			refused(w, touching[c].cmd, changes[i].words);
		}
	}
}

/* Ranges inside a good tensor */

struct range {
	uint64_t offset;
	uint64_t size;
};

static const struct range bad_ranges[] = {
	{4096, 1}, {4097, 0}, {0, 4097}, {4095, 2}, {BAD, 1}, {BAD, BAD}, {1, BAD},
	{4096, 4096}, /* inside the buffer */
};
#define N_RANGES (sizeof(bad_ranges) / sizeof(bad_ranges[0]))

static void range_case(struct world *w, size_t i)
{
	if (i > 0) {
		raw_start(&w->raw, w->server, &gw_dialect_8_0);
		w->buffer = raw_alloc(&w->raw, BUFFER);
	}
}

static void ranges_beyond_the_tensor_are_not_read(void **in)
{
	struct world *w = *in;
	uint8_t out[GW_WIRE_MAX_FIXED];

	for (size_t i = 0; i < N_RANGES; i++) {
		range_case(w, i);
		struct gw_wire_get_req req = {
			.tensor = w->tensor, .offset = bad_ranges[i].offset, .size = bad_ranges[i].size};
		raw_send(&w->raw, GW_CMD_GET_TENSOR, out, gw_wire_get_req_encode(&gw_dialect_8_0, &req, out));
		refused(w, GW_CMD_GET_TENSOR, "exceeds tensor 'blk.0.attn_q' of 4096 bytes");
	}
}

static void ranges_beyond_the_tensor_are_not_set(void **in)
{
	struct world *w = *in;
	uint8_t out[GW_WIRE_MAX_FIXED];

	for (size_t i = 0; i < N_RANGES; i++) {
		if (bad_ranges[i].size == BAD)
			continue;
		range_case(w, i);
		struct gw_wire_set_req req = {.tensor = w->tensor, .offset = bad_ranges[i].offset};
		size_t n = gw_wire_set_req_encode(&gw_dialect_8_0, &req, out);
		raw_send_part(&w->raw, GW_CMD_SET_TENSOR, n + bad_ranges[i].size, out, n);
		refused(w, GW_CMD_SET_TENSOR, "exceeds tensor 'blk.0.attn_q' of 4096 bytes");
	}
}

static void ranges_beyond_the_tensor_are_not_filled(void **in)
{
	struct world *w = *in;
	uint8_t out[GW_WIRE_MAX_FIXED];

	for (size_t i = 0; i < N_RANGES; i++) {
		range_case(w, i);
		struct gw_wire_memset_req req = {
			.tensor = w->tensor, .offset = bad_ranges[i].offset, .size = bad_ranges[i].size};
		raw_send(&w->raw, GW_CMD_MEMSET_TENSOR, out, gw_wire_memset_req_encode(&gw_dialect_8_0, &req, out));
		refused(w, GW_CMD_MEMSET_TENSOR, "exceeds tensor 'blk.0.attn_q' of 4096 bytes");
	}
}

static void hashes_beyond_the_tensor_are_refused(void **in)
{
	struct world *w = *in;
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_set_hash_req req = {.tensor = w->tensor, .offset = 4097};

	raw_send(&w->raw, GW_CMD_SET_TENSOR_HASH, out, gw_wire_set_hash_req_encode(&gw_dialect_8_0, &req, out));
	refused(w, GW_CMD_SET_TENSOR_HASH, "exceeds tensor 'blk.0.attn_q' of 4096 bytes");
}

static const struct gw_wire_2d_req bad_rows[] = {
	{.offset = 0, .size = 0, .n_copies = 4, .stride = 16},
	{.offset = 0, .size = 16, .n_copies = 0, .stride = 16},
	{.offset = 0, .size = 16, .n_copies = 257, .stride = 16},
	{.offset = 1, .size = 16, .n_copies = 256, .stride = 16},
	{.offset = 0, .size = 16, .n_copies = 2, .stride = 4081},
	{.offset = 0, .size = 16, .n_copies = 2, .stride = BAD},
	{.offset = 0, .size = 16, .n_copies = BAD, .stride = 16},
	{.offset = 0, .size = 16, .n_copies = BAD, .stride = BAD},
	{.offset = 0, .size = BAD, .n_copies = 1, .stride = 0},
	{.offset = BAD, .size = 16, .n_copies = 1, .stride = 16},
	{.offset = 0, .size = 16, .n_copies = UINT64_C(1) << 60, .stride = 0},
	{.offset = 0, .size = 16, .n_copies = 4, .stride = 15},
};

static void rows_beyond_the_tensor_are_refused(void **in)
{
	static const unsigned cmds[] = {GW_CMD_GET_TENSOR_2D, GW_CMD_SET_TENSOR_2D};
	size_t n = sizeof(bad_rows) / sizeof(bad_rows[0]);
	struct world *w = *in;
	uint8_t out[GW_WIRE_MAX_FIXED];

	for (size_t i = 0; i < 2 * n; i++) {
		range_case(w, i);
		struct gw_wire_2d_req req = bad_rows[i % n];
		req.tensor = w->tensor;
		raw_send(&w->raw, cmds[i / n], out, gw_wire_2d_req_encode(&gw_dialect_8_0, &req, out));
		refused(w, cmds[i / n], "'blk.0.attn_q'");
	}
}

static void rows_that_are_not_all_sent_are_refused(void **in)
{
	struct world *w = *in;
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_2d_req req = {.tensor = w->tensor, .size = 16, .n_copies = 4, .stride = 32};
	size_t n = gw_wire_2d_req_encode(&gw_dialect_8_0, &req, out);

	raw_send_part(&w->raw, GW_CMD_SET_TENSOR_2D, n + 63, out, n);
	refused(w, GW_CMD_SET_TENSOR_2D, "63 bytes sent");
}

/* Unprintable characters of a tensor's name appear as question marks. */
static void names_are_quoted_safely(void **in)
{
	struct world *w = *in;
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_get_req req = {.tensor = w->tensor, .offset = BAD};

	memset(req.tensor.name, 'x', sizeof(req.tensor.name));
	req.tensor.name[0] = '\n';
	req.tensor.name[1] = '\x1b';
	req.tensor.name[2] = (char)0x9b;
	raw_send(&w->raw, GW_CMD_GET_TENSOR, out, gw_wire_get_req_encode(&gw_dialect_8_0, &req, out));
	refused(w, GW_CMD_GET_TENSOR, "exceeds tensor '???xxxx");
	assert_null(strpbrk(w->raw.rig.why.text, "\n\x1b\x9b"));
}

static void padding_must_fit_to_be_initialised(void **in)
{
	struct world *w = *in;
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_tensor t = w->tensor;

	t.data = w->buffer.base + w->buffer.size - 4000;
	raw_send(&w->raw, GW_CMD_INIT_TENSOR, out, gw_wire_tensor_req_encode(&gw_dialect_8_0, &t, out));
	refused(w, GW_CMD_INIT_TENSOR, "is not inside buffer");
}

static void the_communicator_is_declined(void **in)
{
	struct world *w = *in;
	uint8_t body[300] = {0}, ok = 1;

	raw_send(&w->raw, GW_CMD_COMM_INIT, body, 80);
	raw_reply(&w->raw, &ok, 1);
	assert_int_equal(ok, 0);
	raw_send(&w->raw, GW_CMD_COMM_FREE, body, 4);
	raw_send(&w->raw, GW_CMD_COMM_ALLREDUCE, body, 300);
	refused(w, GW_CMD_COMM_ALLREDUCE, "no communicator");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrong_sizes_are_refused),
		TEST(a_stream_is_bounded),
		TEST(sizes_of_other_dialects_are_refused),
		TEST(commands_that_do_not_exist_are_refused),
		TEST(a_second_hello_is_refused),
		TEST(a_client_that_dies_in_a_request_is_noticed),
		TEST(a_client_that_dies_in_a_graph_is_noticed),
		TEST(unknown_devices_are_refused),
		TEST(unknown_buffers_are_refused),
		TEST(freed_buffers_are_unknown),
		TEST(invalid_tensors_are_refused),
		TEST(ranges_beyond_the_tensor_are_not_read),
		TEST(ranges_beyond_the_tensor_are_not_set),
		TEST(ranges_beyond_the_tensor_are_not_filled),
		TEST(hashes_beyond_the_tensor_are_refused),
		TEST(rows_beyond_the_tensor_are_refused),
		TEST(rows_that_are_not_all_sent_are_refused),
		TEST(names_are_quoted_safely),
		TEST(padding_must_fit_to_be_initialised),
		TEST(the_communicator_is_declined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
