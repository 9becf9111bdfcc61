#include "device/marker.h"

#include <stdlib.h>
#include <string.h>

#include "device/rig.h"

/* A pattern that occurs nowhere else. */
static const uint8_t marker[16] = {
	0x9d, 0x41, 0xe7, 0x5a, 0xc3, 0x1f, 0xb6, 0x88, 0xf2, 0x6b, 0xd9, 0x04, 0xae, 0x73, 0xcb, 0x17};

/* Small sizes, which allocators keep in free lists; sizes that are no multiple of a page or block; sizes that malloc
 * maps separately at first and reuses later. */
static const uint64_t sizes[] = {
	1, 32, 100, 1000, 4096, 5000, 65536, 131000, 200000, 1 << 20, (1 << 20) + 4000, 5 << 20};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))
#define ROUNDS 2

static void post(struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n)
{
	assert_int_equal(gw_client_post(c, cmd, parts, n), GW_OK);
}

static void call(struct gw_client *c, enum gw_cmd cmd, const uint8_t *request, size_t n, void *reply, size_t size)
{
	struct iovec part = {(void *)(uintptr_t)request, n};

	assert_int_equal(gw_client_call(c, cmd, &part, 1, reply, size), GW_OK);
}

/* All bytes of a buffer, including those beyond the requested size. */
static struct gw_wire_tensor whole(const struct rig_buffer *b)
{
	return rig_tensor(rig_type("i8"), b, 0, (uint32_t)b->size, 1);
}

static uint8_t *filled(uint64_t size)
{
	uint8_t *bytes = malloc(size);

	assert_non_null(bytes);
	for (uint64_t i = 0; i < size; i++)
		bytes[i] = marker[i % sizeof(marker)];
	return bytes;
}

static void set_2d(struct gw_client *c, const struct gw_wire_tensor *t, const uint8_t *bytes)
{
	uint8_t out[GW_WIRE_2D_REQ];
	const struct gw_wire_2d_req req = {.tensor = *t, .size = t->ne[0] / 4, .n_copies = 2, .stride = t->ne[0] / 2};
	struct iovec parts[] = {{out, gw_wire_2d_req_encode(gw_client_dialect(c), &req, out)},
		{(void *)(uintptr_t)bytes, 2 * req.size}};

	if (req.size > 0)
		post(c, GW_CMD_SET_TENSOR_2D, parts, 2);
}

static void copy(struct gw_client *c, const struct gw_wire_tensor *src, const struct gw_wire_tensor *dst)
{
	uint8_t out[GW_WIRE_MAX_FIXED], copied = 0;
	const struct gw_wire_copy_req req = {.src = *src, .dst = *dst};

	call(c, GW_CMD_COPY_TENSOR, out, gw_wire_copy_req_encode(gw_client_dialect(c), &req, out), &copied, 1);
	assert_int_equal(copied, 1);
}

/* Lets the device copy a tensor of I32, if it can. */
static void duplicate(struct gw_client *c, const struct rig_buffer *from, const struct rig_buffer *to)
{
	uint64_t size = from->size < to->size ? from->size : to->size;
	struct gw_wire_tensor t[2] = {rig_tensor(rig_type("i32"), from, 0, (uint32_t)(size / 4), 1),
		rig_tensor(rig_type("i32"), to, 0, (uint32_t)(size / 4), 1)};

	if (size < 4)
		return;
	t[1].op = rig_op("DUP");
	t[1].src[0] = t[0].id;
	/* Graphs contain names and parameters, too. */
	memcpy(t[0].name, marker, sizeof(marker));
	memcpy(t[0].op_params, marker, sizeof(marker));
	rig_compute(c, t[1].id, &t[1].id, 1, t, 2);
}

static void ask_by_hash(struct gw_client *c, const struct gw_wire_tensor *t)
{
	uint8_t out[GW_WIRE_MAX_FIXED], loaded;
	struct gw_wire_set_hash_req req = {.tensor = *t};

	memcpy(&req.hash, marker, sizeof(req.hash));
	call(c, GW_CMD_SET_TENSOR_HASH, out, gw_wire_set_hash_req_encode(gw_client_dialect(c), &req, out), &loaded, 1);
	assert_int_equal(loaded, 0);
}

