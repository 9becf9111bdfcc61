/* The program learns which servers are connected and which are missing, and exits if the environment asks for that. The
 * programs run as child processes, and the tests read their standard error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/reg.h"
#include "backend/scene.h"

static char said[4096];

/* An exit handler that never returns. */
static void hang(void)
{
	for (;;)
		pause();
}

/* Runs a program in a child process with one variable set. Returns its exit status; said is its output. */
static int run(void (*program)(void), const char *variable, const char *value)
{
	int pipe_fds[2], status;
	size_t len = 0;
	ssize_t n;
	assert_int_equal(pipe(pipe_fds), 0);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60);
		dup2(pipe_fds[1], STDERR_FILENO);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		setenv(variable, value, 1);
		program();
		_exit(0);
	}
	close(pipe_fds[1]);
	while ((n = read(pipe_fds[0], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_line(const char *line)
{
	const char *at = strstr(said, line);
	if (!at || (at != said && at[-1] != '\n'))
		fail_msg("no line '%s' in:\n%s", line, said);
}

static void compute_and_lose(void)
{
	struct scene s;
	uint8_t byte;

	atexit(hang);
	fake_init(&s.fake);
	scene_open(&s);
	s.fake.die_at = fake_count(&s.fake, FAKE_ANY);
	ggml_backend_tensor_get(s.a, &byte, 0, 1);
}

static void test_loss_ends_the_program_on_request(void **state)
{
	(void)state;
	assert_int_equal(run(compute_and_lose, "GGML_RPC_ON_LOSS", "exit"), 75);
	expect_line("ggwire: fake:");
	assert_non_null(strstr(said, " is lost: "));
	assert_non_null(strstr(said, "the program ends, because GGML_RPC_ON_LOSS is exit\n"));
	assert_null(strstr(said, "connection lost"));
}

static void test_loss_is_a_failure_otherwise(void **state)
{
	(void)state;
	assert_int_equal(run(compute_and_lose, "GGML_RPC_ON_LOSS", "fail"), 0);
	assert_non_null(strstr(said, "connection lost"));
	assert_int_equal(run(compute_and_lose, "GGML_RPC_ON_LOSS", ""), 0);
}

static size_t memory_of(ggml_backend_dev_t dev)
{
	size_t free_bytes, total;
	ggml_backend_dev_memory(dev, &free_bytes, &total);
	return total;
}

/* The server held no data, so nothing is lost: the next request uses a new connection. */
static void lose_while_unused(void)
{
	struct fake fake;
	fake_init(&fake);
	ggml_backend_dev_t dev = fake_device(&fake);
	fake.die_at = fake_count(&fake, FAKE_ANY);
	if (memory_of(dev) != 0)
		_exit(1);
	fake.die_at = FAKE_NEVER;
	_exit(memory_of(dev) != 0 && fake.connections == 2 ? 0 : 2);
}

static void lose_for_good(void)
{
	struct fake fake;
	fake_init(&fake);
	ggml_backend_dev_t dev = fake_device(&fake);
	fake.die_at = fake_count(&fake, FAKE_ANY);
	fake.refuse = true;
	(void)memory_of(dev);
	(void)memory_of(dev);
}

static void test_loss_of_an_unused_connection_is_harmless(void **state)
{
	(void)state;
	assert_int_equal(run(lose_while_unused, "GGML_RPC_ON_LOSS", "exit"), 0);
}

static void test_server_that_stays_away_is_lost(void **state)
{
	(void)state;
	assert_int_equal(run(lose_for_good, "GGML_RPC_ON_LOSS", "exit"), 75);
	assert_int_equal(run(lose_for_good, "GGML_RPC_ON_LOSS", "fail"), 0);
}

static void connect_once(void)
{
	struct fake fake;
	fake_init(&fake);
	_exit(fake_device(&fake) ? 0 : 3);
}

static void connect_in_vain(void)
{
	struct fake fake;
	fake_init(&fake);
	fake.refuse = true;
	atexit(hang);
	_exit(fake_device(&fake) ? 0 : 3);
}

static void test_unknown_word_refuses_the_server(void **state)
{
	(void)state;
	assert_int_equal(run(connect_once, "GGML_RPC_ON_LOSS", "Exit"), 3);
	assert_non_null(strstr(said, "GGML_RPC_ON_LOSS: 'Exit' is neither fail nor exit"));
}

static void test_unreachable_server_has_its_line(void **state)
{
	(void)state;
	assert_int_equal(run(connect_in_vain, "GGML_RPC_REQUIRED", "0"), 3);
	expect_line("ggwire: fake:");
	assert_non_null(strstr(said, " is not used: refused; the program continues without it\n"));
}

static void test_required_server_ends_the_program(void **state)
{
	(void)state;
	assert_int_equal(run(connect_in_vain, "GGML_RPC_REQUIRED", "1"), 69);
	expect_line("ggwire: fake:");
	assert_non_null(strstr(said, " is not used: refused; the program ends, because "));
	assert_int_equal(run(connect_once, "GGML_RPC_REQUIRED", "1"), 0);
}

/* A port that refuses connections, from the list in the environment and over a real socket. */
static void load(void)
{
	_exit(gw_reg_get(NULL) ? 0 : 3);
}

static void test_environment_names_an_unreachable_server(void **state)
{
	(void)state;
	setenv("GGML_RPC_SERVERS", "127.0.0.1:1", 1);
	assert_int_equal(run(load, "GGML_RPC_REQUIRED", ""), 0);
	expect_line("ggwire: 127.0.0.1:1 is not used: cannot connect: 127.0.0.1:1: Connection refused; ");
	assert_int_equal(run(load, "GGML_RPC_REQUIRED", "1"), 69);
	unsetenv("GGML_RPC_SERVERS");
}

static void connect_two(void)
{
	struct fake fake;
	fake_init(&fake);
	fake.n_devices = 2;
	fake.extensions = 1;
	fake.memory.free = UINT64_C(119) << 30;
	fake.memory.total = UINT64_C(128) << 30;
	_exit(fake_device(&fake) ? 0 : 3);
}

static void test_each_device_has_its_line(void **state)
{
	(void)state;
	assert_int_equal(run(connect_two, "GGML_RPC_REQUIRED", "1"), 0);
	expect_line("ggwire: RPC0 = Fake device 0 @ fake:");
	expect_line("ggwire: RPC1 = Fake device 1 @ fake:");
	assert_non_null(strstr(said, ", 119.0 GiB free, "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loss_ends_the_program_on_request),
		cmocka_unit_test(test_loss_is_a_failure_otherwise),
		cmocka_unit_test(test_loss_of_an_unused_connection_is_harmless),
		cmocka_unit_test(test_server_that_stays_away_is_lost),
		cmocka_unit_test(test_unknown_word_refuses_the_server),
		cmocka_unit_test(test_unreachable_server_has_its_line),
		cmocka_unit_test(test_required_server_ends_the_program),
		cmocka_unit_test(test_environment_names_an_unreachable_server),
		cmocka_unit_test(test_each_device_has_its_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
