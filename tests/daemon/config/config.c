/* The configuration file: names of options, priority of the command line, and errors with file and line. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"

static char out[1 << 16];
static char path[64];
static struct serving s;

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/ggwire-config.XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	unlink(path);
	return 0;
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int run(const char *const *more)
{
	const char *args[16] = {"serve", "--config", path};
	for (size_t i = 0; more[i]; i++)
		args[3 + i] = more[i];
	return serving_run("ggwire", args, out, sizeof(out));
}

static void errors_name_file_and_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"threads = 0\n", ":1: threads: '0' is not a number from 1 to 512"},
		{"# a comment\n\n  \t\nthreads = many # words\n", ":4: threads: 'many'"},
		{"frobnicate = 1\n", ":1: unknown option: frobnicate"},
		{"-t = 1\n", ":1: unknown option: -t"},
		{"threads\n", ":1: expected 'option = value'"},
		{"= 5\n", ":1: expected 'option = value'"},
		{"threads =\n", ":1: threads: needs a value"},
		{"threads = # 5\n", ":1: threads: needs a value"},
		{"threads = 1\nthreads = 2\n", ":2: threads: was given in a line before"},
		{"cache = maybe\n", ":1: cache: 'maybe' is none of no, yes"},
		{"help = yes\n", ":1: help: belongs on the command line"},
		{"config = /dev/null\n", ":1: config: belongs on the command line"},
		{"allow = 192.0.2.0/24\nallow = example.org\n", ":2: allow: 'example.org'"},
		{"listen = 127.0.0.1:0,proto=3.0\n", ":1: listen: unknown protocol version: '3.0'"},
		{"host = [::1\n", ":1: host: "},
		{"log-level = loud", ":1: log-level: 'loud'"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file(cases[i].text);
		int rc = run((const char *const[]){NULL});
		if (rc != 2 || !strstr(out, cases[i].says) || !strstr(out, path))
			fail_msg("case %zu: exit status %d, expected '%s' in: %s", i, rc, cases[i].says, out);
	}
}

/* Values that the command line overrides must be valid, too. */
static void errors_in_overridden_options_are_errors(void **state)
{
	(void)state;
	write_file("threads = 0\n");
	assert_int_equal(run((const char *const[]){"-t", "1", NULL}), 2);
	assert_non_null(strstr(out, ":1: threads: "));
}

static void a_named_file_must_exist(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(run((const char *const[]){NULL}), 2);
	assert_non_null(strstr(out, "cannot read /tmp/ggwire-config."));
	assert_int_equal(
		serving_run("ggwire", (const char *const[]){"serve", "--config", "/", NULL}, out, sizeof(out)), 2);
	assert_non_null(strstr(out, "cannot read /: Is a directory"));
}

static void help_needs_no_file(void **state)
{
	(void)state;
	write_file("rubbish\n");
	assert_int_equal(run((const char *const[]){"--help", NULL}), 0);
	assert_non_null(strstr(out, "--config FILE"));
}

static void start(const char *text, const char *const *more)
{
	const char *args[16] = {"--config", path};
	for (size_t i = 0; more[i]; i++)
		args[2 + i] = more[i];
	write_file(text);
	serving_start(&s, args);
}

static void end(void)
{
	assert_int_equal(serving_stop(&s, SIGTERM, SERVING_WAIT_MS), 0);
}

static void says_endpoints(const char *first, const char *second)
{
	char *line = strstr(s.log, "  endpoint       : ");
	assert_non_null(line);
	char *end = strchr(line, '\n');
	assert_non_null(end);
	*end = 0;
	assert_non_null(strstr(line, first));
	if (second)
		assert_non_null(strstr(line, second));
	else
		assert_null(strchr(line, ','));
}

static void the_file_sets_options(void **state)
{
	(void)state;
	start("# where\nlisten = 127.0.0.1:0\nlisten = [::1]:0\t# and here\nallow = 127.0.0.1\nlog-level=debug\n",
		(const char *const[]){NULL});
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
	says_endpoints("127.0.0.1:", "[::1]:");
	end();
}

static void the_command_line_overrides_the_file(void **state)
{
	(void)state;
	static const char text[] = "listen = [::1]:0\nthreads = 512\nport = 1\n";
	start(text, (const char *const[]){"-p", "0", "-t", "1", NULL});
	says_endpoints("127.0.0.1:", NULL);
	end();
	start(text, (const char *const[]){"--listen", "127.0.0.2:0", "-t", "1", NULL});
	says_endpoints("127.0.0.2:", NULL);
	end();
}

/* Host from the file, port from the command line: each option is overridden independently. */
static void host_and_port_are_overridden_independently(void **state)
{
	(void)state;
	start("host = 127.0.0.3\nport = 1\n", (const char *const[]){"-p", "0", NULL});
	says_endpoints("127.0.0.3:", NULL);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(errors_name_file_and_line, setup, teardown),
		cmocka_unit_test_setup_teardown(errors_in_overridden_options_are_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(a_named_file_must_exist, setup, teardown),
		cmocka_unit_test_setup_teardown(help_needs_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(the_file_sets_options, setup, teardown),
		cmocka_unit_test_setup_teardown(the_command_line_overrides_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(host_and_port_are_overridden_independently, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
