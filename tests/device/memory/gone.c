/* When a client disconnects, the server stops its running graph, but completes earlier requests that are quick. */
#include "device/fake_device.h"
#include "device/rig.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "device/session/counters.h"
#include "rpc/gone.h"

/* The server promises one second. */
#define SOON_NS UINT64_C(5000000000)

struct state {
	struct gw_counters counters;
	struct fake *fake;
	struct gw_server *server;
	struct rig rig;
	struct gw_client *client;
	atomic_uint stuck; /* how often the server reported that a device does not stop */
};

static struct state st;

static void on_stuck(void *user)
{
	struct state *s = user;

	atomic_fetch_add(&s->stuck, 1);
	if (s->fake)
		atomic_store(&s->fake->held, false);
}

static void start(ggml_backend_dev_t dev)
{
	ggml_backend_dev_t devices[1] = {dev};
	struct gw_server_options options = rig_options();
	struct gw_transport *near;

	memset(&st.counters, 0, sizeof(st.counters));
	atomic_store(&st.stuck, 0);
	options.devices = devices;
	options.watch = (struct gw_server_watch){.counters = &st.counters, .stuck = on_stuck, .user = &st};
	st.server = rig_server(&options);
	rig_serve_socket(&st.rig, st.server, &near);
	assert_int_equal(gw_client_start(near, "socket", 10000, &st.client, NULL), GW_OK);
}

/* Disconnects, and expects the server to notice in time. */
static void leave(enum gw_status expected)
{
	gw_client_close(st.client);
	uint64_t since = gw_clock_ns();
	rig_join(&st.rig);
	assert_true(gw_clock_ns() - since < SOON_NS);
	if (st.rig.end != expected)
		fail_msg("%s", st.rig.why.text);
	gw_server_free(st.server);
}

static void square(struct gw_wire_tensor t[2], uint32_t n)
{
	struct rig_buffer b = rig_alloc(st.client, 8 * (uint64_t)n);

	t[0] = rig_tensor(rig_type("f32"), &b, 0, n, 1);
	t[1] = rig_tensor(rig_type("f32"), &b, 4 * (uint64_t)n, n, 1);
	t[1].op = rig_op("SQR");
	t[1].src[0] = t[0].id;
}

/* In a process that serves other clients, too. The whole graph would take a minute. */
static void a_disconnect_stops_the_graph_at_the_next_node(void **state)
{
	enum {
		NODES = 1 << 20
	};
	struct gw_wire_tensor t[2];
	uint64_t *nodes = malloc(NODES * sizeof(*nodes));

	(void)state;
	assert_non_null(nodes);
	st.fake = NULL;
	start(rig_cpu());
	square(t, 4 << 20);
	for (size_t i = 0; i < NODES; i++)
		nodes[i] = t[1].id;
	rig_compute(st.client, 1, nodes, NODES, t, 2);
	free(nodes);
	leave(GW_ERR_LOST);
	assert_non_null(strstr(st.rig.why.text, "the client left before its requests were done"));
}

/* The server cannot interrupt a device; only ending the process can. */
static void work_that_cannot_be_stopped_is_reported(void **state)
{
	struct gw_wire_tensor t[2];

	(void)state;
	start(fake_device(&st.fake));
	st.fake->occupies = true;
	square(t, 4);
	atomic_store(&st.fake->held, true);
	rig_compute(st.client, 1, &t[1].id, 1, t, 2);
	leave(GW_ERR_LOST);
	assert_int_equal(atomic_load(&st.stuck), 1);
	assert_false(atomic_load(&st.fake->overdue));
}

/* A client may leave without waiting and still want its requests done, for example to fill the cache. */
static void earlier_requests_are_completed(void **state)
{
	static uint8_t bytes[1000];
	struct gw_wire_tensor t;

	(void)state;
	start(rig_cpu());
	struct rig_buffer b = rig_alloc(st.client, sizeof(bytes));
	t = rig_tensor(rig_type("i8"), &b, 0, sizeof(bytes), 1);
	for (int i = 0; i < 20; i++)
		rig_set(st.client, &t, 0, bytes, sizeof(bytes));
	leave(GW_ERR_CLOSED);
	assert_int_equal(gw_counters_get(&st.counters.count[GW_COUNT_LOADED_NETWORK]), 20 * sizeof(bytes));
	assert_int_equal(atomic_load(&st.stuck), 0);
}

/* The client is connected, but sends nothing for a while. */
static void a_silent_client_is_still_connected(void **state)
{
	const struct timespec longer = {.tv_nsec = (GW_GONE_GIVE_UP_MS + 200) * 1000000L};
	struct gw_wire_tensor t[2];
	float x[4] = {3, 3, 3, 3}, y[4] = {0};

	(void)state;
	start(rig_cpu());
	square(t, 4);
	rig_set(st.client, &t[0], 0, x, sizeof(x));
	rig_compute(st.client, 1, &t[1].id, 1, t, 2);
	assert_int_equal(gw_client_flush(st.client), GW_OK);
	nanosleep(&longer, NULL);
	rig_get(st.client, &t[1], 0, y, sizeof(y));
	assert_float_equal(y[3], 9, 0);
	leave(GW_ERR_CLOSED);
	assert_int_equal(atomic_load(&st.stuck), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disconnect_stops_the_graph_at_the_next_node),
		cmocka_unit_test(work_that_cannot_be_stopped_is_reported),
		cmocka_unit_test(earlier_requests_are_completed),
		cmocka_unit_test(a_silent_client_is_still_connected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
