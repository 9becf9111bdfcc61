/* Sizes that are impossible, or change while ggml plans with them, would make ggml abort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <ggml-alloc.h>

#include "backend/reg.h"
#include "backend/scene.h"
#include "base/log.h"
#include "wire/extension.h"

static char lines[8192];

static void keep_line(enum gw_log_level level, const char *line, void *user)
{
	(void)level;
	(void)user;
	strncat(lines, line, sizeof(lines) - strlen(lines) - 2);
	strcat(lines, "\n");
}

static int listen_to_log(void **state)
{
	(void)state;
	*lines = 0;
	gw_log_set_sink(keep_line, NULL);
	return 0;
}

static int leave_log(void **state)
{
	(void)state;
	gw_log_set_sink(NULL, NULL);
	return 0;
}

static unsigned n_lines(const char *text)
{
	unsigned n = 0;

	for (const char *at = lines; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static ggml_backend_buffer_type_t buft_of(struct scene *s)
{
	return ggml_backend_dev_buffer_type(s->dev);
}

/* A context with just two tensors for which devices may want more memory. */
static struct ggml_context *two_weights(struct ggml_tensor *weights[2])
{
	struct ggml_context *ctx = scene_context(4, 1);

	for (int i = 0; i < 2; i++)
		weights[i] = ggml_new_tensor_2d(ctx, GGML_TYPE_Q8_0, 64, 32);
	return ctx;
}

static void test_impossible_allocation_sizes_are_not_used(void **state)
{
	static const uint64_t sizes[] = {UINT64_MAX, INT64_MAX, UINT64_C(1) << 62, UINT64_C(1) << 32};
	(void)state;
	struct scene s;
	struct ggml_tensor *weights[2];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fake_init(&s.fake);
		s.fake.alloc_extra = sizes[i];
		scene_open(&s);
		*lines = 0;
		struct ggml_context *ctx = two_weights(weights);
		ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors_from_buft(ctx, buft_of(&s));
		assert_non_null(buffer);
		assert_int_equal(n_lines("which is impossible"), 1);
		ggml_backend_buffer_free(buffer);
		ggml_free(ctx);
		scene_close(&s);
	}
}

/* The memory that FLASH_ATTN_EXT needs on a GPU is many times its result. */
static void test_large_allocation_sizes_are_used(void **state)
{
	(void)state;
	struct scene s;
	struct ggml_tensor *weights[2];

	fake_init(&s.fake);
	s.fake.alloc_extra = 32 << 20;
	scene_open(&s);
	struct ggml_context *ctx = two_weights(weights);
	assert_int_equal(ggml_backend_buft_get_alloc_size(buft_of(&s), weights[0]), 32 << 20);
	ggml_free(ctx);
	scene_close(&s);
}

static void test_impossible_alignments_are_not_used(void **state)
{
	static const uint64_t alignments[] = {0, 48, UINT64_C(1) << 21, UINT64_C(1) << 63, UINT64_MAX};
	(void)state;
	struct scene s;

	for (size_t i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
		fake_init(&s.fake);
		s.fake.alignment = alignments[i];
		scene_open(&s);
		assert_int_equal(ggml_backend_buft_get_alignment(buft_of(&s)), GW_REMOTE_DEFAULT_ALIGNMENT);
		scene_close(&s);
	}
}

static void test_too_small_buffers_are_failures(void **state)
{
	(void)state;
	struct scene s;

	for (int extensions = 0; extensions <= 1; extensions++) {
		fake_init(&s.fake);
		s.fake.extensions = (uint8_t)extensions;
		s.fake.server_flags = GW_EXT_SERVER_ALLOC;
		scene_open(&s);
		s.fake.alloc_short = 1;
		assert_null(ggml_backend_alloc_buffer(s.backend, 64));
		assert_non_null(strstr(lines, "allocated 63 bytes on device 0 where 64 were requested"));
		s.fake.alloc_short = 0;
		ggml_backend_buffer_t buffer = ggml_backend_alloc_buffer(s.backend, 64);
		assert_int_equal(ggml_backend_buffer_get_size(buffer), 64);
		ggml_backend_buffer_free(buffer);
		scene_close(&s);
	}
}

static void test_impossible_memory_is_bounded(void **state)
{
	static const struct gw_wire_memory_rsp said[] = {
		{UINT64_MAX, 1}, {UINT64_MAX, UINT64_MAX}, {0, UINT64_MAX}, {1, 0}};
	(void)state;
	struct scene s;
	size_t available, total, sum = 0;

	fake_init(&s.fake);
	scene_open(&s);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		s.fake.memory = said[i];
		ggml_backend_dev_memory(s.dev, &available, &total);
		assert_true(available <= total && total <= SIZE_MAX / 64);
		sum += total;
	}
	assert_true(sum > 0);
	assert_int_equal(n_lines("which is impossible"), 1);
	scene_close(&s);
}

