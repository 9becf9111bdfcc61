/* The output of ping and devices is parsed back. For anything that is not a server they print an error, with status
 * 1. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/json_check.h"
#include "daemon/serving.h"
#include "impostor.h"

static struct serving server;
static char endpoint[GW_ENDPOINT_MAX];
static char out[1 << 16], value[4096];

static int start_server(void **state)
{
	(void)state;
	serving_start(&server, (const char *const[]){"-d", "CPU", "-p", "0", NULL});
	serving_endpoint(&server, endpoint, sizeof(endpoint));
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	serving_end(&server);
	return 0;
}

static int run(const char *const *args)
{
	return serving_run("ggwire", args, out, sizeof(out));
}

static void expect_text(const char *path, const char *expected)
{
	if (!json_get(out, path, value, sizeof(value)))
		fail_msg("no %s in: %s", path, out);
	assert_string_equal(value, expected);
}

static void expect_said(const char *text)
{
	if (!strstr(out, text))
		fail_msg("no '%s' in:\n%s", text, out);
}

static void ping_counts_round_trips(void **state)
{
	(void)state;
	double min, avg, p99, max;
	assert_int_equal(run((const char *const[]){"ping", "-c", "5", "-i", "0.01", endpoint, NULL}), 0);
	expect_said("protocol 8.0.0, TCP, 1 device (connected in ");
	expect_said("\n5: ");
	expect_said(": 5 sent, 5 answered, in ");
	const char *line = strstr(out, "round trip min/avg/p99/max = ");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "round trip min/avg/p99/max = %lf/%lf/%lf/%lf ms", &min, &avg, &p99, &max), 4);
	assert_true(0 < min && min <= avg && avg <= max && min <= p99 && p99 <= max);
}

static void quiet_ping_has_no_line_for_each(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){"ping", "-qc", "3", "-i", "0", endpoint, NULL}), 0);
	assert_null(strstr(out, "\n3: "));
	expect_said("3 sent, 3 answered");
}

static void ping_speaks_json(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){"ping", "--json", "-c", "100", "-i", "0", endpoint, NULL}), 0);
	assert_true(json_is_valid(out));
	expect_text("endpoint", endpoint);
	expect_text("server.protocol", "8.0.0");
	expect_text("server.ggwire", "true");
	expect_text("server.transport", "tcp");
	expect_text("error", "null");
	assert_true(json_number(out, "sent") == 100 && json_number(out, "answered") == 100);
	assert_true(json_number(out, "devices") == 1);
	assert_true(json_number(out, "round_trip_ms.min") > 0);
	assert_true(json_number(out, "round_trip_ms.p99") <= json_number(out, "round_trip_ms.max"));
}

static void ping_ends_with_its_summary_when_interrupted(void **state)
{
	(void)state;
	static const int signals[] = {SIGINT, SIGTERM};
	for (size_t i = 0; i < 2; i++) {
		struct serving ping = {0};
		ping.pid = serving_launch((const char *const[]){"ping", "-i", "0.05", endpoint, NULL}, &ping.pipe);
		serving_await(&ping, "2: ");
		assert_int_equal(serving_stop(&ping, signals[i], SERVING_WAIT_MS), 0);
		assert_non_null(strstr(ping.log, "round trip min/avg/p99/max = "));
	}
}

static void ping_works_over_unix_sockets(void **state)
{
	(void)state;
	struct serving s;
	char path[64];
	snprintf(path, sizeof(path), "unix:/tmp/ggwire-verbs-%d", (int)getpid());
	serving_start(&s, (const char *const[]){"-d", "CPU", "--listen", path, NULL});
	assert_non_null(strstr(s.log, "transport      : Unix socket\n"));
	assert_int_equal(run((const char *const[]){"ping", "-j", "-c", "2", "-i", "0", path, NULL}), 0);
	serving_end(&s);
	unlink(path + 5);
	assert_true(json_is_valid(out));
	expect_text("server.transport", "unix");
}

/* Without arguments, the servers come from the same variable as for other programs. */
static void servers_come_from_the_environment(void **state)
{
	(void)state;
	struct serving two;
	char second[GW_ENDPOINT_MAX], list[2 * GW_ENDPOINT_MAX + 2];
	serving_start(&two, (const char *const[]){"-d", "CPU", "-p", "0", NULL});
	serving_endpoint(&two, second, sizeof(second));
	snprintf(list, sizeof(list), "%s, %s", endpoint, second);
	setenv("GGML_RPC_SERVERS", list, 1);
	static const char *const verbs[][4] = {
		{"devices"}, {"status"}, {"top"}, {"ping", "-c", "1"}, {"doctor"}, {"bench", "-t", "0.01"}};
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		int rc = run(verbs[i]);
		assert_true(rc == 0 || strcmp(verbs[i][0], "doctor") == 0);
		expect_said(endpoint);
		expect_said(second);
	}
	assert_int_equal(run((const char *const[]){"ping", "-c", "1", second, NULL}), 0);
	assert_null(strstr(out, endpoint));
	assert_int_equal(run((const char *const[]){"record", NULL}), 2);
	setenv("GGML_RPC_SERVERS", "nowhere:x", 1);
	assert_int_equal(run((const char *const[]){"status", NULL}), 2);
	expect_said("GGML_RPC_SERVERS: endpoint \"nowhere:x\": the port is a number");
	unsetenv("GGML_RPC_SERVERS");
	serving_end(&two);
}

