/* The command line: errors are one line, with exit status 2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/serving.h"

static char out[1 << 16];

struct refusal {
	const char *args[8];
	const char *says;
};

static const struct refusal refusals[] = {
	{{"frobnicate"}, "unknown command: frobnicate"},
	{{"--frobnicate"}, "unknown option: --frobnicate"},
	{{"help", "frobnicate"}, "unknown command: frobnicate"},
	{{"serve", "--frobnicate"}, "unknown option: --frobnicate"},
	{{"serve", "-x"}, "unknown option: -x"},
	{{"serve", "-xc"}, "unknown option: -x"},
	{{"serve", "word"}, "unexpected argument: word"},
	{{"serve", "--cache=yes"}, "takes no value: --cache=yes"},
	{{"serve", "-t"}, "-t needs a value"},
	{{"serve", "--threads"}, "--threads needs a value"},
	{{"serve", "-t", "0"}, "--threads: '0'"},
	{{"serve", "-t", "513"}, "1 to 512"},
	{{"serve", "-t", "2x"}, "'2x'"},
	{{"serve", "-t", ""}, "--threads: ''"},
	{{"serve", "-p", "65536"}, "--port: '65536'"},
	{{"serve", "-p", "-1"}, "--port: '-1'"},
	{{"serve", "-p", " 1"}, "--port: ' 1'"},
	{{"serve", "-p", "99999999999999999999"}, "0 to 65535"},
	{{"serve", "-H", ""}, "--host"},
	{{"serve", "-H", "[::1"}, "--host"},
	{{"serve", "-d", ""}, "--device"},
	{{"serve", "-d", "CPU,"}, "empty name"},
	{{"serve", "-d", "CPU//CPU"}, "empty name"},
	{{"serve", "-d", "CPU,CPU"}, "--device: 'CPU' is named twice"},
	{{"serve", "-d", "GPU,CPU0/CPU,cpu"}, "--device: 'cpu' is named twice"},
	{{"serve", "--listen", "nowhere:x"}, "--listen"},
	{{"serve", "--listen", "127.0.0.1:99999"}, "--listen"},
	{{"serve", "--listen", "127.0.0.1:0,proto=3.0"},
		"unknown protocol version: '3.0' (known versions: 4.0.0, 4.0.1"},
	{{"serve", "--listen", "127.0.0.1:0,proto="}, "7.0.0, 8.0.0)"},
	{{"serve", "--max-clients", "0"}, "--max-clients: '0'"},
	{{"serve", "--max-clients", "4097"}, "1 to 4096"},
	{{"serve", "--log-level", "loud"}, "'loud'"},
	{{"serve", "--transport", "udp"}, "--transport: 'udp' is not auto, tcp or rdma"},
	{{"serve", "--cache-size", "0"}, "--cache-size: '0'"},
	{{"serve", "--cache-size", "12X"}, "'12X'"},
	{{"serve", "--cache-size", "2047K"}, "too small for any weights"},
	{{"serve", "--model", ""}, "--model: ''"},
	{{"serve", "--ggml", ""}, "--ggml: ''"},
	{{"serve", "-p", "0", "--ggml", "/nowhere"}, "/nowhere has no libggml.so with a libggml-base.so"},
	{{"serve", "--worker-env", "PATH,"}, "--worker-env: '' is not the name of an environment variable"},
	{{"serve", "--worker-env", "A=b"}, "--worker-env: 'A=b'"},
	{{"server"}, "unknown command: server; did you mean serve?"},
	{{"sevre"}, "did you mean serve?"},
	{{"device"}, "did you mean devices?"},
	{{"help", "staus"}, "did you mean status?"},
	{{"ping", "--frobnicate"}, "unknown option: --frobnicate"},
	{{"ping", "-x"}, "unknown option: -x"},
	{{"ping", "-c"}, "-c needs a value"},
	{{"ping", "-c", "0", "127.0.0.1:1"}, "--count: '0'"},
	{{"ping", "-c", "1.5", "127.0.0.1:1"}, "--count: '1.5'"},
	{{"ping", "-i", "-1", "127.0.0.1:1"}, "--interval: '-1'"},
	{{"ping", "-i", "1e3", "127.0.0.1:1"}, "--interval: '1e3'"},
	{{"ping", "-W", "0", "127.0.0.1:1"}, "--timeout: '0'"},
	{{"ping", "nowhere:x"}, "the port is a number"},
	{{"doctor", "nowhere:x"}, "the port is a number"},
	{{"record", "127.0.0.1:1", "127.0.0.1:2"}, "one server is expected, not 2"},
	{{"doctor", "-W", "0", "127.0.0.1:1"}, "--timeout: '0'"},
	{{"doctor", "--host", "/", "127.0.0.1:1"}, "--host checks a directory: no endpoint is expected"},
	{{"bench", "-t", "0", "127.0.0.1:1"}, "--time: '0'"},
	{{"bench", "-d", "x", "127.0.0.1:1"}, "--device: 'x'"},
	{{"bench", "--transport", "udp", "127.0.0.1:1"}, "--transport: 'udp' is not auto, tcp or rdma"},
	{{"key"}, "expected add NAME, list, or remove NAME"},
	{{"key", "add"}, "expected add NAME"},
	{{"key", "list", "alice"}, "expected add NAME"},
	{{"key", "add", "al ice"}, "1 to 63 letters"},
	{{"key", "add", "-d", "0", "alice"}, "--days: '0'"},
	{{"key", "list", "-d", "3"}, "--days is for add"},
	{{"devices", "127.0.0.1:1,127.0.0.1:1"}, "'127.0.0.1:1' is named twice"},
	{{"devices", "-W", "x", "127.0.0.1:1"}, "--timeout: 'x'"},
	{{"run"}, "a program is expected behind --"},
	{{"run", "--"}, "a program is expected behind --"},
	{{"run", "llama-cli", "--", "true"}, "the program is expected behind --: -- llama-cli ..."},
	{{"run", "--servers", "a:x", "--", "true"}, "--servers: endpoint \"a:x\""},
	{{"serve", "-p", "0", "-d", "NOSUCH0"}, "unknown device: NOSUCH0 (available devices: "},
};

static size_t lines(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* The leak checker complains about threads that end at the same time. Its lines begin with "==". */
static void drop_checkers_lines(char *text)
{
	while (strncmp(text, "==", 2) == 0) {
		char *end = strchr(text, '\n');
		if (!end)
			return;
		memmove(text, end + 1, strlen(end + 1) + 1);
	}
}

