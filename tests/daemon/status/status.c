/* A server's status: in `ggwire status`, in `ggwire top`, and over HTTP. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
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

#include "cli/json_check.h"
#include "daemon/serving.h"
#include "device/rig.h"
#include "rpc/commands.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct serving s;
static char out[1 << 16];
static char endpoint[GW_ENDPOINT_MAX];
static uint16_t http_port;

static int setup(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-p", "0", "--http", "0"));
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	const char *at = strstr(s.log, "status page: http://127.0.0.1:");
	if (!at)
		return -1;
	http_port = (uint16_t)atoi(at + strlen("status page: http://127.0.0.1:"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

/* A connection to the status page. */
static int dial(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(http_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Reads until the other end closes. */
static void read_all(int fd)
{
	size_t len = 0;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (len + 1 < sizeof(out) && poll(&p, 1, SERVING_WAIT_MS) > 0) {
		ssize_t n = read(fd, out + len, sizeof(out) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
}

static const char *http(const char *request, size_t size)
{
	int fd = dial();
	assert_int_equal(send(fd, request, size, MSG_NOSIGNAL), (ssize_t)size);
	read_all(fd);
	close(fd);
	return out;
}

static const char *get(const char *path)
{
	char request[128];
	int n = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
	return http(request, (size_t)n);
}

/* The value of a metric, by name and labels. Fails the test if the metric is missing. */
static double metric(const char *name)
{
	char line[160];
	get("/metrics");
	snprintf(line, sizeof(line), "\n%s ", name);
	const char *at = strstr(out, line);
	if (!at)
		fail_msg("no %s in:\n%s", name, out);
	return atof(at + strlen(line));
}

/* Until then there may be no reply at all: while all connections are in use, the server closes new ones. */
static void await_metric(const char *name, double value)
{
	for (int tries = 0; !*get("/metrics") && tries < 200; tries++)
		serving_sleep_ms(20);
	for (int tries = 0; metric(name) != value && tries < 200; tries++)
		serving_sleep_ms(20);
	assert_true(metric(name) == value);
}

/* Context switches of the supervisor and of the process that serves HTTP. */
static unsigned long switches(void)
{
	pid_t http_process;
	assert_int_equal(serving_children_of_kind(s.pid, "http", &http_process, 1), 1);
	return serving_switches(s.pid) + serving_switches(http_process);
}

/* One graph of one node: y = x + x. */
static void compute(struct gw_client *c)
{
	struct rig_buffer b = rig_alloc(c, 4096);
	struct gw_wire_tensor t[2] = {
		rig_tensor(rig_type("f32"), &b, 0, 8, 1), rig_tensor(rig_type("f32"), &b, 1024, 8, 1)};
	const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	float y[8];
	t[1].op = rig_op("ADD");
	t[1].src[0] = t[1].src[1] = t[0].id;
	rig_set(c, &t[0], 0, x, sizeof(x));
	rig_compute(c, 1, &t[1].id, 1, t, 2);
	rig_get(c, &t[1], 0, y, sizeof(y));
	assert_float_equal(y[7], 16, 0);
}

static void counts_rise_while_a_client_computes(void **state)
{
	(void)state;
	assert_true(metric("ggwire_clients") == 0);
	struct gw_client *c = serving_connect(&s);
	compute(c);
	assert_true(metric("ggwire_clients") == 1);
	assert_true(metric("ggwire_graph_duration_seconds_count") == 1);
	assert_true(metric("ggwire_graph_duration_seconds_bucket{le=\"+Inf\"}") == 1);
	assert_true(metric("ggwire_graph_duration_seconds_sum") > 0);
	assert_true(metric("ggwire_buffers") == 1);
	assert_true(metric("ggwire_buffer_bytes") >= 4096);
	assert_true(metric("ggwire_tensor_bytes_total{source=\"network\"}") == 32);
	double received = metric("ggwire_received_bytes_total"), sent = metric("ggwire_sent_bytes_total");
	assert_true(received > 32 && sent > 32);
	compute(c);
	assert_true(metric("ggwire_graph_duration_seconds_count") == 2);
	assert_true(metric("ggwire_received_bytes_total") > received);
	gw_client_close(c);
	/* The totals remain. */
	await_metric("ggwire_clients", 0);
	assert_true(metric("ggwire_buffer_bytes") == 0);
	assert_true(metric("ggwire_graph_duration_seconds_count") == 2);
	assert_true(metric("ggwire_connections_total") == 1);
}

static void killed_worker_is_counted_and_its_counts_stay(void **state)
{
	(void)state;
	pid_t workers[4];
	struct gw_client *c = serving_connect(&s);
	compute(c);
	size_t n = serving_children_of_kind(s.pid, "worker", workers, 4);
	for (size_t i = 0; i < n && i < 4; i++)
		kill(workers[i], SIGKILL);
	serving_await(&s, "is cut off");
	gw_client_close(c);
	await_metric("ggwire_connections_dropped_total", 1);
	assert_true(metric("ggwire_graph_duration_seconds_count") == 1);
	assert_true(metric("ggwire_clients") == 0);
}

/* Checks every line of the format, and that each family is declared once. */
static void metrics_are_well_formed(void **state)
{
	(void)state;
	struct gw_client *c = serving_connect(&s);
	get("/metrics");
	assert_non_null(strstr(out, "Content-Type: text/plain; version=0.0.4"));
	char *line = strstr(out, "\r\n\r\n");
	assert_non_null(line);
	size_t samples = 0;
	for (line = strtok(line + 4, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "# HELP ggwire_", 14) == 0 || strncmp(line, "# TYPE ggwire_", 14) == 0)
			continue;
		assert_int_equal(strncmp(line, "ggwire_", 7), 0);
		char *value = strrchr(line, ' '), *end;
		assert_non_null(value);
		strtod(value, &end);
		assert_true(end > value + 1 && *end == '\0');
		samples++;
	}
	assert_true(samples > 40);
	gw_client_close(c);
}

static void status_json_tells_the_same(void **state)
{
	(void)state;
	struct gw_client *c = serving_connect(&s);
	compute(c);
	get("/status.json");
	assert_non_null(strstr(out, "Content-Type: application/json"));
	assert_non_null(strstr(out, "\"clients\":[{\"address\":\"127.0.0.1:"));
	assert_non_null(strstr(out, "\"graphs\":1,"));
	gw_client_close(c);
}

/* The body of /history.json. */
static const char *history(void)
{
	const char *body = strstr(get("/history.json"), "\r\n\r\n");
	assert_non_null(body);
	assert_true(json_is_valid(body + 4));
	return body + 4;
}

/* The history includes the time before the first request, and the last actions of clients that have left. */
static void history_contains_the_clients_traffic(void **state)
{
	(void)state;
	char samples[1 << 14];
	assert_true(json_get(history(), "samples", samples, sizeof(samples)));
	assert_string_equal(samples, "[]");
	struct gw_client *c = serving_connect(&s);
	serving_sleep_ms(100);
	compute(c);
	gw_client_close(c);
	for (int tries = 0; !strstr(history(), "},{") && tries < 200; tries++)
		serving_sleep_ms(50);
	assert_true(json_number(history(), "samples.0.graphs") == 0);
	assert_true(json_number(history(), "samples.1.graphs") == 1);
	assert_true(json_number(history(), "samples.1.received_bytes") > 32);
	double apart = json_number(history(), "samples.1.time") - json_number(history(), "samples.0.time");
	assert_true(apart > json_number(history(), "period_seconds") - 0.1);
	/* The server does not wake up more often, whoever watches. */
	serving_sleep_ms(500);
	unsigned long before = switches();
	serving_sleep_ms(2500);
	assert_int_equal(switches(), before);
	assert_false(json_get(history(), "samples.2", samples, sizeof(samples)));
}

static void page_is_complete_and_loads_nothing_else(void **state)
{
	(void)state;
	char first[33] = "";
	get("/");
	assert_non_null(strstr(out, "Content-Type: text/html"));
	assert_non_null(strstr(out, "Content-Security-Policy: default-src 'none'; script-src 'nonce-"));
	assert_non_null(strstr(out, "</html>"));
	assert_null(strstr(out, "nonce-nonce"));
	/* The page contains no URL except the SVG namespace, which browsers do not fetch. */
	assert_null(strstr(out, "https://"));
	assert_null(strstr(out, "src=\"http"));
	sscanf(strstr(out, "'nonce-") + 7, "%32[0-9a-f]", first);
	assert_int_equal(strlen(first), 32);
	assert_null(strstr(get("/"), first));
}

static void malformed_requests_harm_nobody(void **state)
{
	(void)state;
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{"GET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.1 404"},
		{"GET /../../etc/passwd HTTP/1.0\r\n\r\n", "HTTP/1.1 404"},
		{"POST /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405"},
		{"DELETE / HTTP/1.0\r\n\r\n", "HTTP/1.1 405"},
		{"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", "HTTP/1.1 403"},
		{"GET / HTTP/1.1\r\nHost: 127.0.0.1.example\r\n\r\n", "HTTP/1.1 403"},
		{"GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n", "HTTP/1.1 200"},
		{"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "HTTP/1.1 200"},
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
		{"\x0e\x18\0\0\0\0\0\0\0", ""},
		{"\r\n\r\n\r\n", ""},
		{"GET\r\n\r\n", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = dial();
		send(fd, cases[i].request, strlen(cases[i].request), MSG_NOSIGNAL);
		/* The server does not answer incomplete requests. */
		if (cases[i].answer[0])
			read_all(fd);
		else
			out[0] = '\0';
		close(fd);
		if (strncmp(out, cases[i].answer, strlen(cases[i].answer)) != 0)
			fail_msg("reply to '%s': %s", cases[i].request, out);
	}
	static const char start[] = {'G', 'E', 'T', ' ', '/'};
	static char big[1 << 17];
	memset(big, 'a', sizeof(big));
	memcpy(big, start, sizeof(start));
	int fd = dial();
	send(fd, big, sizeof(big), MSG_NOSIGNAL);
	close(fd);
	assert_true(metric("ggwire_clients") == 0);
}

static void head_has_no_body(void **state)
{
	(void)state;
	static const char request[] = "HEAD /metrics HTTP/1.0\r\n\r\n";
	http(request, sizeof(request) - 1);
	assert_non_null(strstr(out, "HTTP/1.1 200"));
	assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\n");
}

/* The number of silent connections is limited, and they do not delay computing clients. */
static void silent_connections_delay_nobody(void **state)
{
	(void)state;
	int fds[60];
	for (size_t i = 0; i < 60; i++)
		fds[i] = dial();
	struct gw_client *c = serving_connect(&s);
	compute(c);
	gw_client_close(c);
	for (size_t i = 0; i < 60; i++)
		close(fds[i]);
	await_metric("ggwire_clients", 0);
}

/* The server cuts off a stalled request in time, and sleeps until then. */
static void stalled_request_times_out(void **state)
{
	(void)state;
	static const char *const beginnings[] = {"", "GET /met", "\x0e\x18"};
	int fds[3];
	for (size_t i = 0; i < 3; i++) {
		fds[i] = dial();
		assert_int_equal(send(fds[i], beginnings[i], strlen(beginnings[i]), MSG_NOSIGNAL),
			(ssize_t)strlen(beginnings[i]));
	}
	unsigned long before = switches();
	for (size_t i = 0; i < 3; i++) {
		assert_true(serving_sees_end(fds[i]));
		close(fds[i]);
	}
	assert_true(switches() - before < 200);
}

static void watched_server_sleeps_between_questions(void **state)
{
	(void)state;
	metric("ggwire_clients");
	serving_sleep_ms(500);
	unsigned long before = switches();
	serving_sleep_ms(1000);
	assert_int_equal(switches(), before);
}

static void busy_port_is_an_error(void **state)
{
	(void)state;
	char text[32];
	snprintf(text, sizeof(text), "%u", http_port);
	assert_int_equal(serving_run("ggwire", ARGS("serve", "-p", "0", "--http", text), out, sizeof(out)), 1);
	assert_non_null(strstr(out, "HTTP: cannot listen on 127.0.0.1:"));
	assert_non_null(strstr(out, "in use"));
}

static void status_names_devices_and_clients(void **state)
{
	(void)state;
	struct gw_client *c = serving_connect(&s);
	compute(c);
	assert_int_equal(serving_run("ggwire", ARGS("status", endpoint), out, sizeof(out)), 0);
	assert_non_null(strstr(out, "1 of 64 clients"));
	assert_non_null(strstr(out, "graphs       1, "));
	assert_non_null(strstr(out, "Devices:\n"));
	assert_non_null(strstr(out, "held  connected, idle\n"));
	assert_int_equal(serving_run("ggwire", ARGS("status", "--json", endpoint), out, sizeof(out)), 0);
	assert_non_null(strstr(out, "\"self\":true"));
	assert_non_null(strstr(out, "\"self\":false"));
	assert_non_null(strstr(out, "\"error\":null}\n"));
	gw_client_close(c);
}

/* A graph whose result is read: rows of logits, if it has their name. */
static void compute_rows(struct gw_client *c, const char *name, uint32_t rows)
{
	struct rig_buffer b = rig_alloc(c, 4096);
	struct gw_wire_tensor t[2] = {
		rig_tensor(rig_type("f32"), &b, 0, 8, rows), rig_tensor(rig_type("f32"), &b, 1024, 8, rows)};
	float y[64];
	t[1].op = rig_op("ADD");
	t[1].src[0] = t[1].src[1] = t[0].id;
	snprintf(t[1].name, sizeof(t[1].name), "%s", name);
	rig_compute(c, 1, &t[1].id, 1, t, 2);
	rig_get(c, &t[1], 0, y, rows * 8 * sizeof(float));
	/* Reading them again is no other token. */
	rig_get(c, &t[1], 0, y, rows * 8 * sizeof(float));
}

static void logits_that_are_read_count_as_tokens(void **state)
{
	(void)state;
	struct gw_client *c = serving_connect(&s);
	compute_rows(c, "l_out-3", 2);
	assert_true(metric("ggwire_tokens_total") == 0);
	compute_rows(c, "result_output", 1);
	compute_rows(c, "result_output", 5);
	assert_true(metric("ggwire_tokens_total") == 6);
	get("/metrics");
	assert_non_null(strstr(out, "ggwire_client_tokens_total{client=\"127.0.0.1:"));
	assert_int_equal(serving_run("ggwire", ARGS("status", endpoint), out, sizeof(out)), 0);
	assert_non_null(strstr(out, "\n  tokens       6 rows of logits read\n"));
	assert_int_equal(serving_run("ggwire", ARGS("status", "--json", endpoint), out, sizeof(out)), 0);
	assert_true(json_number(out, "clients.0.tokens") == 6);
	gw_client_close(c);
}

static bool is_listed(const char *name)
{
	assert_int_equal(serving_run("ggwire", ARGS("status", endpoint), out, sizeof(out)), 0);
	bool in_status = strstr(out, name) != NULL;
	assert_int_equal(serving_run("ggwire", ARGS("top", endpoint), out, sizeof(out)), 0);
	assert_int_equal(strstr(out, name) != NULL, in_status);
	return in_status;
}

/* The address of the only client that is there besides the one that asks. */
static void take_name(char *name, size_t size)
{
	get("/status.json");
	assert_true(json_get(strstr(out, "\r\n\r\n") + 4, "clients.0.address", name, size));
}

/* Tools stay connected while they look: none lists another. A tool that uses a device is a client like any other. */
static void tools_are_not_listed(void **state)
{
	(void)state;
	char name[64];
	struct gw_ext_info info;
	struct gw_client *c = serving_connect(&s);
	take_name(name, sizeof(name));
	assert_true(is_listed(name));
	assert_int_equal(gw_client_describe(c, GW_EXT_ASKER_TOOL, &info, NULL), GW_OK);
	gw_ext_info_free(&info);
	assert_false(is_listed(name));
	assert_true(metric("ggwire_clients") == 0);
	get("/status.json");
	assert_non_null(strstr(out, "\"tool\":true"));
	compute(c);
	assert_true(is_listed(name));
	assert_true(metric("ggwire_clients") == 1);
	assert_int_equal(gw_client_describe(c, GW_EXT_ASKER_TOOL, &info, NULL), GW_OK);
	gw_ext_info_free(&info);
	assert_true(is_listed(name));
	gw_client_close(c);
}

/* ggml's CPU reports all memory as free, always. */
static void memory_that_a_client_holds_is_shown_alike(void **state)
{
	(void)state;
	struct gw_client *c = serving_connect(&s);
	struct rig_buffer b = rig_alloc(c, (uint64_t)300 << 20);
	assert_true(b.handle != 0);
	assert_int_equal(serving_run("ggwire", ARGS("status", endpoint), out, sizeof(out)), 0);
	assert_non_null(strstr(out, " 300.0 MiB used of "));
	assert_int_equal(serving_run("ggwire", ARGS("top", endpoint), out, sizeof(out)), 0);
	assert_non_null(strstr(out, " 300.0 MiB of "));
	assert_int_equal(serving_run("ggwire", ARGS("status", "-j", endpoint), out, sizeof(out)), 0);
	assert_true(
		json_number(out, "devices.0.memory_total_bytes") - json_number(out, "devices.0.memory_free_bytes") ==
		(double)((uint64_t)300 << 20));
	gw_client_close(c);
}

static void top_prints_once_without_a_terminal(void **state)
{
	(void)state;
	struct gw_client *c = serving_connect(&s);
	assert_int_equal(serving_run("ggwire", ARGS("top", endpoint), out, sizeof(out)), 0);
	assert_non_null(strstr(out, "CLIENT"));
	assert_null(strchr(out, 0x1b));
	assert_int_equal(serving_run("ggwire", ARGS("top", endpoint, "127.0.0.1:1"), out, sizeof(out)), 1);
	assert_non_null(strstr(out, "Connection refused"));
	assert_int_equal(serving_run("ggwire", ARGS("top", "-j", endpoint, "127.0.0.1:1"), out, sizeof(out)), 1);
	assert_true(json_is_valid(out));
	char value[256];
	assert_true(json_get(out, "servers.0.clients.0.transport", value, sizeof(value)));
	assert_string_equal(value, "tcp");
	assert_true(json_get(out, "servers.1.error", value, sizeof(value)));
	assert_non_null(strstr(value, "127.0.0.1:1"));
	gw_client_close(c);
}

static void stock_servers_report_what_they_can(void **state)
{
	(void)state;
	serving_end(&s);
	setenv("GGML_RPC_STOCK", "1", 1);
	serving_start(&s, ARGS("-p", "0"));
	unsetenv("GGML_RPC_STOCK");
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	assert_int_equal(serving_run("ggwire", ARGS("status", endpoint), out, sizeof(out)), 1);
	assert_non_null(strstr(out, "protocol 8.0.0"));
	assert_non_null(strstr(out, "only ggwire servers report"));
	assert_non_null(strstr(out, " free of "));
	assert_null(strstr(out, " 0 B free of "));
	assert_int_equal(serving_run("ggwire", ARGS("status", "-j", endpoint), out, sizeof(out)), 1);
	assert_non_null(strstr(out, "\"memory_total_bytes\":"));
	assert_int_equal(serving_run("ggwire", ARGS("top", endpoint), out, sizeof(out)), 1);
	assert_non_null(strstr(out, "only ggwire servers report"));
	assert_int_equal(serving_run("ggwire", ARGS("top", "--json", endpoint), out, sizeof(out)), 1);
	assert_true(json_number(out, "servers.0.devices.0.memory_total_bytes") > 0);
}

static void wrong_command_lines_are_usage(void **state)
{
	(void)state;
	assert_int_equal(serving_run("ggwire", ARGS("status", "x:port"), out, sizeof(out)), 2);
	assert_int_equal(serving_run("ggwire", ARGS("status", "--nothing", "x:1"), out, sizeof(out)), 2);
	assert_int_equal(serving_run("ggwire", ARGS("top", "-i", "0", "x:1"), out, sizeof(out)), 2);
	assert_int_equal(serving_run("ggwire", ARGS("serve", "--http", "x"), out, sizeof(out)), 2);
	assert_int_equal(serving_run("ggwire", ARGS("serve", "--http", "unix:/x"), out, sizeof(out)), 2);
	assert_int_equal(serving_run("ggwire", ARGS("serve", "--log-format", "xml"), out, sizeof(out)), 2);
	assert_int_equal(serving_run("ggwire", ARGS("status", "127.0.0.1:1"), out, sizeof(out)), 1);
}

static void log_may_have_the_time(void **state)
{
	(void)state;
	int year, ms, n;
	serving_end(&s);
	serving_start(&s, ARGS("-p", "0", "--log-time"));
	struct gw_client *c = serving_connect(&s);
	compute(c);
	serving_await(&s, "connected, served by worker");
	gw_client_close(c);
	for (char *line = strtok(s.log, "\n"); line; line = strtok(NULL, "\n"))
		if (sscanf(line, "%d-%*2d-%*2dT%*2d:%*2d:%*2d.%dZ%n", &year, &ms, &n) != 2 || year < 2020 || n != 24)
			fail_msg("no time in: %s", line);
}

static void log_may_be_json(void **state)
{
	(void)state;
	serving_end(&s);
	serving_start(&s, ARGS("-p", "0", "--log-format", "json"));
	static const char label[] = "\"endpoint\":\"";
	char bound[64], field[80];
	const char *found = strstr(s.log, label);
	assert_non_null(found);
	assert_null(strstr(s.log, "Starting RPC server")); /* no banner */
	snprintf(
		bound, sizeof(bound), "%.*s", (int)strcspn(found + sizeof(label) - 1, "\""), found + sizeof(label) - 1);
	struct gw_client *c;
	assert_int_equal(gw_client_connect(bound, &c, NULL), GW_OK);
	compute(c);
	snprintf(field, sizeof(field), "\"endpoint\":\"%s\"", bound);
	found = serving_await(&s, "connected, served by worker");
	assert_non_null(strstr(found, "\"client\":\"127.0.0.1:"));
	assert_non_null(strstr(found, field));
	assert_non_null(strstr(found, "\"worker\":"));
	gw_client_close(c);
	serving_await(&s, "left worker");
	for (char *line = strtok(s.log, "\n"); line; line = strtok(NULL, "\n")) {
		assert_int_equal(strncmp(line, "{\"time\":\"20", 11), 0);
		assert_non_null(strstr(line, "\"level\":\""));
		assert_int_equal(line[strlen(line) - 1], '}');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_rise_while_a_client_computes, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_worker_is_counted_and_its_counts_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(metrics_are_well_formed, setup, teardown),
		cmocka_unit_test_setup_teardown(status_json_tells_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(history_contains_the_clients_traffic, setup, teardown),
		cmocka_unit_test_setup_teardown(page_is_complete_and_loads_nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(malformed_requests_harm_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(head_has_no_body, setup, teardown),
		cmocka_unit_test_setup_teardown(silent_connections_delay_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(stalled_request_times_out, setup, teardown),
		cmocka_unit_test_setup_teardown(watched_server_sleeps_between_questions, setup, teardown),
		cmocka_unit_test_setup_teardown(busy_port_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(status_names_devices_and_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(logits_that_are_read_count_as_tokens, setup, teardown),
		cmocka_unit_test_setup_teardown(tools_are_not_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_that_a_client_holds_is_shown_alike, setup, teardown),
		cmocka_unit_test_setup_teardown(top_prints_once_without_a_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(stock_servers_report_what_they_can, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_command_lines_are_usage, setup, teardown),
		cmocka_unit_test_setup_teardown(log_may_be_json, setup, teardown),
		cmocka_unit_test_setup_teardown(log_may_have_the_time, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