static void lists_have_commas_or_blanks(void **state)
{
	(void)state;
	char list[2 * GW_ENDPOINT_MAX + 2];
	snprintf(list, sizeof(list), "%s 127.0.0.1:1", endpoint);
	assert_int_equal(run((const char *const[]){"status", list, NULL}), 1);
	expect_said("127.0.0.1:1: cannot connect");
	list[strlen(endpoint)] = ',';
	assert_int_equal(run((const char *const[]){"ping", "-c", "1", list, NULL}), 1);
	expect_said("1 sent, 1 answered");
	expect_said("127.0.0.1:1: cannot connect");
}

static const char *const asking[] = {"ping", "status", "bench", "devices", "top"};
#define N_ASKING (sizeof(asking) / sizeof(asking[0]))

/* devices and top print a list of servers. */
static void expect_member(size_t verb, const char *name, const char *expected)
{
	char path[64];
	snprintf(path, sizeof(path), "%s%s", verb < 3 ? "" : "servers.0.", name);
	if (expected)
		expect_text(path, expected);
	else if (!json_get(out, path, value, sizeof(value)))
		fail_msg("%s: no %s in: %s", asking[verb], path, out);
}

static void server_is_the_same_object_in_every_tool(void **state)
{
	(void)state;
	static const char *const quick[N_ASKING] = {"-c1", "-W5", "-t0.02", "-W5", "-W5"};
	for (size_t i = 0; i < N_ASKING; i++) {
		assert_int_equal(run((const char *const[]){asking[i], "-j", quick[i], endpoint, NULL}), 0);
		assert_true(json_is_valid(out));
		expect_member(i, "endpoint", endpoint);
		expect_member(i, "error", "null");
		expect_member(i, "server.protocol", "8.0.0");
		expect_member(i, "server.dialect", "8.0.0");
		expect_member(i, "server.ggwire", "true");
		expect_member(i, "server.transport", "tcp");
		expect_member(i, "server.peer", endpoint);
		expect_member(i, "server.text", NULL);
		expect_member(i, "server.version", NULL);
		expect_member(i, "server.why_not_rdma", NULL);
	}
}

/* Clients accept the options that the server prints. */
static void printed_client_options_work(void **state)
{
	(void)state;
	struct serving s;
	char line[GW_ENDPOINT_MAX + 64], at[GW_ENDPOINT_MAX];
	snprintf(line, sizeof(line), "  clients use    : --rpc %s (on this machine only", endpoint);
	assert_non_null(strstr(server.log, line));
	serving_start(&s, (const char *const[]){"-d", "CPU", "-H", "0.0.0.0", "-p", "0", NULL});
	serving_endpoint(&s, at, sizeof(at));
	snprintf(line, sizeof(line), "to TCP port %s", strrchr(at, ':') + 1);
	assert_non_null(strstr(s.log, line));
	assert_non_null(strstr(s.log, "  host name      : "));
	serving_end(&s);
}

