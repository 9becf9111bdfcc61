/* The connection breaks at every byte of a conversation: nothing hangs or crashes, pending reads return zeros, the
 * client logs the loss once, and every later call fails at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "rpc/counter.h"
#include "rpc/harness.h"
#include "transport/faulty.h"
#include "transport/tls_link.h"

#define ROWS 5
#define ROW 30
#define STRIDE 37

static unsigned lines;
static char last_line[512];

static void count_line(enum gw_log_level level, const char *line, void *user)
{
	(void)user;
	if (level != GW_LOG_ERROR)
		return;
	lines++;
	strncpy(last_line, line, sizeof(last_line) - 1);
}

/* The results of one conversation on the client's side. */
struct outcome {
	bool connected;
	bool lost;
	uint8_t strided[ROWS * STRIDE];
	uint8_t *piece;
	size_t piece_size;
	uint8_t reply[8];
};

static void check_sticky(bool *lost, enum gw_status status)
{
	if (*lost)
		assert_int_equal(status, GW_ERR_LOST);
	else if (status)
		*lost = true;
}

/* Uses a few commands of each kind. bulk is the number of bytes for long bodies. */
static void converse(struct gw_client *c, struct outcome *o, size_t bulk)
{
	struct get_body b1, b2;
	struct gw_dest strided = {o->strided, ROW, ROWS, STRIDE};
	struct gw_dest piece = {o->piece, o->piece_size, 1, o->piece_size};
	struct iovec part = {"0123456789", 10};
	struct iovec parts[] = {{"fixed", 5}, {calloc(1, bulk), bulk}};
	bool lost = false;
	assert_non_null(parts[1].iov_base);
	check_sticky(&lost, gw_client_post(c, GW_CMD_INIT_TENSOR, &part, 1));
	check_sticky(&lost, gw_client_get(c, GW_CMD_GET_TENSOR, get_body(&b1, 1, ROW * ROWS), 1, &strided, NULL));
	check_sticky(&lost, gw_client_post(c, GW_CMD_SET_TENSOR, parts, 2));
	check_sticky(&lost, gw_client_get(c, GW_CMD_GET_TENSOR, get_body(&b2, 2, o->piece_size), 1, &piece, NULL));
	check_sticky(&lost, gw_client_flush(c));
	check_sticky(&lost, gw_client_call(c, GW_CMD_DEVICE_COUNT, NULL, 0, o->reply, sizeof(o->reply)));
	check_sticky(&lost, gw_client_drain(c, GW_CLIENT_ALL));
	check_sticky(&lost, gw_client_post(c, GW_CMD_FREE_BUFFER, &part, 1));
	check_sticky(&lost, gw_client_drain(c, GW_CLIENT_ALL));
	assert_int_equal(gw_client_lost(c), lost);
	o->lost = lost;
	free(parts[1].iov_base);
}

static void check_destinations(const struct outcome *o)
{
	bool whole = o->strided[0] != 0;
	assert_true(whole || o->lost);
	for (size_t i = 0; i < ROWS; i++) {
		const uint8_t *row = o->strided + i * STRIDE;
		assert_true(whole ? is_pattern(row, 1, i * ROW, ROW) : is_zero(row, ROW));
		for (size_t k = ROW; k < STRIDE; k++)
			assert_int_equal(row[k], 0xee);
	}
	bool piece_whole = is_pattern(o->piece, 2, 0, o->piece_size);
	assert_true(piece_whole ? whole : o->lost && is_zero(o->piece, o->piece_size));
	assert_int_equal(lines, o->lost ? 1 : 0);
	if (o->lost)
		assert_non_null(strstr(last_line, "RPC server cut-test: connection lost: "));
}

struct plan {
	struct gw_fault_plan client, server;
	size_t bulk;
	const struct gw_dialect *dialect;
	bool tls; /* the faults happen below TLS */
};

