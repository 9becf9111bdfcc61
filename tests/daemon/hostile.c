/* Malicious clients, and their effect on others. */
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

#include "base/clock.h"
#include "daemon/serving.h"
#include "wire/message.h"

#define TOKENS 400
#define WIDTH 64

static struct serving s;

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

static void start(const char *option, const char *value)
{
	serving_start(&s, (const char *const[]){"-p", "0", option, value, NULL});
}

/* A buffer and its tensors. */
struct work {
	struct gw_client *c;
	uint64_t handle, base;
};

static struct work begin(void)
{
	struct work w = {.c = serving_connect(&s)};
	uint8_t out[GW_WIRE_MAX_FIXED], in[16];
	struct iovec part = {out, gw_wire_alloc_req_encode(&(struct gw_wire_alloc_req){.size = 1 << 20}, out)};
	assert_int_equal(gw_client_call(w.c, GW_CMD_ALLOC_BUFFER, &part, 1, in, 16), GW_OK);
	w.handle = gw_le64(in);
	part.iov_len = gw_wire_buffer_req_encode(w.handle, out);
	assert_int_equal(gw_client_call(w.c, GW_CMD_BUFFER_GET_BASE, &part, 1, in, 8), GW_OK);
	w.base = gw_le64(in);
	return w;
}

static struct gw_wire_tensor tensor(
	const struct work *w, uint64_t id, const char *type, uint32_t size, uint64_t offset, uint32_t ne0, uint32_t ne1)
{
	return (struct gw_wire_tensor){
		.id = id,
		.buffer = w->handle,
		.type = gw_names_find(gw_dialect_8_0.types, type),
		.ne = {ne0, ne1, 1, 1},
		.nb = {size, size * ne0, size * ne0 * ne1, size * ne0 * ne1},
		.flags = 16, /* COMPUTE */
		.data = w->base + offset,
	};
}

static void set(const struct work *w, const struct gw_wire_tensor *t, const void *data, size_t size)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	const struct gw_wire_set_req req = {.tensor = *t};
	struct iovec parts[] = {
		{out, gw_wire_set_req_encode(&gw_dialect_8_0, &req, out)}, {(void *)(uintptr_t)data, size}};
	assert_int_equal(gw_client_post(w->c, GW_CMD_SET_TENSOR, parts, 2), GW_OK);
}

static enum gw_status get(const struct work *w, const struct gw_wire_tensor *t, void *data, size_t size)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	const struct gw_wire_get_req req = {.tensor = *t, .size = size};
	struct iovec part = {out, gw_wire_get_req_encode(&gw_dialect_8_0, &req, out)};
	return gw_client_call(w->c, GW_CMD_GET_TENSOR, &part, 1, data, size);
}

static void compute(const struct work *w, const struct gw_wire_tensor *tensors, uint32_t n)
{
	static uint8_t body[16384];
	uint8_t *ids, *described;
	size_t size;
	assert_true(gw_wire_graph_size(&gw_dialect_8_0, 1, n, &size) && size <= sizeof(body));
	gw_wire_graph_begin(&gw_dialect_8_0, 0, 0, 1, n, body, &ids, &described);
	gw_put_le64(ids, tensors[n - 1].id);
	for (uint32_t i = 0; i < n; i++)
		gw_wire_tensor_encode(&gw_dialect_8_0, &tensors[i], described + i * GW_WIRE_TENSOR_SIZE);
	struct iovec part = {body, size};
	/* The server may have refused an earlier request and closed before this is sent. */
	(void)gw_client_post(w->c, GW_CMD_GRAPH_COMPUTE, &part, 1);
}

