/* Names, numbering and structure of the registries and devices that programs see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backend/reg.h"

#include "backend/backend.h"
#include "backend/scene.h"

static void *lookup(const char *name)
{
	static int function;
	return strcmp(name, "known") == 0 ? &function : NULL;
}

static ggml_backend_reg_t add(struct fake *f, const char *endpoint)
{
	assert_non_null(gw_reg_get(lookup));
	return gw_reg_add_server_over(endpoint, fake_dial, f);
}

static void test_root_is_named_rpc(void **state)
{
	(void)state;
	ggml_backend_reg_t root = gw_reg_get(lookup);

	assert_string_equal(ggml_backend_reg_name(root), "RPC");
	assert_int_equal(ggml_backend_reg_dev_count(root), 0);
	assert_non_null(ggml_backend_reg_get_proc_address(root, "known"));
	assert_null(ggml_backend_reg_get_proc_address(root, "ggml_backend_comm_init"));
}

static void test_device_has_its_own_entry(void **state)
{
	(void)state;
	struct fake f;
	size_t free_bytes, total;

	fake_init(&f);
	f.n_devices = 2;
	ggml_backend_reg_t reg = add(&f, "host:1");
	assert_string_equal(ggml_backend_reg_name(reg), "RPC[host:1]");
	assert_non_null(ggml_backend_reg_get_proc_address(reg, "known"));
	assert_int_equal(ggml_backend_reg_dev_count(reg), 2);
	ggml_backend_dev_t dev = ggml_backend_reg_dev_get(reg, 1);
	assert_string_equal(ggml_backend_dev_name(ggml_backend_reg_dev_get(reg, 0)), "RPC0");
	assert_string_equal(ggml_backend_dev_name(dev), "RPC1");
	assert_string_equal(ggml_backend_dev_description(dev), "host:1");
	assert_int_equal(ggml_backend_dev_type(dev), GGML_BACKEND_DEVICE_TYPE_GPU);
	assert_ptr_equal(ggml_backend_dev_backend_reg(dev), gw_reg_get(lookup));
	ggml_backend_dev_memory(dev, &free_bytes, &total);
	assert_int_equal(free_bytes, 1000);
	assert_int_equal(total, 2000);

	assert_ptr_equal(add(&f, "host:1"), reg);
	assert_int_equal(f.connections, 1);
	struct fake other;
	fake_init(&other);
	ggml_backend_reg_t more = add(&other, "host:2");
	assert_string_equal(ggml_backend_dev_name(ggml_backend_reg_dev_get(more, 0)), "RPC2");

	ggml_backend_free(ggml_backend_dev_init(dev, NULL));
	ggml_backend_free(ggml_backend_dev_init(ggml_backend_reg_dev_get(more, 0), NULL));
	fake_free(&f);
	fake_free(&other);
}

static void test_backend_and_buffer_type_are_named_for_the_place(void **state)
{
	(void)state;
	struct fake f;
	static const uint8_t guid[16] = {
		0x99, 0x68, 0x5b, 0x6c, 0xd2, 0x83, 0x3d, 0x24, 0x25, 0x36, 0x72, 0xe1, 0x5b, 0x0e, 0x14, 0x03};

	fake_init(&f);
	f.n_devices = 2;
	ggml_backend_dev_t dev = ggml_backend_reg_dev_get(add(&f, "host:3"), 1);
	ggml_backend_dev_t sibling = ggml_backend_reg_dev_get(add(&f, "host:3"), 0);
	ggml_backend_buffer_type_t buft = ggml_backend_dev_buffer_type(dev);
	ggml_backend_t backend = ggml_backend_dev_init(dev, NULL);
	assert_string_equal(ggml_backend_name(backend), "RPC1[host:3]");
	assert_string_equal(ggml_backend_buft_name(buft), "RPC1[host:3]");
	assert_memory_equal(ggml_backend_guid(backend), guid, 16);
	assert_true(gw_backend_is_rpc(backend));
	assert_false(gw_backend_is_rpc(NULL));
	assert_int_equal(ggml_backend_buft_get_alignment(buft), 64);
	assert_int_equal(ggml_backend_buft_get_alignment(buft), 64);
	assert_true(ggml_backend_buft_get_max_size(buft) == SIZE_MAX);
	assert_false(ggml_backend_buft_is_host(buft));
	assert_ptr_equal(ggml_backend_buft_get_device(buft), dev);
	assert_true(ggml_backend_dev_supports_buft(dev, buft));
	assert_false(ggml_backend_dev_supports_buft(sibling, buft));
	assert_false(ggml_backend_dev_supports_buft(dev, ggml_backend_cpu_buffer_type()));
	assert_int_equal(fake_count(&f, GW_CMD_GET_ALIGNMENT), 1);
	ggml_backend_free(backend);
	fake_free(&f);
}

static void test_extended_server_is_asked_once(void **state)
{
	(void)state;
	struct fake f;
	struct ggml_backend_dev_props props;

	fake_init(&f);
	f.extensions = 1;
	ggml_backend_dev_t dev = ggml_backend_reg_dev_get(add(&f, "host:4"), 0);
	ggml_backend_buffer_type_t buft = ggml_backend_dev_buffer_type(dev);
	assert_string_equal(ggml_backend_dev_description(dev), "Fake device 0 @ host:4");
	assert_int_equal(ggml_backend_buft_get_alignment(buft), 64);
	assert_int_equal(ggml_backend_buft_get_max_size(buft), 1 << 30);
	/* That is one request. The other one is for the log line about the device. */
	assert_int_equal(fake_count(&f, FAKE_ANY), 2);
	assert_int_equal(fake_count(&f, GW_CMD_GET_DEVICE_MEMORY), 1);
	ggml_backend_dev_get_props(dev, &props);
	assert_true(props.caps.async && props.caps.events && props.caps.mmap_support);
	assert_false(props.caps.host_buffer || props.caps.buffer_from_host_ptr);
	assert_int_equal(props.memory_total, 2000);
	ggml_backend_free(ggml_backend_dev_init(dev, NULL));
	fake_free(&f);
}

