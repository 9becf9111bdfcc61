/* Two thousand connections, a quarter of them cut at some byte, with 50 loaded models in between and 20 killed workers:
 * the server ends with as many descriptors, processes and files, and as much memory, as before. Prints the numbers. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/serving.h"
#include "daemon/workers/pool.h"
#include "transport/faulty.h"
#include "transport/list/endpoint.h"
#include "transport/list/transports.h"
#include "wire/message.h"

#define CONNECTIONS 2000
#define CUT_EVERY 4
#define MODEL_EVERY 40
#define KILL_EVERY 100
#define PIECE ((size_t)1 << 20)
#define PIECES 8

static struct serving s;
static struct gw_endpoint where;
static char directory[] = "/tmp/ggwire-soak-XXXXXX";

struct state {
	size_t descriptors;
	size_t processes;
	size_t kib;
	size_t files;
};

static uint32_t draw(uint32_t below)
{
	static uint64_t x = 88172645463325252u;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x % below);
}

/* The log is longer than struct serving can hold. */
static void drain_log(void)
{
	char chunk[65536];
	fcntl(s.pipe, F_SETFL, O_NONBLOCK);
	while (read(s.pipe, chunk, sizeof(chunk)) > 0)
		;
	fcntl(s.pipe, F_SETFL, 0);
}

static size_t resident_kib(pid_t pid)
{
	char path[64], line[256];
	size_t kib = 0;
	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	FILE *status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtoul(line + 6, NULL, 10);
	if (status)
		fclose(status);
	return kib;
}