/* y = A x, with a different A for each token. Compares with a local integer computation. */
static void decode_token(const struct work *w, int token)
{
	struct gw_wire_tensor t[] = {tensor(w, 1, "f32", 4, 0, WIDTH, WIDTH), tensor(w, 2, "f32", 4, 65536, WIDTH, 1),
		tensor(w, 3, "f32", 4, 131072, WIDTH, 1)};
	float a[WIDTH * WIDTH], x[WIDTH], y[WIDTH];
	t[2].op = gw_names_find(gw_dialect_8_0.ops, "MUL_MAT");
	t[2].src[0] = 1;
	t[2].src[1] = 2;
	for (int i = 0; i < WIDTH * WIDTH; i++)
		a[i] = (float)((i * 7 + token) % 5);
	for (int i = 0; i < WIDTH; i++)
		x[i] = (float)((i + token) % 3);
	set(w, &t[0], a, sizeof(a));
	set(w, &t[1], x, sizeof(x));
	compute(w, t, 3);
	assert_int_equal(get(w, &t[2], y, sizeof(y)), GW_OK);
	for (int row = 0; row < WIDTH; row++) {
		float sum = 0;
		for (int i = 0; i < WIDTH; i++)
			sum += a[row * WIDTH + i] * x[i];
		assert_memory_equal(&sum, &y[row], sizeof(sum));
	}
}

/* Row numbers are data: the server checks them before a kernel uses them. */
static void read_rows_that_are_not_there(void)
{
	struct work w = begin();
	const int32_t rows[2] = {0, 1 << 30};
	struct gw_wire_tensor t[] = {tensor(&w, 1, "f32", 4, 0, WIDTH, 4), tensor(&w, 2, "i32", 4, 65536, 2, 1),
		tensor(&w, 3, "f32", 4, 131072, WIDTH, 2)};
	float out[2 * WIDTH];
	t[2].op = gw_names_find(gw_dialect_8_0.ops, "GET_ROWS");
	t[2].src[0] = 1;
	t[2].src[1] = 2;
	set(&w, &t[1], rows, sizeof(rows));
	compute(&w, t, 3);
	assert_int_not_equal(get(&w, &t[2], out, sizeof(out)), GW_OK);
	gw_client_close(w.c);
}

static void write_rows_that_are_not_there(void)
{
	struct work w = begin();
	const int64_t rows[2] = {-1, 1 << 30};
	struct gw_wire_tensor t[] = {tensor(&w, 1, "f32", 4, 0, WIDTH, 2), tensor(&w, 2, "i64", 8, 65536, 2, 1),
		tensor(&w, 4, "f32", 4, 131072, WIDTH, 4), tensor(&w, 3, "f32", 4, 131072, WIDTH, 4)};
	float out[WIDTH];
	t[3].op = gw_names_find(gw_dialect_8_0.ops, "SET_ROWS");
	t[3].src[0] = 1;
	t[3].src[1] = 2;
	t[3].src[2] = 4;
	t[3].view_src = 4;
	set(&w, &t[1], rows, sizeof(rows));
	compute(&w, t, 4);
	t[3].ne[1] = 1;
	assert_int_not_equal(get(&w, &t[3], out, sizeof(out)), GW_OK);
	gw_client_close(w.c);
}

static void rows_that_are_not_there_end_one_client_only(void **state)
{
	(void)state;
	start("--max-clients", "8");
	struct work good = begin();
	for (int token = 0; token < TOKENS; token++) {
		decode_token(&good, token);
		if (token % 100 == 50)
			read_rows_that_are_not_there();
		if (token % 100 == 70)
			write_rows_that_are_not_there();
	}
	gw_client_close(good.c);
	serving_await(&s, "GET_ROWS asks for row 1073741824 of 4");
	struct work next = begin();
	decode_token(&next, 0);
	gw_client_close(next.c);
}

/* The threading library sets the affinity at each thread's start, and aborts if that is refused. */
static void threads_can_be_pinned_on_request(void **state)
{
	(void)state;
	setenv("OMP_PROC_BIND", "true", 1);
	start("--threads", "2");
	unsetenv("OMP_PROC_BIND");
	assert_non_null(strstr(s.log, "threads may be pinned"));
	struct work w = begin();
	for (int token = 0; token < 10; token++)
		decode_token(&w, token);
	gw_client_close(w.c);
}

static void strangers_are_not_let_in(void **state)
{
	(void)state;
	start("--allow", "192.0.2.0/24,2001:db8::/32");
	int fd = serving_socket(&s);
	assert_true(serving_sees_end(fd));
	close(fd);
	const char *line = serving_await(&s, "refused: its address is not in --allow");
	assert_non_null(strstr(line, "client 127.0.0.1:"));
	serving_end(&s);
	start("--allow", "192.0.2.0/24,127.0.0.0/8");
	struct gw_client *c = serving_connect(&s);
	assert_true(serving_answers(c));
	gw_client_close(c);
}

