/* Prints recorded conversations as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"
#include "transport/rdma/message.h"
#include "wire/command.h"
#include "wire/cursor.h"
#include "wire/dialect.h"
#include "wire/extension.h"
#include "wire/message.h"

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
	says("3 < BUFFER_GET_BASE");
	says("the recording is cut off; all messages that are whole are above\n");
	for (size_t n = 1; n < 5 + 33; n++) {
		copy(COUNT, path, n);
		assert_int_equal(dump("--proto=4.0", path, NULL), 1);
		says("the recording is cut off");
	}
	copy(COUNT, path, 0);
	assert_int_equal(dump(path, NULL, NULL), 1);
	says("it is empty\n");
	copy(COUNT, path, 5 + 33); /* one record: HELLO without a reply */
	assert_int_equal(dump(path, NULL, NULL), 1);
	says("announces no known protocol version");
	assert_int_equal(dump("--proto=4.0", path, NULL), 1);
	says("it ends in the middle of a message");
	unlink(path);
	assert_int_equal(dump(path, NULL, NULL), 1);
	says(": No such file or directory\n");
	assert_int_equal(dump(GGWIRE_TEST_DATA "/README.md", NULL, NULL), 1);
	says(": it is no recording\n");
}

static void put(FILE *to, int direction, const void *bytes, uint32_t n)
{
	const uint8_t head[] = {(uint8_t)direction, (uint8_t)n, (uint8_t)(n >> 8), 0, 0};
	assert_int_equal(fwrite(head, 1, sizeof(head), to), sizeof(head));
	assert_int_equal(fwrite(bytes, 1, n, to), n);
}

static void put_request(FILE *to, uint8_t cmd, const void *body, uint32_t n)
{
	uint8_t head[GW_REQUEST_HEADER] = {cmd};
	gw_put_le64(head + 1, n);
	put(to, 0, head, sizeof(head));
	put(to, 0, body, n);
}

static void put_reply(FILE *to, const void *body, uint32_t n)
{
	uint8_t head[GW_REPLY_HEADER];
	gw_put_le64(head, n);
	put(to, 1, head, sizeof(head));
	put(to, 1, body, n);
}

static void extensions_are_printed(void **state)
{
	(void)state;
	char path[] = "/tmp/ggwire-test-XXXXXX";
	int fd = mkstemp(path);
	FILE *to = fdopen(fd, "wb");
	uint8_t alloc[12] = {1}, allocated[GW_EXT_ALLOC_RSP], offer[GW_RDMA_MESSAGE_MAX], xxh3[GW_WIRE_XXH3_REQ],
		yes = 1;
	struct gw_wire_xxh3_req hash = {.tensor = {.ne = {8, 1, 1, 1}}, .size = 32, .low = 0xabc, .high = 0x123};
	assert_non_null(to);
	gw_put_le64(alloc + 4, 4096);
	gw_ext_alloc_rsp_encode(&(struct gw_ext_alloc_rsp){7, 4096, 0x1000}, allocated);
	put_request(to, GW_CMD_EXT_ALLOC, alloc, sizeof(alloc));
	put_reply(to, allocated, sizeof(allocated));
	size_t n = gw_rdma_message_encode(
		&(struct gw_rdma_message){.step = GW_RDMA_OFFER, .yes = true, .address.qpn = 16}, offer);
	put_request(to, GW_CMD_EXT_RDMA, offer, (uint32_t)n);
	n = gw_rdma_message_encode(&(struct gw_rdma_message){.step = GW_RDMA_CONFIRM, .reason = "no \033[2J"}, offer);
	put_reply(to, offer, (uint32_t)n);
	n = gw_wire_xxh3_req_encode(&gw_dialect_newest, &hash, xxh3);
	put_request(to, GW_CMD_EXT_SET_TENSOR_XXH3, xxh3, (uint32_t)n);
	put_reply(to, &yes, 1);
	put_request(to, GW_CMD_EXT_ALLOC, alloc, sizeof(alloc) - 1);
	put_reply(to, allocated, sizeof(allocated));
	assert_int_equal(fclose(to), 0);
	assert_int_equal(dump("--proto=8.0", path, NULL), 1);
	says("    1 > EXT_ALLOC device 1, 4096 bytes\n");
	says("    1 < EXT_ALLOC buffer 0x7, 4096 bytes, address 0x1000\n");
	says("    2 > EXT_RDMA offer: yes, queue pair 0x10, first packet 0x0\n");
	says("    2 < EXT_RDMA confirmation: no, ");
	assert_null(strchr(out, '\033'));
	says(", offset 0, 32 bytes, hash 00000000000001230000000000000abc\n");
	says("    3 < EXT_SET_TENSOR_XXH3 yes\n");
	says("    4 > EXT_ALLOC 11 bytes that are not a body of this command\n");
	unlink(path);
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
		cmocka_unit_test(extensions_are_printed),
		cmocka_unit_test(damaged_files_are_noticed),
		cmocka_unit_test(command_line_is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
