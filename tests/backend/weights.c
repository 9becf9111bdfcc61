/* The client asks for large weights by hash, unless it knows that the server caches none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <ggml-alloc.h>

#include "backend/scene.h"
#include "base/digest.h"
#include "base/hash.h"
#include "wire/extension.h"
#include "wire/message.h"

#define SIZE ((size_t)10 * 1024 * 1024 + 4)

struct load {
	struct scene s;
	struct ggml_context *ctx;
	ggml_backend_buffer_t buffer;
	struct ggml_tensor *weight;
	uint8_t *data;
};

static void open_load(struct load *l, size_t size, enum ggml_backend_buffer_usage usage)
{
	scene_open(&l->s);
	l->ctx = scene_context(4, 8);
	l->weight = ggml_new_tensor_1d(l->ctx, GGML_TYPE_I8, (int64_t)size);
	l->buffer = ggml_backend_alloc_ctx_tensors(l->ctx, l->s.backend);
	ggml_backend_buffer_set_usage(l->buffer, usage);
	l->data = calloc(size, 1);
	l->data[size - 1] = 1;
	fake_forget(&l->s.fake);
}

static void set(struct load *l)
{
	uint8_t byte;

	ggml_backend_tensor_set(l->weight, l->data, 0, ggml_nbytes(l->weight));
	ggml_backend_tensor_get(l->weight, &byte, 0, 1);
}

static void close_load(struct load *l)
{
	free(l->data);
	ggml_backend_buffer_free(l->buffer);
	ggml_free(l->ctx);
	scene_close(&l->s);
}

static void expect(struct load *l, size_t hashes, size_t sets)
{
	assert_int_equal(fake_count(&l->s.fake, GW_CMD_SET_TENSOR_HASH), hashes);
	assert_int_equal(fake_count(&l->s.fake, GW_CMD_SET_TENSOR), sets);
}

static bool cache_flag(struct load *l, size_t index)
{
	const struct fake_request *r = fake_request(&l->s.fake, GW_CMD_SET_TENSOR, index);
	struct gw_wire_set_req req;

	assert_true(
		gw_wire_set_req_decode(&gw_dialect_newest, r->body, gw_wire_set_req_size(&gw_dialect_newest), &req));
	return req.cache_flag;
}

static void test_known_weights_are_not_sent(void **state)
{
	(void)state;
	struct load l;
	struct gw_wire_set_hash_req req;

	fake_init(&l.s.fake);
	l.s.fake.has_hash = true;
	open_load(&l, SIZE, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	set(&l);
	set(&l);
	expect(&l, 2, 0);
	const struct fake_request *r = fake_request(&l.s.fake, GW_CMD_SET_TENSOR_HASH, 0);
	assert_true(gw_wire_set_hash_req_decode(&gw_dialect_newest, r->body, r->size, &req));
	assert_true(req.hash == gw_fnv1a(GW_FNV_INIT, l.data, SIZE));
	close_load(&l);
}

/* The client asks again for the first weights. The server did not keep them, so it has no cache. */
static void test_stock_server_without_a_cache_is_detected(void **state)
{
	(void)state;
	struct load l;

	fake_init(&l.s.fake);
	open_load(&l, SIZE, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	set(&l);
	expect(&l, 2, 1);
	assert_true(cache_flag(&l, 0));
	set(&l);
	expect(&l, 2, 2);
	assert_false(cache_flag(&l, 1));
	close_load(&l);
}

static void test_device_without_a_cache_gets_no_hashes(void **state)
{
	(void)state;
	struct load l;

	fake_init(&l.s.fake);
	l.s.fake.extensions = 1;
	open_load(&l, SIZE, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	set(&l);
	expect(&l, 0, 1);
	close_load(&l);
}

static void test_device_with_a_cache_gets_every_hash(void **state)
{
	(void)state;
	struct load l;

	fake_init(&l.s.fake);
	l.s.fake.extensions = 1;
	l.s.fake.server_flags = GW_EXT_SERVER_CACHES;
	open_load(&l, SIZE, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	set(&l);
	set(&l);
	expect(&l, 2, 2);
	assert_true(cache_flag(&l, 1));
	close_load(&l);
}

/* With the hash that is fast on both ends, and from a smaller size on. */
static void test_ggwire_server_is_asked_by_xxh3(void **state)
{
	(void)state;
	struct load l;
	struct gw_wire_xxh3_req req;
	struct gw_digest digest;

	if (!gw_xxh3_available())
		skip();
	fake_init(&l.s.fake);
	l.s.fake.extensions = 1;
	l.s.fake.server_flags = GW_EXT_SERVER_CACHES | GW_EXT_SERVER_XXH3;
	open_load(&l, GW_EXT_XXH3_MIN, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	set(&l);
	expect(&l, 0, 1);
	assert_true(cache_flag(&l, 0));
	l.s.fake.has_hash = true;
	set(&l);
	expect(&l, 0, 1);
	assert_int_equal(fake_count(&l.s.fake, GW_CMD_EXT_SET_TENSOR_XXH3), 2);
	const struct fake_request *r = fake_request(&l.s.fake, GW_CMD_EXT_SET_TENSOR_XXH3, 1);
	assert_true(gw_wire_xxh3_req_decode(&gw_dialect_newest, r->body, r->size, &req));
	gw_digest_begin(&digest, false, true);
	gw_digest_update(&digest, l.data, GW_EXT_XXH3_MIN);
	struct gw_sums sums = gw_digest_end(&digest);
	assert_true(req.low == sums.xxh3.low && req.high == sums.xxh3.high);
	assert_true(req.size == GW_EXT_XXH3_MIN);
	close_load(&l);

	fake_init(&l.s.fake);
	l.s.fake.extensions = 1;
	l.s.fake.server_flags = GW_EXT_SERVER_CACHES | GW_EXT_SERVER_XXH3;
	open_load(&l, GW_EXT_XXH3_MIN - 4, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	set(&l);
	assert_int_equal(fake_count(&l.s.fake, GW_CMD_EXT_SET_TENSOR_XXH3), 0);
	expect(&l, 0, 1);
	close_load(&l);
}

static void test_only_large_weights_are_asked_for(void **state)
{
	(void)state;
	struct load l;

	fake_init(&l.s.fake);
	open_load(&l, SIZE - 4, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	set(&l);
	expect(&l, 0, 1);
	close_load(&l);

	fake_init(&l.s.fake);
	open_load(&l, SIZE, GGML_BACKEND_BUFFER_USAGE_ANY);
	set(&l);
	expect(&l, 0, 1);
	close_load(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_weights_are_not_sent),
		cmocka_unit_test(test_stock_server_without_a_cache_is_detected),
		cmocka_unit_test(test_device_without_a_cache_gets_no_hashes),
		cmocka_unit_test(test_device_with_a_cache_gets_every_hash),
		cmocka_unit_test(test_ggwire_server_is_asked_by_xxh3),
		cmocka_unit_test(test_only_large_weights_are_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