static bool can_allocate(struct gw_client *c, uint64_t size)
{
	uint8_t out[GW_WIRE_MAX_FIXED], in[16];
	struct iovec part = {out, gw_wire_alloc_req_encode(&(struct gw_wire_alloc_req){.size = size}, out)};
	assert_int_equal(gw_client_call(c, GW_CMD_ALLOC_BUFFER, &part, 1, in, 16), GW_OK);
	return gw_le64(in) != 0;
}

static void a_client_gets_no_more_memory_than_it_may(void **state)
{
	(void)state;
	start("--max-memory", "64M");
	struct gw_client *a = serving_connect(&s), *b = serving_connect(&s);
	/* The server reserves a sixteenth for graphs. */
	assert_false(can_allocate(a, (uint64_t)61 << 20));
	assert_true(can_allocate(a, (uint64_t)48 << 20));
	assert_false(can_allocate(a, (uint64_t)13 << 20));
	assert_true(can_allocate(a, (uint64_t)12 << 20));
	assert_true(can_allocate(b, (uint64_t)48 << 20));
	uint8_t device[4] = {0}, memory[16];
	struct iovec part = {device, sizeof(device)};
	assert_int_equal(gw_client_call(b, GW_CMD_GET_DEVICE_MEMORY, &part, 1, memory, sizeof(memory)), GW_OK);
	assert_int_equal(gw_le64(memory), 12 << 20);
	assert_int_equal(gw_le64(memory + 8), 64 << 20);
	gw_client_close(a);
	gw_client_close(b);
	serving_end(&s);
	/* The server must refuse this itself: the kernel overcommits host memory. */
	start("--max-clients", "8");
	a = serving_connect(&s);
	assert_false(can_allocate(a, UINT64_C(1) << 45));
	gw_client_close(a);
}