/* Files below the cache directory, including temporary ones. */
static size_t count_files(void)
{
	char path[128];
	size_t n = 0;
	snprintf(path, sizeof(path), "%s/rpc", directory);
	DIR *dir = opendir(path);
	for (const struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_type == DT_REG;
	if (dir)
		closedir(dir);
	return n;
}

/* Waits until ended workers have been collected and only spares are left. */
static struct state settled(void)
{
	for (int i = 0; i < 100 && serving_children(s.pid, NULL, 0) > GW_POOL_SPARES_MAX; i++)
		serving_sleep_ms(50);
	serving_sleep_ms(1000);
	drain_log();
	return (struct state){
		serving_descriptors(s.pid), serving_children(s.pid, NULL, 0), resident_kib(s.pid), count_files()};
}

static struct gw_error err; /* of the last failed connection */

/* Returns NULL if the connection was cut before the handshake was complete. */
static struct gw_client *connect_with(const struct gw_fault_plan *plan)
{
	struct gw_transport *tcp, *t;
	struct gw_client *c = NULL;
	if (gw_transport_dial(&where, 10000, &tcp, &err) != GW_OK)
		fail_msg("%s", err.text);
	assert_int_equal(gw_fault_wrap(tcp, plan, &t), GW_OK);
	return gw_client_start(t, "server", 10000, &c, &err) == GW_OK ? c : NULL;
}

static bool call(struct gw_client *c, enum gw_cmd cmd, const void *body, size_t size, void *reply, size_t reply_size)
{
	struct iovec part = {(void *)(uintptr_t)body, size};
	return gw_client_call(c, cmd, &part, 1, reply, reply_size) == GW_OK;
}

/* Allocates, writes, reads back and frees; stops when the connection breaks. */
static bool load_model(struct gw_client *c, size_t pieces)
{
	static uint8_t data[PIECE], back[4096];
	uint8_t out[GW_WIRE_MAX_FIXED], in[16];
	struct gw_wire_tensor t = {
		.id = 1, .type = 24 /* i8 */, .ne = {PIECE, 1, 1, 1}, .nb = {1, PIECE, PIECE, PIECE}};
	size_t n = gw_wire_alloc_req_encode(&(struct gw_wire_alloc_req){.size = pieces * PIECE}, out);
	if (!call(c, GW_CMD_ALLOC_BUFFER, out, n, in, 16))
		return false;
	t.buffer = gw_le64(in);
	n = gw_wire_buffer_req_encode(t.buffer, out);
	if (!call(c, GW_CMD_BUFFER_GET_BASE, out, n, in, 8))
		return false;
	for (size_t i = 0; i < pieces; i++) {
		t.data = gw_le64(in) + i * PIECE;
		memset(data, (int)i + 1, sizeof(data));
		const struct gw_wire_set_req req = {.tensor = t};
		struct iovec parts[] = {
			{out, gw_wire_set_req_encode(&gw_dialect_newest, &req, out)}, {data, sizeof(data)}};
		if (gw_client_post(c, GW_CMD_SET_TENSOR, parts, 2) != GW_OK)
			return false;
	}
	const struct gw_wire_get_req get = {.tensor = t, .size = sizeof(back)};
	if (!call(c, GW_CMD_GET_TENSOR, out, gw_wire_get_req_encode(&gw_dialect_newest, &get, out), back, sizeof(back)))
		return false;
	assert_memory_equal(back, data, sizeof(back));
	struct iovec part = {out, gw_wire_buffer_req_encode(t.buffer, out)};
	return gw_client_post(c, GW_CMD_FREE_BUFFER, &part, 1) == GW_OK && serving_answers(c);
}

static void cut_one(void)
{
	struct gw_fault_plan plan = gw_fault_none;
	if (draw(2))
		plan.cut_send_after = draw(draw(4) ? 200 : 3 * PIECE);
	else
		plan.cut_recv_after = draw(200);
	struct gw_client *c = connect_with(&plan);
	if (!c)
		return;
	(void)load_model(c, 2);
	gw_client_close(c);
}

static void clean_one(size_t pieces)
{
	struct gw_client *c = connect_with(&gw_fault_none);
	if (!c)
		fail_msg("%s", err.text);
	assert_true(load_model(c, pieces));
	gw_client_close(c);
}

static void kill_one(void)
{
	pid_t workers[64];
	struct gw_client *c = connect_with(&gw_fault_none);
	assert_non_null(c);
	size_t n = serving_children(s.pid, workers, 64);
	if (!n)
		fail_msg("there is no worker");
	pid_t victim = workers[draw((uint32_t)(n < 64 ? n : 64))];
	kill(victim, SIGKILL);
	(void)load_model(c, 1);
	gw_client_close(c);
	/* A client that connects before the server has noticed would also be cut off, which this test does not need. */
	for (int i = 0; i < 2000 && kill(victim, 0) == 0; i++)
		serving_sleep_ms(5);
}

static void print(const char *when, const struct state *at)
{
	printf("%-6s descriptors %zu, processes %zu, memory %zu KiB, files %zu\n", when, at->descriptors, at->processes,
		at->kib, at->files);
}

static void nothing_is_left_behind(void **state)
{
	(void)state;
	char name[GW_ENDPOINT_MAX];
	unsigned cut = 0, models = 0, killed = 0;
	assert_non_null(mkdtemp(directory));
	setenv("LLAMA_CACHE", directory, 1);
	serving_start(&s, (const char *const[]){"-p", "0", "-c", NULL});
	serving_endpoint(&s, name, sizeof(name));
	assert_int_equal(gw_endpoint_parse(name, false, &where, NULL), GW_OK);
	for (int i = 0; i < 20; i++)
		clean_one(1);
	const struct state before = settled();
	for (int i = 0; i < CONNECTIONS; i++) {
		drain_log();
		if (i % KILL_EVERY == KILL_EVERY / 2) {
			kill_one();
			killed++;
		} else if (i % MODEL_EVERY == 0) {
			clean_one(PIECES);
			models++;
		} else if (i % CUT_EVERY == 1) {
			cut_one();
			cut++;
		} else {
			clean_one(1);
		}
	}
	const struct state after = settled();
	printf("%d connections: %u cut, %u models of %d MiB, %u workers killed\n", CONNECTIONS, cut, models, PIECES,
		killed);
	print("before", &before);
	print("after", &after);
	/* Each spare has a control socket. */
	assert_true(after.descriptors - after.processes <= before.descriptors - before.processes);
	/* Spare workers, and the cache's keeper. */
	assert_true(after.processes <= GW_POOL_SPARES_MAX + 1);
	assert_true(after.kib <= before.kib + 512);
	assert_true(after.files <= before.files);
	assert_int_equal(serving_stop(&s, SIGTERM, 5000), 0);
}

static int teardown(void **state)
{
	char path[128];
	(void)state;
	serving_end(&s);
	snprintf(path, sizeof(path), "%s/rpc", directory);
	rmdir(path);
	rmdir(directory);
	return 0;
}

static void discard(enum gw_log_level level, const char *line, void *user)
{
	(void)level;
	(void)line;
	(void)user;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(nothing_is_left_behind, teardown)};
	gw_log_set_sink(discard, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