static void failures_are_json_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ASKING; i++) {
		char command[512];
		snprintf(command, sizeof(command), "%s %s --json 127.0.0.1:1 2>/dev/null", GGWIRE_PROGRAM, asking[i]);
		FILE *said = popen(command, "r");
		assert_non_null(said);
		out[fread(out, 1, sizeof(out) - 1, said)] = '\0';
		assert_int_equal(pclose(said), 1 << 8);
		assert_true(json_is_valid(out));
		expect_member(i, "endpoint", "127.0.0.1:1");
		expect_member(i, "server", "null");
		expect_member(i, "error", NULL);
		expect_said("cannot connect");
	}
}

static void older_servers_are_pinged(void **state)
{
	(void)state;
	struct serving s;
	char old[GW_ENDPOINT_MAX];
	serving_start(&s, (const char *const[]){"-d", "CPU", "--listen", "127.0.0.1:0,proto=4.0", NULL});
	serving_endpoint(&s, old, sizeof(old));
	assert_int_equal(run((const char *const[]){"ping", "-j", "-c", "2", "-i", "0", old, NULL}), 0);
	serving_end(&s);
	expect_text("server.protocol", "4.0.0");
	expect_text("server.dialect", "4.0.0");
}

static void devices_are_numbered_over_all_servers(void **state)
{
	(void)state;
	struct serving others[2];
	char second[GW_ENDPOINT_MAX], third[GW_ENDPOINT_MAX], list[3 * GW_ENDPOINT_MAX + 3];
	for (size_t i = 0; i < 2; i++) {
		serving_start(&others[i], (const char *const[]){"-d", "CPU", "-p", "0", "--max-memory", "64M", NULL});
		serving_endpoint(&others[i], i ? third : second, sizeof(second));
	}
	snprintf(list, sizeof(list), "%s,%s,%s", endpoint, second, third);

	assert_int_equal(run((const char *const[]){"devices", list, NULL}), 0);
	expect_said("  RPC0 ");
	expect_said("  RPC1 ");
	expect_said("  RPC2 ");
	expect_said("60.0 MiB free of   64.0 MiB");
	char command[5 * GW_ENDPOINT_MAX];
	snprintf(command, sizeof(command), "\nllama-cli -m MODEL.gguf -ngl 99 --rpc %s -ts ", list);
	expect_said(command);
	expect_said(",60,60\n");

	assert_int_equal(run((const char *const[]){"devices", "--json", endpoint, second, third, NULL}), 0);
	serving_end(&others[0]);
	serving_end(&others[1]);
	assert_true(json_is_valid(out));
	expect_text("servers.0.devices.0.name", "RPC0");
	expect_text("servers.1.devices.0.name", "RPC1");
	expect_text("servers.2.devices.0.name", "RPC2");
	expect_text("servers.2.devices.0.there", "CPU");
	assert_true(json_number(out, "servers.2.devices.0.memory_free_bytes") == 60 << 20);
}

static void an_unreachable_server_hides_no_other(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){"devices", endpoint, "127.0.0.1:1", NULL}), 1);
	expect_said("  RPC0 ");
	expect_said("127.0.0.1:1: Connection refused");
	assert_int_equal(run((const char *const[]){"devices", "-j", "127.0.0.1:1", NULL}), 1);
	expect_said("\"command\":null");
}

static void bench_measures_everything(void **state)
{
	(void)state;
	static const char *const positive[] = {"round_trip_ms.avg", "upload.bytes_per_second",
		"download.bytes_per_second", "connection_upload.bytes_per_second",
		"connection_download.bytes_per_second", "graph_ms.avg", "seconds"};
	assert_int_equal(run((const char *const[]){"bench", "-j", "-t", "0.05", endpoint, NULL}), 0);
	assert_true(json_is_valid(out));
	expect_text("runs.0.transport", "TCP");
	expect_text("error", "null");
	for (size_t i = 0; i < sizeof(positive) / sizeof(positive[0]); i++) {
		char path[64];
		snprintf(path, sizeof(path), "runs.0.%s", positive[i]);
		if (json_number(out, path) <= 0)
			fail_msg("%s is not positive in: %s", path, out);
	}
	assert_int_equal(run((const char *const[]){"bench", "-t", "0.05", endpoint, NULL}), 0);
	expect_said("graph of 64 small additions");
	expect_said("of the connection alone");
}