/* Runs one conversation with faults. The counter is at the client's end. */
static void run(const struct plan *plan, struct counter *counter, struct outcome *o)
{
	struct gw_transport *near, *far;
	struct gw_client *client;
	struct server server;
	*o = (struct outcome){.piece_size = 64 + plan->bulk};
	o->piece = malloc(o->piece_size);
	assert_non_null(o->piece);
	memset(o->piece, 0xee, o->piece_size);
	memset(o->strided, 0xee, sizeof(o->strided));
	memset(o->reply, 0xee, sizeof(o->reply));
	lines = 0;
	pair_loopback(&near, &far);
	assert_int_equal(gw_fault_wrap(near, &plan->client, &near), GW_OK);
	assert_int_equal(gw_fault_wrap(far, &plan->server, &far), GW_OK);
	if (plan->tls && !tls_link(&near, &far)) {
		/* The handshake was cut. An end that had already finished it notices later. */
		if (near)
			near->ops->close(near);
		if (far)
			far->ops->close(far);
		free(o->piece);
		return;
	}
	server_start(&server, far, plan->dialect);
	o->connected = gw_client_start(counter_wrap(counter, near, false), "cut-test", 10000, &client, NULL) == GW_OK;
	if (o->connected) {
		use_dialect(client, plan->dialect);
		converse(client, o, plan->bulk);
		gw_client_close(client);
	}
	server_join(&server);
	if (o->connected)
		check_destinations(o);
	free(o->piece);
}

static struct plan undisturbed(const struct gw_dialect *dialect, size_t bulk)
{
	return (struct plan){.client = gw_fault_none, .server = gw_fault_none, .bulk = bulk, .dialect = dialect};
}

static uint64_t next_offset(uint64_t offset, uint64_t total, size_t bulk)
{
	/* Every byte of short messages, but only some positions inside long bodies. */
	return !bulk || offset < 600 || total - offset < 200 ? offset + 1 : offset + 701;
}

static void cut_everywhere(const struct gw_dialect *dialect, size_t bulk)
{
	struct counter counter;
	struct outcome o;
	struct plan plan = undisturbed(dialect, bulk);
	run(&plan, &counter, &o);
	assert_true(o.connected && !o.lost);
	uint64_t sent = counter.bytes_sent, received = counter.bytes_received;
	for (uint64_t at = 0; at < sent; at = next_offset(at, sent, bulk)) {
		plan = undisturbed(dialect, bulk);
		plan.client.cut_send_after = at;
		run(&plan, &counter, &o);
		assert_true(!o.connected || o.lost);
	}
	for (uint64_t at = 0; at < received; at = next_offset(at, received, bulk)) {
		plan = undisturbed(dialect, bulk);
		plan.client.cut_recv_after = at;
		run(&plan, &counter, &o);
		assert_true(!o.connected || o.lost);
		plan = undisturbed(dialect, bulk);
		plan.server.cut_send_after = at;
		run(&plan, &counter, &o);
		assert_true(!o.connected || o.lost);
	}
}

/* Cuts below TLS, at every byte from the start of its handshake, until the cut lies after the conversation. */
static void cut_below_tls(uint64_t *cut, struct plan *plan)
{
	struct counter counter;
	struct outcome o = {0};
	for (*cut = 0; !o.connected || o.lost; *cut += 3) {
		assert_true(*cut < 10000);
		run(plan, &counter, &o);
	}
	/* The cuts covered a handshake and a conversation. */
	assert_true(*cut > 600);
}

static void conversation_within_tls(void **state)
{
	(void)state;
	if (gw_tls_check(NULL))
		skip();
	struct plan plans[3];
	for (int i = 0; i < 3; i++) {
		plans[i] = undisturbed(&gw_dialect_newest, 0);
		plans[i].tls = true;
	}
	cut_below_tls(&plans[0].client.cut_send_after, &plans[0]);
	cut_below_tls(&plans[1].client.cut_recv_after, &plans[1]);
	cut_below_tls(&plans[2].server.cut_send_after, &plans[2]);
}

