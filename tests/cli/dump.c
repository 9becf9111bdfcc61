/* Recorded conversations in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "serving.h"

#define ROPE GGWIRE_TEST_DATA "/4.0.0/09-rope.rec"
#define COUNT GGWIRE_TEST_DATA "/4.0.0/01-device-count.rec"
#define MODEL GGWIRE_TEST_DATA "/8.0.0/01-llama-load-prompt-decode.rec"

static char out[1 << 17];

static int dump(const char *a, const char *b, const char *c)
{
	return serving_run("ggwire", (const char *const[]){"dump", a, b, c, NULL}, out, sizeof(out));
}

static void says(const char *text)
{
	if (!strstr(out, text))
		fail_msg("no '%s' in:\n%s", text, out);
}

static void messages_have_a_line_each(void **state)
{
	(void)state;
	assert_int_equal(dump(COUNT, NULL, NULL), 0);
	assert_string_equal(out, "    1 > HELLO no RDMA\n"
				 "    1 < HELLO version 4.0.0, extensions 0, no RDMA\n"
				 "    2 > DEVICE_COUNT \n"
				 "    2 < DEVICE_COUNT 1\n"
				 "\n"
				 "command              messages      bytes >      bytes <\n"
				 "HELLO                       1           33           36\n"
				 "DEVICE_COUNT                1            9           12\n");
}

static void version_is_the_announced_one(void **state)
{
	(void)state;
	assert_int_equal(dump(ROPE, NULL, NULL), 0);
	says("SET_TENSOR 'a' f32 [80, 16, 2] at 0x55aca9e07c00, offset 0, 10240 bytes\n");
	says("GRAPH_COMPUTE device 0, 1 nodes, 3 tensors: ROPE\n");
	says("< FREE_BUFFER \n");
	assert_int_equal(dump(MODEL, NULL, NULL), 0);
	says("GRAPH_RECOMPUTE device 0, uid 48\n");
	says("uid 48, 69 nodes, 102 tensors: DUP, ADD x 4, ");
	says(", MUL_MAT x 15, ");
}

static void nodes_are_listed_if_asked_for(void **state)
{
	(void)state;
	assert_int_equal(dump("--nodes", ROPE, NULL), 0);
	says("\n        ROPE 'out' f32 [80, 16, 2] at 0x55aca9e0c420 of 'a', 'pos'\n");
	assert_int_equal(dump("-n", MODEL, NULL), 0);
	says(", used 1 times\n");
}

static void another_version_is_noticed(void **state)
{
	(void)state;
	assert_int_equal(dump("--proto=4.0", ROPE, NULL), 0);
	assert_int_equal(dump("--proto", "8.0", ROPE), 1);
	says("or the conversation is not in protocol 8.0.0\n");
	assert_int_equal(dump("--proto=3.0", ROPE, NULL), 2);
	says("unknown protocol version: '3.0' (known versions: 4.0.0, 4.0.1");
}

/* Copies the first n bytes of a file. */
static void copy(const char *from, const char *to, size_t n)
{
	FILE *in = fopen(from, "rb"), *copied = fopen(to, "wb");
	char *bytes = malloc(n);
	assert_true(in && copied && bytes);
	assert_int_equal(fread(bytes, 1, n, in), n);
	assert_int_equal(fwrite(bytes, 1, n, copied), n);
	free(bytes);
	fclose(in);
	fclose(copied);
}

static void damaged_files_are_noticed(void **state)
{
	(void)state;
	char path[] = "/tmp/ggwire-test-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	copy(ROPE, path, 4000);
	assert_int_equal(dump(path, NULL, NULL), 1);
	says("cannot be read, or is no recording\n");
	copy(COUNT, path, 5 + 33); /* one record: HELLO without its answer */
	assert_int_equal(dump(path, NULL, NULL), 1);
	says("announces no version");
	assert_int_equal(dump("--proto=4.0", path, NULL), 1);
	says("it ends in the middle of a message");
	unlink(path);
	assert_int_equal(dump(path, NULL, NULL), 1);
	assert_int_equal(dump(GGWIRE_TEST_DATA "/README.md", NULL, NULL), 1);
}

static void command_line_is_checked(void **state)
{
	(void)state;
	assert_int_equal(dump(NULL, NULL, NULL), 2);
	says("one file is expected, not 0\n");
	assert_int_equal(dump(ROPE, ROPE, NULL), 2);
	assert_int_equal(dump("--frobnicate", ROPE, NULL), 2);
	says("unknown option: --frobnicate\n");
	assert_int_equal(dump("--help", NULL, NULL), 0);
	says("Usage: ggwire dump [options] FILE\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_have_a_line_each),
		cmocka_unit_test(version_is_the_announced_one),
		cmocka_unit_test(nodes_are_listed_if_asked_for),
		cmocka_unit_test(another_version_is_noticed),
		cmocka_unit_test(damaged_files_are_noticed),
		cmocka_unit_test(command_line_is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
