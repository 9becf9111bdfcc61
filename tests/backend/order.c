/* A wait costs one round trip if work is pending, and nothing otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backend/scene.h"
#include "wire/message.h"

static void compute(struct scene *s)
{
	assert_int_equal(ggml_backend_graph_compute_async(s->backend, s->graph), GGML_STATUS_SUCCESS);
}

static uint64_t n_calls(struct scene *s)
{
	return s->fake.sends + s->fake.recvs;
}

static void open_stock(struct scene *s)
{
	fake_init(&s->fake);
	scene_open(s);
	fake_forget(&s->fake);
}

static void test_nothing_outstanding_costs_nothing(void **state)
{
	(void)state;
	struct scene s;
	float data[8] = {0};

	open_stock(&s);
	ggml_backend_tensor_set_async(s.backend, s.a, data, 0, sizeof(data));
	uint64_t before = n_calls(&s);
	for (int i = 0; i < 1000; i++)
		ggml_backend_synchronize(s.backend);
	assert_int_equal(n_calls(&s), before);
	scene_close(&s);
}

static void test_one_wait_is_enough(void **state)
{
	(void)state;
	struct scene s;
	struct gw_wire_get_req req;

	open_stock(&s);
	compute(&s);
	compute(&s);
	for (int i = 0; i < 3; i++)
		ggml_backend_synchronize(s.backend);
	assert_int_equal(fake_count(&s.fake, GW_CMD_GET_TENSOR), 1);
	const struct fake_request *r = fake_request(&s.fake, GW_CMD_GET_TENSOR, 0);
	assert_true(gw_wire_get_req_decode(&gw_dialect_newest, r->body, r->size, &req));
	assert_int_equal(req.size, 0);
	assert_int_equal(req.tensor.buffer, 1);
	assert_true(req.tensor.data == FAKE_BASE(1));
	scene_close(&s);
}

static void test_a_read_replaces_a_wait(void **state)
{
	(void)state;
	struct scene s;
	uint8_t data[32];

	open_stock(&s);
	compute(&s);
	ggml_backend_tensor_get(s.sum, data, 0, sizeof(data));
	uint64_t before = n_calls(&s);
	ggml_backend_synchronize(s.backend);
	assert_int_equal(n_calls(&s), before);
	assert_int_equal(fake_count(&s.fake, GW_CMD_GET_TENSOR), 1);
	scene_close(&s);
}

static void test_synchronize_completes_an_async_read(void **state)
{
	(void)state;
	struct scene s;
	uint8_t data[32] = {0}, expected[32];

	memset(expected, FAKE_BYTE, sizeof(expected));
	open_stock(&s);
	compute(&s);
	uint64_t sends = s.fake.sends, recvs = s.fake.recvs;
	ggml_backend_tensor_get_async(s.backend, s.sum, data, 0, sizeof(data));
	assert_int_equal(s.fake.recvs, recvs);
	ggml_backend_synchronize(s.backend);
	assert_memory_equal(data, expected, sizeof(data));
	assert_int_equal(fake_count(&s.fake, GW_CMD_GET_TENSOR), 1);
	assert_int_equal(s.fake.sends, sends + 1);
	scene_close(&s);
}

/* A token of a language model: the inputs and the graph travel together, then the request for the result. */
static void test_token_takes_two_sends(void **state)
{
	(void)state;
	struct scene s;
	float data[8] = {0};

	open_stock(&s);
	scene_set_uid(&s, 9);
	compute(&s);
	ggml_backend_synchronize(s.backend);
	uint64_t sends = s.fake.sends;
	ggml_backend_tensor_set_async(s.backend, s.a, data, 0, sizeof(data));
	ggml_backend_tensor_set_async(s.backend, s.b, data, 0, sizeof(data));
	ggml_backend_synchronize(s.backend);
	compute(&s);
	ggml_backend_tensor_get_async(s.backend, s.sum, data, 0, sizeof(data));
	ggml_backend_synchronize(s.backend);
	assert_int_equal(s.fake.sends, sends + 2);
	scene_close(&s);
}

static void test_event_covers_work_before_it(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	ggml_backend_event_t event = ggml_backend_event_new(s.dev);
	ggml_backend_event_synchronize(event);
	ggml_backend_event_record(event, s.backend);
	ggml_backend_event_synchronize(event);
	assert_int_equal(fake_count(&s.fake, FAKE_ANY), 0);
	compute(&s);
	ggml_backend_event_record(event, s.backend);
	ggml_backend_event_wait(s.backend, event);
	ggml_backend_event_synchronize(event);
	assert_int_equal(fake_count(&s.fake, GW_CMD_GET_TENSOR), 1);
	uint64_t before = n_calls(&s);
	ggml_backend_event_synchronize(event);
	ggml_backend_synchronize(s.backend);
	assert_int_equal(n_calls(&s), before);
	ggml_backend_event_free(event);
	scene_close(&s);
}

static void test_event_of_another_connection_is_waited_for(void **state)
{
	(void)state;
	struct scene s, other;

	open_stock(&s);
	open_stock(&other);
	ggml_backend_event_t event = ggml_backend_event_new(s.dev);
	compute(&s);
	ggml_backend_event_record(event, s.backend);
	uint64_t recvs = s.fake.recvs;
	ggml_backend_event_wait(other.backend, event);
	assert_true(s.fake.recvs > recvs);
	ggml_backend_event_free(event);
	scene_close(&s);
	scene_close(&other);
}

static void test_backend_without_buffers_can_wait(void **state)
{
	(void)state;
	struct scene s;

	open_stock(&s);
	compute(&s);
	ggml_backend_buffer_free(s.buffer);
	s.buffer = NULL;
	ggml_backend_synchronize(s.backend);
	assert_int_equal(fake_count(&s.fake, GW_CMD_GET_TENSOR), 0);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_outstanding_costs_nothing),
		cmocka_unit_test(test_one_wait_is_enough),
		cmocka_unit_test(test_a_read_replaces_a_wait),
		cmocka_unit_test(test_synchronize_completes_an_async_read),
		cmocka_unit_test(test_token_takes_two_sends),
		cmocka_unit_test(test_event_covers_work_before_it),
		cmocka_unit_test(test_event_of_another_connection_is_waited_for),
		cmocka_unit_test(test_backend_without_buffers_can_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
