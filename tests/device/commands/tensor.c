/* Data written to a server's memory reads back unchanged, through every command that accesses contents. */
#include "device/rig.h"

#include <stdlib.h>
#include <string.h>

#include "device/graph/tensor.h"

struct state {
	struct gw_server *server;
	struct rig rig;
	struct gw_client *client;
};

static int setup(void **out)
{
	static struct state st;
	struct gw_server_options options = rig_options();

	st.server = rig_server(&options);
	st.client = rig_client(&st.rig, st.server);
	*out = &st;
	return 0;
}

static int teardown(void **in)
{
	struct state *st = *in;

	rig_leave(&st->rig, st->client);
	gw_server_free(st->server);
	return 0;
}

static void pattern(uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 31 + i / 251 + seed);
}

static void written_bytes_come_back(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer b = rig_alloc(c, 1 << 20);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &b, 4096, 1024, 8);
	static uint8_t sent[32768], got[32768];

	assert_true(b.handle != 0 && b.base != 0 && b.size >= 1 << 20);
	pattern(sent, sizeof(sent), 1);
	rig_set(c, &t, 0, sent, sizeof(sent));
	rig_get(c, &t, 0, got, sizeof(got));
	assert_memory_equal(sent, got, sizeof(sent));
}

static void ranges_are_written_in_place(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer b = rig_alloc(c, 65536);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &b, 0, 256, 1);
	uint8_t model[1024], got[1024];

	pattern(model, sizeof(model), 2);
	rig_set(c, &t, 0, model, sizeof(model));
	pattern(model + 100, 13, 77);
	rig_set(c, &t, 100, model + 100, 13);
	rig_set(c, &t, 1024, model, 0);
	rig_get(c, &t, 0, got, sizeof(got));
	assert_memory_equal(model, got, sizeof(got));
	rig_get(c, &t, 1000, got, 24);
	assert_memory_equal(model + 1000, got, 24);
}

/* Clients use it to wait for their earlier requests. */
static void reading_nothing_is_answered(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer b = rig_alloc(c, 4096);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &b, 0, 16, 1);

	rig_get(c, &t, 64, NULL, 0);
}

/* More than the connection's buffers hold, in both directions. */
static void large_contents_come_back(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	size_t n = (size_t)24 << 20;
	struct rig_buffer b = rig_alloc(c, n);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &b, 0, 1 << 20, 6);
	uint8_t *sent = malloc(n), *got = malloc(n);

	pattern(sent, n, 3);
	rig_set(c, &t, 0, sent, n);
	rig_get(c, &t, 0, got, n);
	assert_memory_equal(sent, got, n);
	free(sent);
	free(got);
}

static void set_2d(struct gw_client *c, const struct gw_wire_2d_req *req, const void *rows)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct iovec parts[2] = {{out, gw_wire_2d_req_encode(gw_client_dialect(c), req, out)},
		{(void *)(uintptr_t)rows, req->size * req->n_copies}};

	assert_int_equal(gw_client_post(c, GW_CMD_SET_TENSOR_2D, parts, 2), GW_OK);
}

static void get_2d(struct gw_client *c, const struct gw_wire_2d_req *req, void *rows)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct iovec part = {out, gw_wire_2d_req_encode(gw_client_dialect(c), req, out)};

	assert_int_equal(gw_client_call(c, GW_CMD_GET_TENSOR_2D, &part, 1, rows, req->size * req->n_copies), GW_OK);
}

static void rows_are_scattered_and_gathered(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer b = rig_alloc(c, 65536);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &b, 0, 64, 16); /* rows of 256 bytes */
	struct gw_wire_2d_req req = {.tensor = t, .offset = 24, .size = 40, .n_copies = 15, .stride = 256};
	uint8_t rows[600], got[600], all[4096], model[4096] = {0};

	rig_set(c, &t, 0, model, sizeof(model));
	pattern(rows, sizeof(rows), 4);
	for (size_t i = 0; i < 15; i++)
		memcpy(model + 24 + i * 256, rows + i * 40, 40);
	set_2d(c, &req, rows);
	get_2d(c, &req, got);
	assert_memory_equal(rows, got, sizeof(rows));
	rig_get(c, &t, 0, all, sizeof(all));
	assert_memory_equal(model, all, sizeof(all));
}

