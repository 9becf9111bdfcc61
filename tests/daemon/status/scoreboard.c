/* Counters in shared memory: the supervisor sees what workers count, and a worker that writes garbage does no harm. */
#include "daemon/status/scoreboard.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/status/report.h"

#define SLOTS 3

static struct gw_scoreboard *board, *worker;
static uint32_t slot;
static struct gw_ext_status seen;

/* A worker's view, as if it had inherited the descriptors. */
static struct gw_scoreboard *attach(uint32_t its_slot)
{
	struct gw_scoreboard *b;
	int fds[2];
	gw_scoreboard_fds(board, fds);
	fds[0] = dup(fds[0]);
	fds[1] = dup(fds[1]);
	assert_int_equal(gw_scoreboard_attach(fds, SLOTS, its_slot, &b, NULL), GW_OK);
	/* The descriptors are closed, so nothing else can be mapped with them. */
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	assert_int_equal(fcntl(fds[1], F_GETFD), -1);
	return b;
}

static void begin(uint32_t its_slot, const char *address)
{
	const struct gw_scoreboard_client client = {
		.address = address, .endpoint = "127.0.0.1:50052", .protocol = {8, 0, 0}, .is_unix = false};
	gw_scoreboard_begin(board, its_slot, &client);
}

static const struct gw_ext_status *look(struct gw_scoreboard *b)
{
	gw_ext_status_free(&seen);
	assert_int_equal(gw_scoreboard_read(b, &seen), GW_OK);
	return &seen;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(gw_scoreboard_new(SLOTS, 2, &board, NULL), GW_OK);
	gw_scoreboard_add_device(board, "CPU", "a processor", 100, 90);
	assert_true(gw_scoreboard_take(board, &slot));
	worker = attach(slot);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gw_ext_status_free(&seen);
	gw_scoreboard_free(worker);
	gw_scoreboard_free(board);
	return 0;
}

static void client_appears_with_its_counters(void **state)
{
	(void)state;
	struct gw_counters *c = gw_scoreboard_counters(worker);
	begin(slot, "192.0.2.7:1");
	gw_counters_add(c, GW_COUNT_RECEIVED, 10);
	gw_counters_graph(c, 70000);
	gw_counters_set(&c->buffer_bytes, 4096);
	gw_counters_set(&c->rdma, 1);
	const struct gw_ext_status *s = look(board);
	assert_int_equal(s->workers, 1);
	assert_int_equal(s->n_clients, 1);
	assert_string_equal(s->clients[0].address, "192.0.2.7:1");
	assert_int_equal(s->clients[0].transport, GW_EXT_TRANSPORT_RDMA);
	assert_int_equal(s->clients[0].flags, 0);
	assert_int_equal(s->clients[0].buffer_bytes, 4096);
	assert_int_equal(s->clients[0].count[GW_COUNT_GRAPHS], 1);
	assert_int_equal(s->clients[0].count[GW_COUNT_BUCKET + 1], 1);
	assert_int_equal(s->count[GW_COUNT_RECEIVED], 10);
	gw_counters_set(&c->tool, 1);
	assert_int_equal(look(board)->clients[0].flags, GW_EXT_CLIENT_TOOL);
	assert_int_equal(gw_ext_status_users(&seen), 0);
	gw_counters_set(&c->tool, 0);
	/* The worker sees the same, and its own slot. */
	s = look(worker);
	assert_int_equal(s->n_clients, 1);
	assert_int_equal(s->clients[0].flags, GW_EXT_CLIENT_SELF);
}

static void next_client_of_a_worker_starts_at_nothing(void **state)
{
	(void)state;
	begin(slot, "192.0.2.7:1");
	gw_counters_add(gw_scoreboard_counters(worker), GW_COUNT_SENT, 10);
	gw_scoreboard_end(board, slot);
	assert_int_equal(look(board)->n_clients, 0);
	begin(slot, "192.0.2.7:2");
	gw_counters_add(gw_scoreboard_counters(worker), GW_COUNT_SENT, 3);
	const struct gw_ext_status *s = look(board);
	assert_int_equal(s->clients[0].count[GW_COUNT_SENT], 3);
	assert_int_equal(s->count[GW_COUNT_SENT], 13);
}