static void bad_options_are_one_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int rc = serving_run("ggwire", refusals[i].args, out, sizeof(out));
		drop_checkers_lines(out);
		if (rc != 2 || lines(out) != 1 || !strstr(out, refusals[i].says))
			fail_msg("case %zu: exit status %d, expected '%s' in: %s", i, rc, refusals[i].says, out);
	}
}

static void no_arguments_print_usage(void **state)
{
	(void)state;
	assert_int_equal(serving_run("ggwire", (const char *const[]){NULL}, out, sizeof(out)), 2);
	assert_non_null(strstr(out, "Usage: ggwire"));
}

static void check_version(const char *word)
{
	assert_int_equal(serving_run("ggwire", (const char *const[]){word, NULL}, out, sizeof(out)), 0);
	int ours[3], ggml[2], n = 0;
	assert_int_equal(sscanf(out, "ggwire %d.%d.%d\nRPC protocol 8.0.0\nggml %d.%d%n", &ours[0], &ours[1], &ours[2],
				 &ggml[0], &ggml[1], &n),
		5);
	assert_true(n > 0);
	/* ggml's build may not know its commit. */
	assert_null(strstr(out, "(unknown)"));
	assert_true(strstr(out, "\nfeatures: ") || strstr(out, "\nnot in this build: "));
	assert_non_null(strstr(out, "\nTLS: "));
}

static void version_names_all_three(void **state)
{
	(void)state;
	check_version("--version");
	check_version("-V");
	check_version("version");
}

/* Several commands that print, and one that fails anyway. */
static void full_disks_are_noticed(void **state)
{
	(void)state;
	static const char *const verbs[] = {"--version", "--help", "help serve", "devices --help", "doctor",
		"doctor --json", "devices --json 127.0.0.1:1"};
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		char command[512];
		snprintf(command, sizeof(command), "%s %s 2>&1 >/dev/full", GGWIRE_PROGRAM, verbs[i]);
		FILE *said = popen(command, "r");
		assert_non_null(said);
		out[fread(out, 1, sizeof(out) - 1, said)] = '\0';
		int status = pclose(said);
		if (status != 1 << 8 || !strstr(out, "cannot write to standard output"))
			fail_msg("%s: status %d: %s", verbs[i], status, out);
	}
}

static void help_lists_every_option(void **state)
{
	(void)state;
	static const char *const ways[][3] = {{"serve", "--help"}, {"serve", "-h"}, {"help", "serve"}};
	static const char *const options[] = {"--threads", "--device", "--host", "--port", "--cache", "--cache-size",
		"--cache-shared", "--model", "--listen", "--max-clients", "--log-level", "--transport", "--help"};
	for (size_t w = 0; w < 3; w++) {
		assert_int_equal(serving_run("ggwire", ways[w], out, sizeof(out)), 0);
		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
			assert_non_null(strstr(out, options[i]));
	}
	assert_int_equal(serving_run("ggwire", (const char *const[]){"--help", NULL}, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "serve"));
}

static void stock_names_serve(void **state)
{
	(void)state;
	static const char *const names[] = {"ggml-rpc-server", "/usr/bin/rpc-server"};
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(serving_run(names[i], (const char *const[]){"-h", NULL}, out, sizeof(out)), 0);
		assert_non_null(strstr(out, "--threads"));
		assert_int_equal(serving_run(names[i], (const char *const[]){"-p", "x", NULL}, out, sizeof(out)), 2);
		assert_int_equal(strncmp(out, names[i], strlen(names[i])), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_options_are_one_line),
		cmocka_unit_test(no_arguments_print_usage),
		cmocka_unit_test(version_names_all_three),
		cmocka_unit_test(full_disks_are_noticed),
		cmocka_unit_test(help_lists_every_option),
		cmocka_unit_test(stock_names_serve),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
