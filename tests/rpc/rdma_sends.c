/* On the stock data path both ggwire ends post the same SENDs as a recorded stock pair for the same requests and
 * replies: equal lengths and first bytes, in the same order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "rpc/client.h"
#include "rpc/connection.h"
#include "transport/fake_verbs.h"
#include "transport/rdma_link.h"
#include "wire/cursor.h"

#define RECORDING GGWIRE_TEST_DATA "/rdma/4.0.0-sends.txt"
#define MAX_SENDS 1000

struct recorded {
	bool client;
	unsigned connection;
	uint32_t length;
	uint8_t first[8]; /* bytes */
};

static struct recorded recorded[MAX_SENDS];
static size_t n_recorded;

static void keep(const char *line)
{
	struct recorded r = {0};
	unsigned first[8] = {0}, times = 1;
	char side;
	int n = sscanf(line, "%c qp %u %u %x %x %x %x %x %x %x %x", &side, &r.connection, &r.length, &first[0],
		&first[1], &first[2], &first[3], &first[4], &first[5], &first[6], &first[7]);
	const char *x = strstr(line, " x ");
	if (n < 4 || (side != 'C' && side != 'S'))
		return;
	if (x)
		times = (unsigned)strtoul(x + 3, NULL, 10);
	r.client = side == 'C';
	for (int i = 0; i < 8; i++)
		r.first[i] = (uint8_t)first[i];
	for (; times > 0; times--) {
		assert_true(n_recorded < MAX_SENDS);
		recorded[n_recorded++] = r;
	}
}

static int read_recording(void **state)
{
	(void)state;
	char line[400];
	FILE *f = fopen(RECORDING, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		keep(line);
	fclose(f);
	return n_recorded > 200 ? 0 : -1;
}

/* A request and its reply, as totals of the recorded sends. */
struct turn {
	uint8_t cmd;
	size_t size;
	uint8_t first[8];
	bool has_reply;
	size_t reply_size;
	uint8_t reply_first[8];
};

/* Returns the turn that begins at send i, and moves i past it. */
static struct turn next_turn(size_t *i)
{
	struct turn t = {.cmd = recorded[*i].first[0]};
	assert_true(recorded[*i].client && recorded[*i].length == 1 && recorded[*i + 1].length == 8);
	t.size = gw_le64(recorded[*i + 1].first);
	*i += 2;
	memcpy(t.first, recorded[*i].first, 8);
	for (size_t sum = 0; sum < t.size; (*i)++)
		sum += recorded[*i].length;
	if (*i == n_recorded || recorded[*i].client)
		return t;
	t.has_reply = true;
	assert_int_equal(recorded[*i].length, 8);
	t.reply_size = gw_le64(recorded[*i].first);
	(*i)++;
	memcpy(t.reply_first, recorded[*i].first, 8);
	for (size_t sum = 0; sum < t.reply_size; (*i)++)
		sum += recorded[*i].length;
	return t;
}

/* Sends the recorded replies, whatever the requests are. */
static void *serve(void *arg)
{
	struct gw_connection *p;
	size_t at = 0;
	unsigned cmd;
	uint64_t size;
	uint8_t *bytes = calloc(1, 16 << 20);
	if (!bytes || gw_connection_new(arg, gw_dialect_for((struct gw_version){4, 0, 0}, NULL), &p))
		abort();
	enum gw_status status = gw_connection_handshake(p, NULL);
	while (!status && !gw_connection_next(p, &cmd, &size, NULL)) {
		struct turn t = next_turn(&at);
		status = gw_connection_read(p, bytes, size, NULL);
		memcpy(bytes, t.reply_first, 8);
		if (!status && t.has_reply)
			status = gw_connection_reply_begin(p, t.reply_size, NULL);
		if (!status && t.reply_size)
			status = gw_connection_reply_write(p, bytes, t.reply_size, NULL);
	}
	gw_connection_free(p);
	free(bytes);
	return NULL;
}

static void take_turn(struct gw_client *c, const struct turn *t, uint8_t *bytes)
{
	struct iovec body = {bytes, t->size};
	memcpy(bytes, t->first, 8);
	if (t->has_reply && t->reply_size) {
		assert_int_equal(
			gw_client_call(c, (enum gw_cmd)t->cmd, &body, 1, bytes + (8 << 20) + 4096, t->reply_size),
			GW_OK);
		return;
	}
	assert_int_equal(gw_client_post(c, (enum gw_cmd)t->cmd, &body, 1), GW_OK);
	assert_int_equal(gw_client_flush(c), GW_OK);
	assert_int_equal(gw_client_drain(c, GW_CLIENT_ALL), GW_OK);
}

/* One connection is enough: all are alike. */
static void our_sends_equal_the_recorded_ones(void **state)
{
	(void)state;
	struct gw_transport *near, *far;
	struct gw_client *c;
	pthread_t thread;
	uint8_t *bytes = calloc(1, 24 << 20);
	assert_non_null(bytes);
	gw_log_set_level(GW_LOG_WARN);
	setenv("GGML_RPC_STOCK", "1", 1);
	fake_start();
	fake_usual();
	link_tcp(&near, &far);
	assert_int_equal(pthread_create(&thread, NULL, serve, far), 0);
	assert_int_equal(gw_client_start(near, "recorded", 10000, &c, NULL), GW_OK);
	for (size_t i = 0; i < n_recorded;) {
		struct turn t = next_turn(&i);
		take_turn(c, &t, bytes);
	}
	gw_client_close(c);
	pthread_join(thread, NULL);
	free(bytes);

	const struct fake_message *posted;
	size_t n = fake_messages(&posted);
	for (size_t i = 0; i < n && i < n_recorded; i++) {
		bool same = posted[i].length == recorded[i].length && posted[i].opcode == IBV_WR_SEND &&
			    (recorded[i].length > 8 || posted[i].first == recorded[i].first[0]);
		if (!same)
			fail_msg("SEND %zu: %u bytes from 0x%02x on; recorded: %u from 0x%02x on", i, posted[i].length,
				posted[i].first, recorded[i].length, recorded[i].first[0]);
	}
	assert_int_equal(n, n_recorded);
	assert_int_equal(fake_stop(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(our_sends_equal_the_recorded_ones, read_recording),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
