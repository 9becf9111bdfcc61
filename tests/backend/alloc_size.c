/* The client asks the server for an allocation size only if the answer can differ from ggml_nbytes, and asks each
 * question once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/scene.h"
#include "wire/extension.h"

struct question {
	struct scene s;
	struct ggml_context *ctx;
	struct ggml_tensor *weight, *input, *product;
};

static void open_question(struct question *q)
{
	scene_open(&q->s);
	q->ctx = scene_context(64, 8);
	q->weight = ggml_new_tensor_2d(q->ctx, GGML_TYPE_Q8_0, 64, 32);
	q->input = ggml_new_tensor_2d(q->ctx, GGML_TYPE_F32, 64, 4);
	q->product = ggml_mul_mat(q->ctx, q->weight, q->input);
	fake_forget(&q->s.fake);
}

static void close_question(struct question *q)
{
	ggml_free(q->ctx);
	scene_close(&q->s);
}

static size_t ask(struct question *q, const struct ggml_tensor *t)
{
	return ggml_backend_buft_get_alloc_size(ggml_backend_dev_buffer_type(q->s.dev), t);
}

static size_t n_asked(struct question *q)
{
	return fake_count(&q->s.fake, GW_CMD_GET_ALLOC_SIZE);
}

static void test_plain_tensors_are_not_asked_for(void **state)
{
	(void)state;
	struct question q;

	fake_init(&q.s.fake);
	open_question(&q);
	assert_int_equal(ask(&q, q.input), ggml_nbytes(q.input));
	assert_int_equal(ask(&q, ggml_add(q.ctx, q.input, q.input)), ggml_nbytes(q.input));
	struct ggml_tensor *even = ggml_new_tensor_2d(q.ctx, GGML_TYPE_Q8_0, 512, 2);
	assert_int_equal(ask(&q, even), ggml_nbytes(even));
	assert_int_equal(ask(&q, ggml_view_1d(q.ctx, q.weight, 32, 0)), ggml_row_size(GGML_TYPE_Q8_0, 32));
	assert_int_equal(n_asked(&q), 0);
	close_question(&q);
}

static void test_same_question_is_asked_once(void **state)
{
	(void)state;
	struct question q;

	fake_init(&q.s.fake);
	q.s.fake.alloc_extra = 1 << 20;
	open_question(&q);
	assert_int_equal(ask(&q, q.weight), 1 << 20);
	assert_int_equal(ask(&q, q.weight), 1 << 20);
	assert_int_equal(n_asked(&q), 1);
	assert_int_equal(ask(&q, q.product), 1 << 20);
	assert_int_equal(ask(&q, ggml_mul_mat(q.ctx, q.weight, q.input)), 1 << 20);
	assert_int_equal(n_asked(&q), 2);
	close_question(&q);
}

static void test_every_part_of_the_question_counts(void **state)
{
	(void)state;
	struct question q;

	fake_init(&q.s.fake);
	open_question(&q);
	ask(&q, q.product);
	q.product->op_params[0] = 10;
	ask(&q, q.product);
	q.input->nb[2]++;
	ask(&q, q.product);
	q.input->ne[1] = 3;
	ask(&q, q.product);
	q.weight->type = GGML_TYPE_Q4_0;
	ask(&q, q.product);
	q.product->src[2] = q.input;
	ask(&q, q.product);
	q.product->src[2] = NULL;
	q.product->src[3] = q.input;
	ask(&q, q.product);
	assert_int_equal(n_asked(&q), 7);
	ggml_set_name(q.product, "other");
	q.product->flags = 0;
	ask(&q, q.product);
	assert_int_equal(n_asked(&q), 7);
	close_question(&q);
}

static void test_answer_is_at_least_the_tensor(void **state)
{
	(void)state;
	struct question q;

	fake_init(&q.s.fake);
	q.s.fake.alloc_extra = 1;
	open_question(&q);
	assert_int_equal(ask(&q, q.product), ggml_nbytes(q.product));
	assert_int_equal(n_asked(&q), 1);
	close_question(&q);
}

static void test_plain_device_is_not_asked(void **state)
{
	(void)state;
	struct question q;

	fake_init(&q.s.fake);
	q.s.fake.extensions = 1;
	q.s.fake.device_flags = GW_EXT_DEVICE_PLAIN_ALLOC;
	open_question(&q);
	assert_int_equal(ask(&q, q.product), ggml_nbytes(q.product));
	assert_int_equal(ask(&q, q.weight), ggml_nbytes(q.weight));
	assert_int_equal(n_asked(&q), 0);
	close_question(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_tensors_are_not_asked_for),
		cmocka_unit_test(test_same_question_is_asked_once),
		cmocka_unit_test(test_every_part_of_the_question_counts),
		cmocka_unit_test(test_answer_is_at_least_the_tensor),
		cmocka_unit_test(test_plain_device_is_not_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