/* $GGML_RPC_TIMEOUT is 2 s here. A client between requests is idle; a client in the middle of a request is not. */
static void a_client_that_drips_is_dropped_and_an_idle_one_is_not(void **state)
{
	(void)state;
	static const uint8_t hello[] = {GW_CMD_HELLO, GW_WIRE_HELLO_REQ, 0, 0};
	static const uint8_t header[GW_REQUEST_HEADER] = {GW_CMD_SET_TENSOR, 0, 4};
	setenv("GGML_RPC_TIMEOUT", "2", 1);
	start("--max-clients", "8");
	unsetenv("GGML_RPC_TIMEOUT");
	struct gw_client *idle = serving_connect(&s);
	int within_hello = serving_socket(&s), within_body = serving_socket(&s);
	uint8_t whole[GW_REQUEST_HEADER + GW_WIRE_HELLO_REQ] = {GW_CMD_HELLO, GW_WIRE_HELLO_REQ};
	uint64_t before = gw_clock_ns();
	assert_int_equal(send(within_hello, hello, sizeof(hello), MSG_NOSIGNAL), sizeof(hello));
	assert_int_equal(send(within_body, whole, sizeof(whole), MSG_NOSIGNAL), sizeof(whole));
	uint8_t reply[8 + GW_WIRE_HELLO_RSP];
	assert_int_equal(recv(within_body, reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
	assert_int_equal(send(within_body, header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
	for (int i = 0; i < 6; i++) {
		serving_sleep_ms(500);
		(void)!send(within_body, "x", 1, MSG_NOSIGNAL);
	}
	assert_true(serving_sees_end(within_hello));
	assert_true(serving_sees_end(within_body));
	assert_true(gw_clock_ns() - before < UINT64_C(8000000000));
	serving_await(&s, "the peer stopped in the middle of a message");
	assert_true(serving_answers(idle));
	gw_client_close(idle);
	close(within_hello);
	close(within_body);
}

static void nothing_at_all_is_waited_for_ten_seconds(void **state)
{
	(void)state;
	start("--max-clients", "8");
	int fd = serving_socket(&s);
	uint64_t before = gw_clock_ns();
	assert_true(serving_sees_end(fd));
	uint64_t ms = (gw_clock_ns() - before) / 1000000;
	assert_true(is_within(ms, 9000, 14000));
	close(fd);
}

/* Connects a client and returns the pid of its worker. */
static pid_t a_worker(struct gw_client *c)
{
	pid_t worker;
	assert_true(serving_answers(c));
	assert_true(serving_children_of_kind(s.pid, "worker", &worker, 1) >= 1);
	return worker;
}

static void workers_are_locked_in(void **state)
{
	(void)state;
	char text[8192];
	start("--sandbox", "auto");
	bool seccomp = strstr(s.log, "sandbox of workers: no new privileges, seccomp") != NULL;
	struct gw_client *c = serving_connect(&s);
	pid_t worker = a_worker(c);
	serving_proc(worker, "status", text, sizeof(text));
	assert_non_null(strstr(text, "\nNoNewPrivs:\t1\n"));
	assert_true(!seccomp || strstr(text, "\nSeccomp:\t2\n"));
	gw_client_close(c);
}

static void workers_dump_no_core_and_end_first(void **state)
{
	(void)state;
	char text[4096];
	start("--sandbox", "auto");
	struct gw_client *c = serving_connect(&s);
	pid_t worker = a_worker(c);
	serving_proc(worker, "limits", text, sizeof(text));
	const char *core = strstr(text, "Max core file size");
	unsigned soft = 1, hard = 1;
	assert_non_null(core);
	assert_int_equal(sscanf(core, "Max core file size %u %u", &soft, &hard), 2);
	assert_true(soft == 0 && hard == 0);
	serving_proc(s.pid, "oom_score_adj", text, sizeof(text));
	int of_supervisor = atoi(text);
	serving_proc(worker, "oom_score_adj", text, sizeof(text));
	assert_true(atoi(text) >= of_supervisor + 500 || atoi(text) == 1000);
	gw_client_close(c);
}

/* A client that compromises its worker must not find the server user's environment there. Only root may read the memory
 * of a worker, so the test needs root. */
static void workers_do_not_have_the_servers_environment(void **state)
{
	(void)state;
	static const char *const kept[] = {"GGWIRE_TEST_TOKEN", "SSH_AUTH_SOCK"};
	static const char *const passed[] = {"CUDA_VISIBLE_DEVICES", "WHATEVER"};
	static char text[1 << 17];
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(setenv(kept[i], "secret", 1) | setenv(passed[i], "open", 1), 0);
	start("--worker-env", "WHATEVER");
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(unsetenv(kept[i]) | unsetenv(passed[i]), 0);
	struct gw_client *c = serving_connect(&s);
	size_t n = serving_proc(a_worker(c), "environ", text, sizeof(text));
	assert_null(memmem(text, n, "secret", 6));
	assert_null(memmem(text, n, "\0PATH=", 6));
	assert_non_null(memmem(text, n, "CUDA_VISIBLE_DEVICES=open", 26));
	assert_non_null(memmem(text, n, "WHATEVER=open", 14));
	gw_client_close(c);
}

static void a_missing_variable_is_reported(void **state)
{
	(void)state;
	start("--worker-env", "GGWIRE_TEST_NOWHERE");
	assert_non_null(strstr(s.log, "--worker-env: GGWIRE_TEST_NOWHERE is not set"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(threads_can_be_pinned_on_request, teardown),
		cmocka_unit_test_teardown(rows_that_are_not_there_end_one_client_only, teardown),
		cmocka_unit_test_teardown(strangers_are_not_let_in, teardown),
		cmocka_unit_test_teardown(a_client_gets_no_more_memory_than_it_may, teardown),
		cmocka_unit_test_teardown(a_client_that_drips_is_dropped_and_an_idle_one_is_not, teardown),
		cmocka_unit_test_teardown(nothing_at_all_is_waited_for_ten_seconds, teardown),
		cmocka_unit_test_teardown(workers_are_locked_in, teardown),
		cmocka_unit_test_teardown(workers_dump_no_core_and_end_first, teardown),
		cmocka_unit_test_teardown(workers_do_not_have_the_servers_environment, teardown),
		cmocka_unit_test_teardown(a_missing_variable_is_reported, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
