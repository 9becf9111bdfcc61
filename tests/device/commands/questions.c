/* Which clients leave a worker process clean: those that only asked questions about the server. */
#include "device/fake_device.h"
#include "device/raw.h"

#include <string.h>

#include "wire/extension.h"

struct state {
	struct gw_server *server;
	struct fake *fake;
	struct raw raw;
};

static enum gw_status tell_status(void *user, struct gw_buf *out)
{
	(void)user;
	(void)out;
	return GW_OK;
}

/* Device 0 is a CPU, device 1 needs a driver. */
static int setup(void **out)
{
	static struct state st;
	static ggml_backend_dev_t devices[2];
	struct gw_server_options options = rig_options();

	devices[0] = rig_cpu();
	devices[1] = fake_device(&st.fake);
	options.devices = devices;
	options.n_devices = 2;
	options.watch.status = tell_status;
	st.server = rig_server(&options);
	*out = &st;
	return 0;
}

static int teardown(void **in)
{
	gw_server_free(((struct state *)*in)->server);
	return 0;
}

static void start(struct state *st, bool questions_only)
{
	st->raw.rig.visit = (struct gw_server_visit){
		.refused = {questions_only ? GW_EXT_REASON_HOST : GW_EXT_REASON_NONE, questions_only ? 7 : 0}};
	raw_start_visit(&st->raw, st->server, &gw_dialect_8_0);
}

/* Sends a request and disconnects without waiting for the outcome. */
static void send_and_leave(struct state *st, unsigned cmd, const void *body, size_t size)
{
	start(st, false);
	raw_send(&st->raw, cmd, body, size);
	st->raw.t->ops->close(st->raw.t);
	rig_join(&st->raw.rig);
}

struct question {
	unsigned cmd;
	size_t size; /* of its body */
	bool silent; /* the server sends no reply */
};

static const struct question questions[] = {
	{GW_CMD_DEVICE_COUNT, 0, false},
	{GW_CMD_GET_ALIGNMENT, 4, false},
	{GW_CMD_GET_MAX_SIZE, 4, false},
	{GW_CMD_GET_DEVICE_MEMORY, 4, false},
	{GW_CMD_EXT_INFO, 4, false},
	{GW_CMD_EXT_STATUS, 0, false},
	{GW_CMD_EXT_ALIVE, GW_EXT_ALIVE_REQ, true},
};

static const struct question *find_question(unsigned cmd)
{
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (questions[i].cmd == cmd)
			return &questions[i];
	return NULL;
}

/* Receives a reply of any size. Returns its body, which is valid until the next call. */
static const uint8_t *take_reply(struct state *st, size_t *size)
{
	static uint8_t body[65536];
	uint8_t header[GW_REPLY_HEADER];
	struct iovec iov = {header, sizeof(header)};

	assert_int_equal(st->raw.t->ops->recvv(st->raw.t, &iov, 1, sizeof(header), size, NULL), GW_OK);
	iov = (struct iovec){body, (size_t)gw_le64(header)};
	assert_true(iov.iov_len <= sizeof(body));
	if (iov.iov_len > 0)
		assert_int_equal(st->raw.t->ops->recvv(st->raw.t, &iov, 1, iov.iov_len, size, NULL), GW_OK);
	*size = iov.iov_len;
	return body;
}

static void questions_leave_the_process_clean(void **in)
{
	struct state *st = *in;
	uint8_t body[GW_EXT_ALIVE_REQ];
	size_t size;

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		memset(body, 0, sizeof(body));
		if (questions[i].silent)
			gw_put_le32(body, 1000);
		start(st, false);
		raw_send(&st->raw, questions[i].cmd, body, questions[i].size);
		if (!questions[i].silent)
			(void)take_reply(st, &size);
		raw_end_clean(&st->raw);
		if (st->raw.rig.visit.tainted)
			fail_msg("%s taints the process", gw_cmd_name(questions[i].cmd));
	}
}