/* The last row ends where the tensor ends; the rows have no gaps. */
static void rows_reach_the_end(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer b = rig_alloc(c, 65536);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &b, 0, 64, 16);
	struct gw_wire_2d_req dense = {.tensor = t, .size = 256, .n_copies = 16, .stride = 256};
	struct gw_wire_2d_req last = {.tensor = t, .offset = 4096 - 10, .size = 10, .n_copies = 1, .stride = 1 << 30};
	uint8_t rows[4096], got[4096];

	pattern(rows, sizeof(rows), 5);
	set_2d(c, &dense, rows);
	get_2d(c, &last, got);
	assert_memory_equal(rows + 4086, got, 10);
}

static void memset_tensor(struct gw_client *c, const struct gw_wire_memset_req *req)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct iovec part = {out, gw_wire_memset_req_encode(gw_client_dialect(c), req, out)};

	assert_int_equal(gw_client_post(c, GW_CMD_MEMSET_TENSOR, &part, 1), GW_OK);
}

static void memset_and_clear_fill(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer b = rig_alloc(c, 4096);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &b, 0, 1024, 1);
	uint8_t out[GW_WIRE_MAX_FIXED], got[4096];
	struct iovec part = {
		out, gw_wire_clear_req_encode(&(struct gw_wire_clear_req){.buffer = b.handle, .value = 0x5a}, out)};

	assert_int_equal(gw_client_post(c, GW_CMD_BUFFER_CLEAR, &part, 1), GW_OK);
	memset_tensor(c, &(struct gw_wire_memset_req){.tensor = t, .offset = 10, .size = 20, .value = 0xa5});
	rig_get(c, &t, 0, got, sizeof(got));
	for (size_t i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], i >= 10 && i < 30 ? 0xa5 : 0x5a);
}

static bool copy(struct gw_client *c, const struct gw_wire_tensor *src, const struct gw_wire_tensor *dst)
{
	uint8_t out[GW_WIRE_MAX_FIXED], result;
	struct gw_wire_copy_req req = {.src = *src, .dst = *dst};
	struct iovec part = {out, gw_wire_copy_req_encode(gw_client_dialect(c), &req, out)};

	assert_int_equal(gw_client_call(c, GW_CMD_COPY_TENSOR, &part, 1, &result, 1), GW_OK);
	return result;
}

static void tensors_are_copied(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer a = rig_alloc(c, 4096), b = rig_alloc(c, 4096);
	struct gw_wire_tensor src = rig_tensor(rig_type("f32"), &a, 0, 256, 1);
	struct gw_wire_tensor dst = rig_tensor(rig_type("f32"), &b, 1024, 256, 1);
	struct gw_wire_tensor other = rig_tensor(rig_type("f32"), &b, 0, 128, 1);
	uint8_t sent[1024], got[1024];

	pattern(sent, sizeof(sent), 6);
	rig_set(c, &src, 0, sent, sizeof(sent));
	assert_true(copy(c, &src, &dst));
	rig_get(c, &dst, 0, got, sizeof(got));
	assert_memory_equal(sent, got, sizeof(sent));
	assert_false(copy(c, &src, &other));
}

static void overlapping_tensors_are_copied(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer b = rig_alloc(c, 4096);
	struct gw_wire_tensor src = rig_tensor(rig_type("f32"), &b, 0, 256, 1);
	struct gw_wire_tensor dst = rig_tensor(rig_type("f32"), &b, 64, 256, 1);
	uint8_t sent[1024], got[1024];

	pattern(sent, sizeof(sent), 7);
	rig_set(c, &src, 0, sent, sizeof(sent));
	assert_true(copy(c, &src, &dst));
	rig_get(c, &dst, 0, got, sizeof(got));
	assert_memory_equal(sent, got, sizeof(sent));
}