static void totals_survive_a_workers_end(void **state)
{
	(void)state;
	begin(slot, "192.0.2.7:1");
	gw_counters_add(gw_scoreboard_counters(worker), GW_COUNT_SENT, 10);
	gw_scoreboard_end(board, slot);
	gw_scoreboard_give_back(board, slot);
	assert_int_equal(look(board)->count[GW_COUNT_SENT], 10);
	assert_int_equal(seen.workers, 0);
	/* Another process in the same slot. */
	uint32_t again;
	assert_true(gw_scoreboard_take(board, &again));
	assert_int_equal(again, slot);
	assert_int_equal(gw_counters_get(&gw_scoreboard_counters(worker)->count[GW_COUNT_SENT]), 0);
	gw_counters_add(gw_scoreboard_counters(worker), GW_COUNT_SENT, 5);
	assert_int_equal(look(board)->count[GW_COUNT_SENT], 15);
}

static void counters_never_fall_nor_jump(void **state)
{
	(void)state;
	struct gw_counters *c = gw_scoreboard_counters(worker);
	gw_counters_add(c, GW_COUNT_RECEIVED, 1000);
	assert_int_equal(look(board)->count[GW_COUNT_RECEIVED], 1000);
	gw_counters_set(&c->count[GW_COUNT_RECEIVED], 3);
	assert_int_equal(look(board)->count[GW_COUNT_RECEIVED], 1000);
	gw_counters_set(&c->count[GW_COUNT_RECEIVED], UINT64_MAX);
	assert_int_equal(look(board)->count[GW_COUNT_RECEIVED], 1000);
	gw_counters_set(&c->count[GW_COUNT_RECEIVED], 1001);
	assert_int_equal(look(board)->count[GW_COUNT_RECEIVED], 1001);
}

/* A compromised worker may write anything to its own slot. */
static void garbage_affects_only_the_workers_numbers(void **state)
{
	(void)state;
	struct gw_counters *c = gw_scoreboard_counters(worker);
	uint64_t before = 0;
	begin(slot, "192.0.2.7:1");
	for (int fill = 0; fill < 256; fill += 5) {
		memset((void *)c, fill, sizeof(*c));
		const struct gw_ext_status *s = look(board);
		assert_int_equal(s->n_clients, 1);
		assert_int_equal(s->n_devices, 1);
		assert_string_equal(s->devices[0].name, "CPU");
		assert_true(s->devices[0].free <= s->devices[0].total);
		assert_string_equal(s->clients[0].address, "192.0.2.7:1");
		assert_true(s->count[GW_COUNT_RECEIVED] >= before);
		before = s->count[GW_COUNT_RECEIVED];
	}
	gw_scoreboard_end(board, slot);
	gw_scoreboard_give_back(board, slot);
	assert_int_equal(look(board)->n_clients, 0);
}

/* A worker cannot write to other slots, nor make their mapping writable. */
static void worker_writes_its_own_part_only(void **state)
{
	(void)state;
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	size_t readable = 0;
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char rights[8];
		if (!strstr(line, "ggwire-counters") || sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 ||
			rights[1] == 'w')
			continue;
		readable++;
		assert_int_equal(from % page, 0);
		assert_int_equal(mprotect((void *)from, to - from, PROT_READ | PROT_WRITE), -1);
	}
	fclose(maps);
	assert_int_equal(readable, 1);
}

static void memory_cannot_be_made_smaller(void **state)
{
	(void)state;
	int fds[2];
	gw_scoreboard_fds(board, fds);
	assert_int_equal(ftruncate(fds[0], 0), -1);
	assert_int_equal(ftruncate(fds[0], 1 << 30), -1);
}