/* Tries every command number, defined or not, with bodies of right and wrong sizes. */
static void all_other_requests_taint_the_process_or_fail(void **in)
{
	static const uint8_t body[8192] = {0};
	static const size_t sizes[] = {0, 4, 8, 9, 12, 16, 80, 296, 304, 312, 320, 336, 592, 3260, sizeof(body)};
	struct state *st = *in;
	unsigned tainted = 0;

	for (unsigned cmd = 0; cmd < 256; cmd++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			if (find_question(cmd))
				continue;
			send_and_leave(st, cmd, body, sizes[i]);
			tainted += st->raw.rig.visit.tainted;
			if (!st->raw.rig.visit.tainted && st->raw.rig.end != GW_ERR_PROTOCOL)
				fail_msg("%s of %zu bytes leaves the process clean", gw_cmd_name(cmd), sizes[i]);
		}
	}
	assert_true(tainted > 100);
}

static void a_process_that_has_used_a_driver_is_not_used_again(void **in)
{
	static const uint8_t device[4] = {1};
	uint8_t memory[16];
	struct state *st = *in;

	start(st, false);
	raw_send(&st->raw, GW_CMD_GET_DEVICE_MEMORY, device, sizeof(device));
	raw_reply(&st->raw, memory, sizeof(memory));
	raw_end_clean(&st->raw);
	assert_true(st->raw.rig.visit.tainted);
}

static struct gw_ext_info ask_info(struct state *st)
{
	uint8_t level[4];
	struct gw_ext_info info;
	size_t size;

	gw_put_le32(level, GW_EXT_LEVEL);
	raw_send(&st->raw, GW_CMD_EXT_INFO, level, sizeof(level));
	const uint8_t *reply = take_reply(st, &size);
	assert_int_equal(gw_ext_info_decode(reply, size, &info), GW_OK);
	return info;
}

static void a_client_without_a_slot_may_ask_questions(void **in)
{
	struct state *st = *in;
	uint8_t count[4], alloc[12] = {0};

	uint8_t alive[GW_EXT_ALIVE_REQ] = {0};

	start(st, true);
	/* The plug-in's first request. */
	gw_put_le32(alive, 1000);
	raw_send(&st->raw, GW_CMD_EXT_ALIVE, alive, sizeof(alive));
	struct gw_ext_info info = ask_info(st);
	assert_true(info.flags & GW_EXT_SERVER_FULL);
	assert_int_equal(info.refusal.reason, GW_EXT_REASON_HOST);
	assert_int_equal(info.refusal.limit, 7);
	gw_ext_info_free(&info);
	raw_send(&st->raw, GW_CMD_DEVICE_COUNT, NULL, 0);
	raw_reply(&st->raw, count, sizeof(count));
	raw_send(&st->raw, GW_CMD_ALLOC_BUFFER, alloc, sizeof(alloc));
	raw_end_refused(&st->raw, GW_ERR_LIMIT, "ALLOC_BUFFER", "accepts only queries");
	assert_false(st->raw.rig.visit.tainted);

	start(st, false);
	info = ask_info(st);
	assert_false(info.flags & GW_EXT_SERVER_FULL);
	assert_int_equal(info.refusal.reason, GW_EXT_REASON_NONE);
	gw_ext_info_free(&info);
	raw_end_clean(&st->raw);
}

/* A stock client would go on to load a model, and its user would not learn the cause. */
static void a_stock_client_without_a_slot_is_refused_at_once(void **in)
{
	struct state *st = *in;

	start(st, true);
	raw_send(&st->raw, GW_CMD_DEVICE_COUNT, NULL, 0);
	raw_end_refused(&st->raw, GW_ERR_LIMIT, "DEVICE_COUNT", "accepts only queries");
	assert_false(st->raw.rig.visit.tainted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(questions_leave_the_process_clean, setup, teardown),
		cmocka_unit_test_setup_teardown(all_other_requests_taint_the_process_or_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(a_process_that_has_used_a_driver_is_not_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_without_a_slot_may_ask_questions, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stock_client_without_a_slot_is_refused_at_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