static void test_unsound_alignment_is_not_passed_on(void **state)
{
	(void)state;
	struct fake f;

	fake_init(&f);
	f.alignment = 48;
	ggml_backend_dev_t dev = ggml_backend_reg_dev_get(add(&f, "host:5"), 0);
	size_t alignment = ggml_backend_buft_get_alignment(ggml_backend_dev_buffer_type(dev));
	assert_true(alignment != 0 && (alignment & (alignment - 1)) == 0);
	ggml_backend_free(ggml_backend_dev_init(dev, NULL));
	fake_free(&f);
}

static void test_device_without_devices_is_refused(void **state)
{
	(void)state;
	struct fake f;

	fake_init(&f);
	f.n_devices = 0;
	assert_null(add(&f, "host:6"));
	fake_free(&f);
	fake_init(&f);
	f.refuse = true;
	assert_null(add(&f, "host:7"));
	fake_free(&f);
}

/* A stock server serves one client at a time. */
static void test_last_user_closes_the_connection(void **state)
{
	(void)state;
	struct fake f;
	size_t free_bytes, total;

	fake_init(&f);
	ggml_backend_dev_t dev = ggml_backend_reg_dev_get(add(&f, "host:8"), 0);
	ggml_backend_t backend = ggml_backend_dev_init(dev, NULL);
	ggml_backend_buffer_t buffer = ggml_backend_alloc_buffer(backend, 64);
	ggml_backend_free(backend);
	ggml_backend_buffer_free(buffer);
	pthread_join(f.threads[0], NULL);
	assert_int_equal(f.connections, 1);
	ggml_backend_dev_memory(dev, &free_bytes, &total);
	assert_int_equal(total, 2000);
	assert_int_equal(f.connections, 2);
	ggml_backend_free(ggml_backend_dev_init(dev, NULL));
	pthread_join(f.threads[1], NULL);
	f.connections = 0;
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_is_named_rpc),
		cmocka_unit_test(test_device_has_its_own_entry),
		cmocka_unit_test(test_backend_and_buffer_type_are_named_for_the_place),
		cmocka_unit_test(test_extended_server_is_asked_once),
		cmocka_unit_test(test_unsound_alignment_is_not_passed_on),
		cmocka_unit_test(test_device_without_devices_is_refused),
		cmocka_unit_test(test_last_user_closes_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