/* Measurements fit into a server with the minimum of memory. */
static void bench_needs_little_memory(void **state)
{
	(void)state;
	struct serving s;
	char small[GW_ENDPOINT_MAX];
	serving_start(&s, (const char *const[]){"-d", "CPU", "-p", "0", "--max-memory", "5M", NULL});
	serving_endpoint(&s, small, sizeof(small));
	assert_int_equal(run((const char *const[]){"bench", "-t", "0.02", small, NULL}), 0);
	serving_end(&s);
	serving_start(&s, (const char *const[]){"-d", "CPU", "-p", "0", "--max-memory", "1M", NULL});
	serving_endpoint(&s, small, sizeof(small));
	assert_int_equal(run((const char *const[]){"bench", "-t", "0.02", small, NULL}), 1);
	serving_end(&s);
	expect_said("cannot allocate a buffer of 4194304 bytes on device 0");
}

static void bench_reports_what_it_cannot_measure(void **state)
{
	(void)state;
	struct impostor peer;
	assert_int_equal(run((const char *const[]){"bench", "-t", "0.02", "-d", "1", endpoint, NULL}), 1);
	expect_said("has 1 device, and no device 1");
	assert_int_equal(run((const char *const[]){"bench", "-j", "127.0.0.1:1", NULL}), 1);
	expect_said("\"runs\":[]");
	expect_said("Connection refused");
	impostor_start(&peer, IMPOSTOR_STEERING);
	assert_int_equal(run((const char *const[]){"bench", "-t", "0.02", peer.endpoint, NULL}), 1);
	impostor_stop(&peer);
	expect_said("connection lost");
	impostor_start(&peer, IMPOSTOR_LYING);
	assert_int_equal(run((const char *const[]){"bench", "-t", "0.02", peer.endpoint, NULL}), 1);
	impostor_stop(&peer);
	expect_said("returns different bytes than it was given");
}

/* Only silent peers have a short time-out: a busy machine is slow, too. */
struct wrong_peer {
	enum impostor_kind kind;
	const char *timeout;
	const char *says;
};

static const struct wrong_peer wrong_peers[] = {
	{IMPOSTOR_HTTP, "15", "is not an RPC server"},
	{IMPOSTOR_SILENT, "0.5", "does not answer"},
	{IMPOSTOR_HANG_UP, "15", "closed the connection when it received HELLO"},
	{IMPOSTOR_RESET, "15", "closed the connection when it received HELLO"},
	{IMPOSTOR_FUTURE, "15",
		"speaks RPC protocol 9.0.0, but this client supports only 4.0.0 to 8.0.0: update the client"},
	{IMPOSTOR_MUTE, "3", "has not replied for 3.0 s"},
	{IMPOSTOR_LEAVING, "15", "connection lost"},
};

static void wrong_peers_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong_peers) / sizeof(wrong_peers[0]); i++) {
		struct impostor peer;
		impostor_start(&peer, wrong_peers[i].kind);
		int rc = run(
			(const char *const[]){"ping", "-c", "1", "-W", wrong_peers[i].timeout, peer.endpoint, NULL});
		impostor_stop(&peer);
		if (rc != 1 || !strstr(out, wrong_peers[i].says))
			fail_msg("case %zu: exit status %d, expected '%s' in: %s", i, rc, wrong_peers[i].says, out);
	}
}

static void unreachable_servers_are_named(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){"ping", "127.0.0.1:1", NULL}), 1);
	expect_said("127.0.0.1:1: Connection refused");
	assert_int_equal(run((const char *const[]){"ping", "unix:/nonexistent/socket", NULL}), 1);
	expect_said("/nonexistent/socket: No such file or directory");
}

static void doctor_finds_servers_that_are_well(void **state)
{
	(void)state;
	/* The findings about this machine do not matter. */
	int rc = run((const char *const[]){"doctor", endpoint, NULL});
	assert_true(rc == 0 || rc == 1);
	expect_said("accepts connections");
	expect_said("compatible with this ggwire");
	expect_said("round trip ");
	assert_null(strstr(out, "problem  path"));
	expect_said(rc == 0 ? "\nsummary: all " : "\nsummary: ");
	rc = run((const char *const[]){"doctor", "--json", endpoint, NULL});
	expect_text("good", rc == 0 ? "true" : "false");
	assert_true(json_is_valid(out));
	expect_text("findings.0.area", "ggml");
}