void marker_write(struct gw_client *c, bool computes)
{
	struct rig_buffer last = {0};

	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < N_SIZES; i++) {
			struct rig_buffer b = rig_alloc(c, sizes[i]);
			assert_true(b.size >= sizes[i]);
			struct gw_wire_tensor t = whole(&b);
			uint8_t *bytes = filled(b.size);
			ask_by_hash(c, &t);
			set_2d(c, &t, bytes);
			rig_set(c, &t, 0, bytes, b.size);
			if (computes && last.handle)
				duplicate(c, &b, &last);
			rig_get(c, &t, 0, bytes, b.size);
			assert_memory_equal(bytes, marker, b.size < sizeof(marker) ? b.size : sizeof(marker));
			free(bytes);
			/* The server may reuse freed buffers at once, and the others when this client has left. */
			if (round == 1)
				rig_free(c, &b);
			else
				last = b;
		}
}

static void expect_zero(const uint8_t *bytes, uint64_t size, const char *how)
{
	for (int part = 0; part < 2; part++)
		if (size >= 8 && memmem(bytes, size, marker + 8 * part, 8))
			fail_msg("%s returns data of another client", how);
	for (uint64_t i = 0; i < size; i++)
		if (bytes[i])
			fail_msg("%s returns 0x%02x at %llu of %llu, where nobody has written", how, bytes[i],
				(unsigned long long)i, (unsigned long long)size);
}

static void read_whole(struct gw_client *c, const struct rig_buffer *b, const char *how)
{
	struct gw_wire_tensor t = whole(b);
	uint8_t *bytes = filled(b->size);

	rig_get(c, &t, 0, bytes, b->size);
	expect_zero(bytes, b->size, how);
	free(bytes);
}

static void read_2d(struct gw_client *c, const struct rig_buffer *b)
{
	uint8_t out[GW_WIRE_2D_REQ];
	const struct gw_wire_2d_req req = {
		.tensor = whole(b), .size = b->size / 4, .n_copies = 3, .stride = b->size / 3};
	uint64_t size = req.size * req.n_copies;

	if (size == 0)
		return;
	uint8_t *bytes = filled(size);
	call(c, GW_CMD_GET_TENSOR_2D, out, gw_wire_2d_req_encode(gw_client_dialect(c), &req, out), bytes, size);
	expect_zero(bytes, size, "GET_TENSOR_2D");
	free(bytes);
}

/* Writes a part of a tensor and reads the rest. */
static void set_half_and_read(struct gw_client *c, const struct rig_buffer *b)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	const struct gw_wire_memset_req req = {.tensor = whole(b), .size = b->size / 2};
	struct iovec part = {out, gw_wire_memset_req_encode(gw_client_dialect(c), &req, out)};

	post(c, GW_CMD_MEMSET_TENSOR, &part, 1);
	read_whole(c, b, "MEMSET_TENSOR of a half, then GET_TENSOR");
}

void marker_expect_none(struct gw_client *c, bool computes)
{
	struct rig_buffer buffers[N_SIZES];

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < N_SIZES; i++) {
			buffers[i] = rig_alloc(c, sizes[i]);
			assert_true(buffers[i].size >= sizes[i]);
			struct rig_buffer other = rig_alloc(c, buffers[i].size);
			struct gw_wire_tensor from = whole(&buffers[i]), to = whole(&other);
			to.ne[0] = from.ne[0];
			memcpy(to.nb, from.nb, sizeof(to.nb));
			if (computes)
				duplicate(c, &buffers[i], &other);
			else
				copy(c, &from, &to);
			read_whole(c, &other, computes ? "DUP" : "COPY_TENSOR");
			copy(c, &from, &to);
			read_whole(c, &other, "COPY_TENSOR");
			read_2d(c, &buffers[i]);
			read_whole(c, &buffers[i], "GET_TENSOR");
			set_half_and_read(c, &buffers[i]);
		}
		for (size_t i = 0; i < N_SIZES; i++)
			rig_free(c, &buffers[i]);
	}
}