static void short_conversation(void **state)
{
	(void)state;
	cut_everywhere(&gw_dialect_newest, 0);
}

static void short_conversation_with_empty_replies(void **state)
{
	(void)state;
	cut_everywhere(&dialect_with_empty_replies, 0);
}

static void long_conversation(void **state)
{
	(void)state;
	cut_everywhere(&gw_dialect_newest, 100000);
}

/* Flips each byte of the replies in turn: the client either ends the conversation or sees different data. */
static void corrupt_everywhere(void **state)
{
	(void)state;
	struct counter counter;
	struct outcome o;
	struct plan plan = undisturbed(&gw_dialect_newest, 0);
	run(&plan, &counter, &o);
	/* The headers of the three replies after HELLO. */
	static const struct {
		size_t header, body;
	} replies[] = {{36, ROW * ROWS}, {36 + 8 + ROW * ROWS, 64}, {36 + 8 + ROW * ROWS + 8 + 64, 8}};
	assert_int_equal(counter.bytes_received, replies[2].header + 8 + replies[2].body);
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < 8; k++) {
			plan.client.corrupt_recv_at = replies[i].header + k;
			run(&plan, &counter, &o);
			assert_true(o.connected && o.lost);
			assert_non_null(strstr(last_line, "bytes where"));
		}
	}
}

static void reply_of_the_wrong_size_ends_the_connection(void **state)
{
	(void)state;
	struct gw_transport *near, *far;
	struct gw_client *client;
	struct server server;
	uint8_t reply = 0xee, waiting[10];
	struct get_body body;
	struct gw_dest dest = {waiting, sizeof(waiting), 1, sizeof(waiting)};
	lines = 0;
	memset(waiting, 0xee, sizeof(waiting));
	pair_loopback(&near, &far);
	server_start(&server, far, &gw_dialect_newest);
	assert_int_equal(gw_client_start(near, "cut-test", 10000, &client, NULL), GW_OK);
	assert_int_equal(gw_client_call(client, GW_CMD_SET_TENSOR_HASH, NULL, 0, &reply, 1), GW_ERR_PROTOCOL);
	assert_int_equal(reply, 0xee);
	assert_int_equal(gw_client_get(client, GW_CMD_GET_TENSOR, get_body(&body, 1, 10), 1, &dest, NULL), GW_ERR_LOST);
	assert_true(is_zero(waiting, sizeof(waiting)));
	assert_int_equal(gw_client_post(client, GW_CMD_SET_TENSOR, NULL, 0), GW_ERR_LOST);
	assert_int_equal(gw_client_flush(client), GW_ERR_LOST);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_line, "a reply has 9 bytes where 1 were expected"));
	gw_client_close(client);
	server_join(&server);
}

static void whole_conversation_in_small_pieces(void **state)
{
	(void)state;
	for (size_t chunk = 1; chunk <= 7; chunk++) {
		struct counter counter;
		struct outcome o;
		struct plan plan = undisturbed(&gw_dialect_newest, 3000);
		plan.client.max_chunk = plan.server.max_chunk = chunk;
		run(&plan, &counter, &o);
		assert_true(o.connected && !o.lost);
	}
}

static int set_sink(void **state)
{
	(void)state;
	gw_log_set_sink(count_line, NULL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_conversation),
		cmocka_unit_test(short_conversation_with_empty_replies),
		cmocka_unit_test(long_conversation),
		cmocka_unit_test(conversation_within_tls),
		cmocka_unit_test(corrupt_everywhere),
		cmocka_unit_test(reply_of_the_wrong_size_ends_the_connection),
		cmocka_unit_test(whole_conversation_in_small_pieces),
	};
	return cmocka_run_group_tests(tests, set_sink, NULL);
}
