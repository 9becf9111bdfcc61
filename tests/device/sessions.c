/* Clients of one server cannot see each other, and a refused client affects no other. */
#include "device/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/inproc.h"
#include "transport/list/transports.h"

static int setup(void **out)
{
	struct gw_server_options options = rig_options();

	*out = rig_server(&options);
	return 0;
}

static int teardown(void **in)
{
	gw_server_free(*in);
	return 0;
}

/* Both clients get the same handle, but each has its own memory. */
static void sessions_have_their_own_buffers(void **in)
{
	struct rig rig[2];
	struct gw_client *c[2];
	struct gw_wire_tensor t[2];
	uint8_t data[4096], got[4096];

	for (int i = 0; i < 2; i++) {
		c[i] = rig_client(&rig[i], *in);
		struct rig_buffer b = rig_alloc(c[i], 4096);
		assert_int_equal(b.handle, 1);
		t[i] = rig_tensor(rig_type("i8"), &b, 0, 4096, 1);
		memset(data, 10 + i, sizeof(data));
		rig_set(c[i], &t[i], 0, data, sizeof(data));
	}
	for (int i = 0; i < 2; i++) {
		memset(data, 10 + i, sizeof(data));
		rig_get(c[i], &t[i], 0, got, sizeof(got));
		assert_memory_equal(data, got, sizeof(data));
		rig_leave(&rig[i], c[i]);
	}
}

static void a_refused_client_harms_no_other(void **in)
{
	struct rig rig;
	struct gw_client *c = rig_client(&rig, *in);
	struct rig_buffer b = rig_alloc(c, 4096);
	struct gw_wire_tensor t = rig_tensor(rig_type("i8"), &b, 0, 4096, 1);
	uint8_t data[4096], got[4096];
	struct raw raw;

	memset(data, 3, sizeof(data));
	rig_set(c, &t, 0, data, sizeof(data));
	raw_start(&raw, *in, &gw_dialect_8_0);
	raw_send_part(&raw, 23, 0, NULL, 0);
	raw_end_refused(&raw, GW_ERR_PROTOCOL, "", "no command");
	rig_get(c, &t, 0, got, sizeof(got));
	assert_memory_equal(data, got, sizeof(data));
	rig_leave(&rig, c);
}

/* Computes square roots in many rounds while other clients do the same. */
static void *work(void *server)
{
	struct rig rig;
	struct gw_client *c = rig_client(&rig, server);
	struct rig_buffer b = rig_alloc(c, 8192);
	struct gw_wire_tensor t[2] = {
		rig_tensor(rig_type("f32"), &b, 0, 1024, 1), rig_tensor(rig_type("f32"), &b, 4096, 1024, 1)};
	float *x = calloc(1024, sizeof(*x));
	bool good = true;

	t[1].op = rig_op("SQR");
	t[1].src[0] = t[0].id;
	for (int round = 1; round <= 100; round++) {
		for (int i = 0; i < 1024; i++)
			x[i] = (float)round;
		rig_set(c, &t[0], 0, x, 4096);
		if (round == 1)
			rig_compute(c, 9, &t[1].id, 1, t, 2);
		else
			rig_recompute(c, 9);
		rig_get(c, &t[1], 0, x, 4096);
		good = good && x[0] == (float)(round * round) && x[1023] == x[0];
	}
	free(x);
	rig_leave(&rig, c);
	return good ? server : NULL;
}

static void clients_compute_side_by_side(void **in)
{
	pthread_t threads[4];
	void *good;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, *in), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &good), 0);
		assert_non_null(good);
	}
}

static void a_client_must_send_hello_first(void **in)
{
	struct rig rig;
	struct gw_transport *t;
	struct iovec iov = {(void *)(uintptr_t) "GET / HTTP/1.1\r\n\r\n", 18};

	rig_serve(&rig, *in, &t);
	assert_int_equal(t->ops->sendv(t, &iov, 1, NULL), GW_OK);
	rig_join(&rig);
	t->ops->close(t);
	assert_int_equal(rig.end, GW_ERR_PROTOCOL);
	assert_non_null(strstr(rig.why.text, "HELLO"));
}

static void options_that_cannot_be_served_are_errors(void **in)
{
	struct gw_server_options options = rig_options();
	struct gw_server *server;
	struct gw_error err;

	(void)in;
	options.n_devices = 0;
	assert_int_equal(gw_server_new(&options, &server, &err), GW_ERR_INVALID);
	options = rig_options();
	options.dialect = NULL;
	assert_int_equal(gw_server_new(&options, &server, &err), GW_ERR_INVALID);
	options = rig_options();
	options.n_threads = 100000;
	assert_int_equal(gw_server_new(&options, &server, &err), GW_ERR_INVALID);
}

/* The output of the in-process server, from which the test learns the port. */
struct lines {
	pthread_mutex_t lock;
	pthread_cond_t more;
	char text[2048];
};

static void collect(const char *line, void *user)
{
	struct lines *l = user;

	pthread_mutex_lock(&l->lock);
	size_t n = strlen(l->text);
	snprintf(l->text + n, sizeof(l->text) - n, "%s\n", line);
	pthread_cond_broadcast(&l->more);
	pthread_mutex_unlock(&l->lock);
}

static void wait_for(struct lines *l, const char *words)
{
	pthread_mutex_lock(&l->lock);
	while (!strstr(l->text, words))
		pthread_cond_wait(&l->more, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

static struct lines lines = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
static struct gw_server_options inproc_options;

static void *inproc_main(void *arg)
{
	struct gw_error err;

	(void)arg;
	gw_server_run_inproc("127.0.0.1:0", &inproc_options, NULL, collect, &lines, &err);
	return NULL;
}

/* The server never returns: the thread ends with the process. */
static void programs_serve_their_own_devices(void **in)
{
	pthread_t thread;
	char endpoint[64];
	struct gw_client *c[2];
	struct gw_error err;

	(void)in;
	inproc_options = rig_options();
	assert_int_equal(pthread_create(&thread, NULL, inproc_main, NULL), 0);
	pthread_detach(thread);
	wait_for(&lines, "transport      : TCP");
	assert_non_null(strstr(lines.text, "Starting RPC server v8.0.0\n  endpoint       : 127.0.0.1:"));
	assert_non_null(strstr(lines.text, "  local cache    : n/a\nDevices:\n  CPU: "));
	assert_int_equal(sscanf(strstr(lines.text, "127.0.0.1:"), "%63s", endpoint), 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(gw_client_connect(endpoint, &c[i], &err), GW_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_not_equal(rig_alloc(c[i], 100).handle, 0);
		gw_client_close(c[i]);
	}
	wait_for(&lines, GW_BANNER_ACCEPTED "\n");
	wait_for(&lines, GW_BANNER_CLOSED "\n");
}

static void an_invalid_endpoint_is_an_error(void **in)
{
	struct gw_server_options options = rig_options();
	struct gw_error err;

	(void)in;
	assert_int_equal(gw_server_run_inproc("non:sense", &options, NULL, NULL, NULL, &err), GW_ERR_INVALID);
	assert_non_null(strstr(err.text, "non:sense"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sessions_have_their_own_buffers),
		TEST(a_refused_client_harms_no_other),
		TEST(clients_compute_side_by_side),
		TEST(a_client_must_send_hello_first),
		cmocka_unit_test(options_that_cannot_be_served_are_errors),
		cmocka_unit_test(programs_serve_their_own_devices),
		cmocka_unit_test(an_invalid_endpoint_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