/* The server never reuses handles and addresses, and aligns addresses as announced. */
static void handles_and_addresses_are_fresh(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer a = rig_alloc(c, 100);

	rig_free(c, &a);
	struct rig_buffer b = rig_alloc(c, 100);
	assert_true(b.handle > a.handle);
	assert_true(b.base >= a.base + a.size);
	assert_int_equal(a.base % 4096, 0);
	assert_int_equal(b.base % 4096, 0);
}

static void empty_buffers_have_an_address(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer b = rig_alloc(c, 0);
	struct gw_wire_tensor t = rig_tensor(rig_type("f32"), &b, 0, 0, 1);

	assert_true(b.handle != 0 && b.base != 0);
	rig_get(c, &t, 0, NULL, 0);
	t.data = 0; /* as sent by a client whose ggml gives empty buffers no address */
	rig_get(c, &t, 0, NULL, 0);
	assert_true(copy(c, &t, &t));
	rig_free(c, &b);
}

static void impossible_sizes_are_answered_with_no_buffer(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	static const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 31, UINT64_C(1) << 63, UINT64_C(1) << 60};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(rig_alloc(c, sizes[i]).handle, 0);
	assert_int_not_equal(rig_alloc(c, 64).handle, 0);
}

static struct gw_wire_tensor cut(uint32_t ne1, uint32_t ne2)
{
	struct gw_wire_tensor t = {.type = rig_type("f16"), .ne = {65536, ne1, ne2, 1}};

	for (int i = 0; i < GW_WIRE_DIMS; i++)
		t.nb[i] = (uint32_t)(uint64_t[]){2, 131072, UINT64_C(131072) * ne1, UINT64_C(131072) * ne1 * ne2}[i];
	return t;
}

static uint64_t nbytes_of(const struct gw_wire_tensor *t)
{
	struct ggml_tensor out;
	uint64_t nbytes;

	assert_int_equal(gw_tensor_shape(gw_opmap_for(&gw_dialect_8_0), t, &out, &nbytes, NULL), GW_OK);
	assert_int_equal(nbytes, ggml_nbytes(&out));
	return nbytes;
}

/* 64-bit strides travel as 32-bit ones. The server recognises a contiguous tensor of 4 GiB or more by the low words. */
static void cut_strides_are_restored(void **in)
{
	struct gw_wire_tensor t = cut(65536, 3), odd = cut(32769, 2), small = cut(8, 8);

	(void)in;
	assert_int_equal(nbytes_of(&t), UINT64_C(3) << 33);
	assert_int_equal(nbytes_of(&odd), UINT64_C(32769) << 18);
	assert_int_equal(nbytes_of(&small), 64 << 17);
	small.nb[2] = 0; /* repeats the same rows */
	assert_int_equal(nbytes_of(&small), 8 << 17);
}

static void init_tensor(struct gw_client *c, const struct gw_wire_tensor *t)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct iovec part = {out, gw_wire_tensor_req_encode(gw_client_dialect(c), t, out)};

	assert_int_equal(gw_client_post(c, GW_CMD_INIT_TENSOR, &part, 1), GW_OK);
}

static void tensors_are_initialised_even_without_a_buffer(void **in)
{
	struct gw_client *c = ((struct state *)*in)->client;
	struct rig_buffer b = rig_alloc(c, 4096);
	struct gw_wire_tensor here = rig_tensor(rig_type("q4_0"), &b, 0, 64, 1);
	struct gw_wire_tensor nowhere = rig_tensor(rig_type("q4_0"), NULL, 0, 64, 1);

	init_tensor(c, &here);
	init_tensor(c, &nowhere);
	rig_get(c, &here, 0, NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(written_bytes_come_back),
		TEST(ranges_are_written_in_place),
		TEST(reading_nothing_is_answered),
		TEST(large_contents_come_back),
		TEST(rows_are_scattered_and_gathered),
		TEST(rows_reach_the_end),
		TEST(memset_and_clear_fill),
		TEST(tensors_are_copied),
		TEST(overlapping_tensors_are_copied),
		TEST(handles_and_addresses_are_fresh),
		TEST(empty_buffers_have_an_address),
		TEST(impossible_sizes_are_answered_with_no_buffer),
		cmocka_unit_test(cut_strides_are_restored),
		TEST(tensors_are_initialised_even_without_a_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
