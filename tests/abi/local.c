/* The plug-in finds ggml by itself: in a process without one, with one outside the global scope, with two, and with one
 * that lacks functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void *(*init_function)(void);
typedef void *(*call_function)(init_function init);

static void *open_library(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		fail_msg("%s", dlerror());
	return library;
}

static void *look_up(void *library, const char *name)
{
	void *symbol = dlsym(library, name);
	assert_non_null(symbol);
	return symbol;
}

static init_function plugin_init(void)
{
	union {
		void *symbol;
		init_function function;
	} init = {look_up(open_library(GGWIRE_PLUGIN), "ggml_backend_init")};
	return init.function;
}

/* Loads the plug-in from the library at path, which has a ggml in its scope. */
static void *init_through(const char *path)
{
	union {
		void *symbol;
		call_function function;
	} call = {look_up(open_library(path), "call_init")};
	return call.function(plugin_init());
}

/* Runs f in a separate process, because loaded libraries stay. Copies its standard error to said. */
static bool succeeds(bool (*f)(void), char *said, size_t size)
{
	int fds[2], status = 0;
	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		_exit(f() ? 0 : 1);
	}
	close(fds[1]);
	ssize_t n = 0, got;
	while ((got = read(fds[0], said + n, size - 1 - (size_t)n)) > 0)
		n += got;
	said[n] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

static void assert_refused(bool (*f)(void), const char *words)
{
	char said[1024];
	assert_false(succeeds(f, said, sizeof(said)));
	if (!strstr(said, words))
		fail_msg("expected '%s' in '%s'", words, said);
}

static void assert_accepted(bool (*f)(void))
{
	char said[1024];
	if (!succeeds(f, said, sizeof(said)))
		fail_msg("%s", said);
}

static bool without_ggml(void)
{
	return plugin_init()() != NULL;
}

static void a_process_without_ggml_is_refused(void **state)
{
	(void)state;
	assert_refused(without_ggml, "no library of this process exports ggml_backend_buffer_init");
}

/* As in node, which loads an add-on and its libraries outside the global scope. */
static bool with_local_ggml(void)
{
	open_library(MOCK_API_2);
	return plugin_init()() != NULL;
}

static void a_ggml_outside_the_global_scope_is_found(void **state)
{
	(void)state;
	assert_accepted(with_local_ggml);
}

/* The plug-in would refuse the layout of the first one. */
static bool with_two(void)
{
	open_library(MOCK_STRANGE);
	return init_through(CALLER_OF_API_2) != NULL;
}

static void the_ggml_of_the_loader_is_used(void **state)
{
	(void)state;
	assert_accepted(with_two);
}

static bool one_after_the_other(void)
{
	if (!init_through(CALLER_OF_API_2))
		return true;
	return init_through(CALLER_OF_STRANGE) != NULL;
}

static void a_second_ggml_is_refused(void **state)
{
	(void)state;
	assert_refused(one_after_the_other, "this process has loaded ggwire for the ggml of");
}

static bool with_lacking(void)
{
	open_library(MOCK_LACKING);
	return plugin_init()() != NULL;
}

static void a_missing_function_is_named(void **state)
{
	(void)state;
	assert_refused(with_lacking, "(ggml 0.9.11) lacks ggml_backend_tensor_copy, ggml_backend_tensor_get; "
				     "ggwire needs ggml 0.15 to 0.27");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_without_ggml_is_refused),
		cmocka_unit_test(a_ggml_outside_the_global_scope_is_found),
		cmocka_unit_test(the_ggml_of_the_loader_is_used),
		cmocka_unit_test(a_second_ggml_is_refused),
		cmocka_unit_test(a_missing_function_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
