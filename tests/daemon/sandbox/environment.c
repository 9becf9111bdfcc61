/* Workers keep the environment variables that ggml's devices need, but not the secrets of the user who started the
 * server. */
#include "daemon/sandbox/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool passes(const char *name)
{
	return gw_environment_passes(name, strlen(name), true, "");
}

static void devices_get_their_settings(void **state)
{
	(void)state;
	static const char *const names[] = {"CUDA_VISIBLE_DEVICES", "GGML_CUDA_FORCE_MMQ", "NVIDIA_TF32_OVERRIDE",
		"ROCR_VISIBLE_DEVICES", "HSA_OVERRIDE_GFX_VERSION", "VK_ICD_FILENAMES", "OMP_NUM_THREADS",
		"ONEAPI_DEVICE_SELECTOR", "ZES_ENABLE_SYSMAN", "LD_LIBRARY_PATH", "HOME", "XDG_CACHE_HOME", "LC_ALL",
		"GGML_RPC_TIMEOUT", "RDMAV_FORK_SAFE"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!passes(names[i]))
			fail_msg("%s is not passed to workers", names[i]);
}

static void other_variables_are_removed(void **state)
{
	(void)state;
	static const char *const names[] = {"PATH", "USER", "SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN",
		"DATABASE_URL", "LANGUAGE_MODEL", "HOMEBREW", "LD_AUDIT", "LISTEN_FDS", ""};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (passes(names[i]))
			fail_msg("%s is passed to workers", names[i]);
}

static void secrets_are_removed_whatever_their_prefix(void **state)
{
	(void)state;
	static const char *const names[] = {
		"NVIDIA_API_KEY", "INTEL_TOKEN", "AMD_SECRET", "CUDA_PASSWORD", "GGML_CREDENTIALS"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (passes(names[i]))
			fail_msg("%s is passed to workers", names[i]);
	assert_true(gw_environment_passes("NVIDIA_API_KEY", 14, true, "PATH,NVIDIA_API_KEY"));
}

static void a_process_without_devices_gets_less(void **state)
{
	(void)state;
	assert_true(gw_environment_passes("LD_LIBRARY_PATH", 15, false, ""));
	assert_false(gw_environment_passes("HOME", 4, false, ""));
	assert_false(gw_environment_passes("CUDA_VISIBLE_DEVICES", 20, false, ""));
}

static void others_are_passed_on_by_name(void **state)
{
	(void)state;
	assert_true(gw_environment_passes("FOO", 3, true, "FOO"));
	assert_true(gw_environment_passes("FOO", 3, true, "BAR,FOO"));
	assert_false(gw_environment_passes("FOO", 3, true, "FOOD,AFOO"));
	assert_false(gw_environment_passes("FOO", 3, true, ""));
}

static const char *find(char *const *all, const char *name)
{
	size_t len = strlen(name);
	for (; *all; all++)
		if (strncmp(*all, name, len) == 0 && (*all)[len] == '=')
			return *all + len + 1;
	return NULL;
}

static void the_array_holds_the_allowed_variables(void **state)
{
	(void)state;
	setenv("GGWIRE_TEST_SECRET", "x", 1);
	setenv("WHATEVER", "x", 1);
	setenv("CUDA_VISIBLE_DEVICES", "1", 1);
	unsetenv("GGML_NO_BACKTRACE");
	char **made = gw_environment_new(true, "");
	assert_non_null(made);
	assert_null(find(made, "GGWIRE_TEST_SECRET"));
	assert_null(find(made, "WHATEVER"));
	assert_null(find(made, "PATH"));
	assert_string_equal(find(made, "CUDA_VISIBLE_DEVICES"), "1");
	assert_string_equal(find(made, "GGML_NO_BACKTRACE"), "1");
	free(made);
	setenv("GGML_NO_BACKTRACE", "0", 1);
	made = gw_environment_new(true, "WHATEVER");
	assert_string_equal(find(made, "WHATEVER"), "x");
	assert_string_equal(find(made, "GGML_NO_BACKTRACE"), "0");
	free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_get_their_settings),
		cmocka_unit_test(other_variables_are_removed),
		cmocka_unit_test(secrets_are_removed_whatever_their_prefix),
		cmocka_unit_test(a_process_without_devices_gets_less),
		cmocka_unit_test(others_are_passed_on_by_name),
		cmocka_unit_test(the_array_holds_the_allowed_variables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