static void lose(struct scene *s)
{
	uint8_t byte;

	s->fake.die_at = fake_count(&s->fake, FAKE_ANY);
	ggml_backend_tensor_get(s->a, &byte, 0, 1);
	s->fake.die_at = FAKE_NEVER;
}

/* ggml asks for the size of each tensor, then for a buffer, and then for the sizes again. The connection is replaced
 * between the first two steps, as late as possible. Returns whether the allocation succeeded. */
static bool allocate_across(struct scene *s, void (*change)(struct fake *f))
{
	struct ggml_tensor *weights[2];
	struct ggml_context *ctx = two_weights(weights);
	size_t alignment = ggml_backend_buft_get_alignment(buft_of(s)), sum = 0;

	for (int i = 0; i < 2; i++)
		sum += GGML_PAD(ggml_backend_buft_get_alloc_size(buft_of(s), weights[i]), alignment);
	lose(s);
	change(&s->fake);
	ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(buft_of(s), sum);
	if (buffer) {
		struct ggml_tallocr places = ggml_tallocr_new(buffer);
		for (int i = 0; i < 2; i++)
			(void)ggml_tallocr_alloc(&places, weights[i]);
		ggml_backend_buffer_free(buffer);
	}
	ggml_free(ctx);
	return buffer;
}

static void want_more(struct fake *f)
{
	f->alloc_extra = 1 << 16;
}

static void align_more(struct fake *f)
{
	f->alignment = 4096;
}

static void stay(struct fake *f)
{
	(void)f;
}

static void expect_recovery(struct scene *s)
{
	struct ggml_tensor *weights[2];
	uint8_t byte = 1;
	/* Frees everything created before, as programs do before they load again. */
	ggml_backend_buffer_free(s->buffer);
	ggml_backend_free(s->backend);
	s->buffer = NULL;
	s->backend = NULL;
	struct ggml_context *ctx = two_weights(weights);
	ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors_from_buft(ctx, buft_of(s));
	assert_non_null(buffer);
	ggml_backend_tensor_set(weights[0], &byte, 0, 1);
	ggml_backend_tensor_get(weights[0], &byte, 0, 1);
	assert_int_equal(byte, FAKE_BYTE);
	ggml_backend_buffer_free(buffer);
	ggml_free(ctx);
}

static void test_sizes_do_not_grow_under_a_plan(void **state)
{
	(void)state;
	static void (*const changes[])(struct fake *) = {stay, want_more, align_more};
	struct scene s;

	for (int i = 0; i < 3; i++) {
		*lines = 0;
		fake_init(&s.fake);
		s.fake.alloc_extra = 4096;
		scene_open(&s);
		assert_true(allocate_across(&s, changes[i]));
		assert_int_equal(n_lines("when ggml asked for it"), i == 0 ? 0 : 1);
		expect_recovery(&s);
		scene_close(&s);
	}
}

static void ask_for_sizes(struct fake *f)
{
	f->device_flags = 0;
	f->alloc_extra = 1 << 16;
}

/* A server that announces its kind at once is refused once, and accepted with its new kind from then on. */
static void test_another_server_is_refused_once(void **state)
{
	(void)state;
	struct scene s;

	fake_init(&s.fake);
	s.fake.extensions = 1;
	s.fake.device_flags = GW_EXT_DEVICE_PLAIN_ALLOC;
	scene_open(&s);
	assert_false(allocate_across(&s, ask_for_sizes));
	assert_int_equal(n_lines("has changed since ggml asked it for sizes"), 1);
	expect_recovery(&s);
	assert_int_equal(n_lines("has changed since ggml asked it for sizes"), 1);
	scene_close(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, listen_to_log, leave_log)

int main(void)
{
	/* The first call redirects the log to ggml. */
	(void)gw_reg_get(NULL);
	const struct CMUnitTest tests[] = {
		TEST(test_impossible_allocation_sizes_are_not_used),
		TEST(test_large_allocation_sizes_are_used),
		TEST(test_impossible_alignments_are_not_used),
		TEST(test_too_small_buffers_are_failures),
		TEST(test_impossible_memory_is_bounded),
		TEST(test_sizes_do_not_grow_under_a_plan),
		TEST(test_another_server_is_refused_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