static void doctor_tells_failures_apart(void **state)
{
	(void)state;
	struct impostor peer;
	assert_int_equal(run((const char *const[]){"doctor", "127.0.0.1:1", NULL}), 1);
	expect_said("problem  path     127.0.0.1:1: Connection refused");
	expect_said("start ggwire serve");
	assert_null(strstr(out, "summary: 0 problems"));
	assert_null(strchr(strstr(out, "\nsummary: ") + 1, '\n')[1] ? out : NULL);
	assert_int_equal(run((const char *const[]){"doctor", "nothing.invalid:50052", NULL}), 1);
	expect_said("problem  path     cannot find the address of");
	for (size_t i = 0; i < sizeof(wrong_peers) / sizeof(wrong_peers[0]) - 2; i++) {
		impostor_start(&peer, wrong_peers[i].kind);
		int rc = run((const char *const[]){"doctor", "-W", wrong_peers[i].timeout, peer.endpoint, NULL});
		impostor_stop(&peer);
		if (rc != 1 || !strstr(out, wrong_peers[i].says))
			fail_msg("case %zu: exit status %d, expected '%s' in: %s", i, rc, wrong_peers[i].says, out);
	}
}

/* Only newlines, and no other control characters, reach a terminal. */
static void expect_harmless(void)
{
	for (const unsigned char *p = (const unsigned char *)out; *p; p++)
		if ((*p < 0x20 && *p != '\n') || *p == 0x7f || *p == 0xff || *p == 0x9b)
			fail_msg("byte %02x in: %s", *p, out);
	assert_null(strstr(out, "\xe2\x80\xae"));
}

static void texts_of_a_server_cannot_control_the_terminal(void **state)
{
	(void)state;
	struct impostor peer;
	impostor_start(&peer, IMPOSTOR_STEERING);
	assert_int_equal(run((const char *const[]){"ping", "-c", "1", peer.endpoint, NULL}), 0);
	expect_harmless();
	assert_int_equal(run((const char *const[]){"devices", peer.endpoint, NULL}), 0);
	expect_harmless();
	expect_said("a?]0;owned???31m?");
	(void)run((const char *const[]){"doctor", peer.endpoint, NULL});
	expect_harmless();
	assert_int_equal(run((const char *const[]){"ping", "-j", "-c", "1", peer.endpoint, NULL}), 0);
	expect_harmless();
	assert_true(json_is_valid(out));
	assert_int_equal(run((const char *const[]){"devices", "-j", peer.endpoint, NULL}), 0);
	impostor_stop(&peer);
	expect_harmless();
	assert_true(json_is_valid(out));
	expect_text("servers.0.devices.0.there", "?[2J\\u0022}\\u005c?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ping_counts_round_trips),
		cmocka_unit_test(quiet_ping_has_no_line_for_each),
		cmocka_unit_test(ping_speaks_json),
		cmocka_unit_test(ping_ends_with_its_summary_when_interrupted),
		cmocka_unit_test(ping_works_over_unix_sockets),
		cmocka_unit_test(servers_come_from_the_environment),
		cmocka_unit_test(lists_have_commas_or_blanks),
		cmocka_unit_test(printed_client_options_work),
		cmocka_unit_test(server_is_the_same_object_in_every_tool),
		cmocka_unit_test(failures_are_json_too),
		cmocka_unit_test(older_servers_are_pinged),
		cmocka_unit_test(devices_are_numbered_over_all_servers),
		cmocka_unit_test(an_unreachable_server_hides_no_other),
		cmocka_unit_test(bench_measures_everything),
		cmocka_unit_test(bench_needs_little_memory),
		cmocka_unit_test(bench_reports_what_it_cannot_measure),
		cmocka_unit_test(wrong_peers_are_named),
		cmocka_unit_test(doctor_finds_servers_that_are_well),
		cmocka_unit_test(doctor_tells_failures_apart),
		cmocka_unit_test(unreachable_servers_are_named),
		cmocka_unit_test(texts_of_a_server_cannot_control_the_terminal),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
