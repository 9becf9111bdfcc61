/* Our declaration of the private layout matches the ggml that runs these tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ggml/abi.h"
#include "ggml/layout.h"

static void test_layout_is_known(void **state)
{
	(void)state;
	struct gw_error err = {0};
	const struct gw_abi *abi = gw_abi_get(&err);

	if (!abi)
		fail_msg("%s", err.text);
	assert_int_equal(abi->api_version, GW_GGML_API_3);
	assert_true(abi->graph_private);
	assert_true(abi->graph_uid);
}

static void test_answer_is_cached(void **state)
{
	(void)state;
	assert_ptr_equal(gw_abi_get(NULL), gw_abi_get(NULL));
}

static void test_host_memory_has_no_hooks(void **state)
{
	(void)state;
	static _Alignas(64) uint8_t memory[64];
	ggml_backend_buffer_t buffer = ggml_backend_cpu_buffer_from_ptr(memory, sizeof(memory));

	assert_true(gw_abi_buft_plain_alloc(ggml_backend_cpu_buffer_type()));
	assert_true(gw_abi_buffer_no_init(buffer));
	ggml_backend_buffer_free(buffer);
}

static size_t some_alloc_size(ggml_backend_buffer_type_t buft, const struct ggml_tensor *tensor)
{
	(void)buft;
	return ggml_nbytes(tensor);
}

static enum ggml_status some_init(ggml_backend_buffer_t buffer, struct ggml_tensor *tensor)
{
	(void)buffer;
	(void)tensor;
	return GGML_STATUS_SUCCESS;
}

static void test_hooks_are_seen(void **state)
{
	(void)state;
	struct ggml_backend_buffer_type buft = {.iface.get_alloc_size = some_alloc_size};
	struct ggml_backend_buffer buffer = {.iface.init_tensor = some_init};

	assert_false(gw_abi_buft_plain_alloc(&buft));
	assert_false(gw_abi_buffer_no_init(&buffer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout_is_known),
		cmocka_unit_test(test_answer_is_cached),
		cmocka_unit_test(test_host_memory_has_no_hooks),
		cmocka_unit_test(test_hooks_are_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