static void slots_are_bounded(void **state)
{
	(void)state;
	uint32_t other;
	assert_true(gw_scoreboard_take(board, &other));
	assert_true(gw_scoreboard_take(board, &other));
	assert_false(gw_scoreboard_take(board, &other));
	gw_scoreboard_give_back(board, slot);
	assert_true(gw_scoreboard_take(board, &other));
	assert_int_equal(other, slot);
	int fds[2] = {dup(0), dup(0)};
	assert_int_equal(
		gw_scoreboard_attach(fds, SLOTS, SLOTS, &(struct gw_scoreboard *){NULL}, NULL), GW_ERR_INVALID);
}

static void newest_numbers_about_memory_count(void **state)
{
	(void)state;
	assert_int_equal(look(board)->devices[0].free, 90);
	struct gw_counters_memory *m = &gw_scoreboard_counters(worker)->devices[0];
	gw_counters_set(&m->free, 40);
	gw_counters_set(&m->total, 100);
	gw_counters_set(&m->at_ns, gw_clock_ns());
	assert_int_equal(look(board)->devices[0].free, 40);
	assert_true(gw_scoreboard_memory_age(board) < UINT64_C(60000000000));
	/* A time in the future is invalid, so the supervisor ignores the measurement. */
	gw_counters_set(&m->free, 30);
	gw_counters_set(&m->at_ns, UINT64_MAX);
	assert_int_equal(look(board)->devices[0].free, 90);
}

static void what_clients_hold_is_not_free_where_the_device_cannot_tell(void **state)
{
	(void)state;
	struct gw_counters_memory *m = &gw_scoreboard_counters(worker)->devices[0];
	gw_counters_set(&m->held, 30);
	/* It tells: 90 of 100 are free. */
	assert_int_equal(look(board)->devices[0].free, 90);
	gw_counters_set(&m->free, 100);
	gw_counters_set(&m->total, 100);
	gw_counters_set(&m->at_ns, gw_clock_ns());
	assert_int_equal(look(board)->devices[0].free, 100);
	gw_scoreboard_begin(board, slot, &(struct gw_scoreboard_client){.address = "a", .endpoint = "b"});
	assert_int_equal(look(board)->devices[0].free, 70);
	/* A worker that was taken over says anything. */
	gw_counters_set(&m->held, UINT64_MAX);
	assert_int_equal(look(board)->devices[0].free, 0);
	gw_scoreboard_end(board, slot);
	assert_int_equal(look(board)->devices[0].free, 100);
}

/* A crowd of clients must not become thousands of time series. */
static void metrics_of_clients_are_bounded(void **state)
{
	(void)state;
	static struct gw_ext_status_client clients[1000];
	const struct gw_ext_status status = {.n_clients = 1000, .clients = clients};
	struct gw_buf text = {0};
	size_t lines = 0;
	for (size_t i = 0; i < 1000; i++)
		snprintf(clients[i].address, sizeof(clients[i].address), "192.0.2.7:%zu", 1024 + i);
	assert_int_equal(gw_report_prometheus(&status, &text), GW_OK);
	assert_int_equal(gw_buf_append(&text, "", 1), GW_OK);
	for (const char *p = (const char *)text.data; (p = strstr(p, "{client=\"")); p++)
		lines++;
	assert_int_equal(lines, 5 * 64);
	assert_non_null(strstr((const char *)text.data, "\nggwire_clients 1000\n"));
	gw_buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(client_appears_with_its_counters, setup, teardown),
		cmocka_unit_test(metrics_of_clients_are_bounded),
		cmocka_unit_test_setup_teardown(
			what_clients_hold_is_not_free_where_the_device_cannot_tell, setup, teardown),
		cmocka_unit_test_setup_teardown(next_client_of_a_worker_starts_at_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(totals_survive_a_workers_end, setup, teardown),
		cmocka_unit_test_setup_teardown(counters_never_fall_nor_jump, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage_affects_only_the_workers_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(worker_writes_its_own_part_only, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_cannot_be_made_smaller, setup, teardown),
		cmocka_unit_test_setup_teardown(slots_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(newest_numbers_about_memory_count, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
