/* Status requests over HTTP from another machine need the token. This machine's own address plays the other machine. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

static struct serving s;
static char path[64];

static void put(const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/gw-token-%ld", (long)getpid());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	unlink(path);
	return 0;
}

/* A non-loopback IPv4 address of this machine. */
static bool own_address(struct in_addr *out)
{
	struct ifaddrs *list;
	bool found = false;
	if (getifaddrs(&list))
		return false;
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		*out = ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr;
		found = ntohl(out->s_addr) >> 24 != 127;
	}
	freeifaddrs(list);
	return found;
}

/* Requests the status at this address. Returns the status code of the reply. */
static int ask(struct in_addr address, uint16_t port, const char *header)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
	char request[256], answer[64] = "";
	int status = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	int n = snprintf(request, sizeof(request), "GET /status.json HTTP/1.0\r\n%s\r\n", header);
	assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
	assert_true(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
	close(fd);
	assert_int_equal(sscanf(answer, "HTTP/1.1 %d", &status), 1);
	return status;
}

static void other_machines_need_the_token(void **state)
{
	(void)state;
	struct in_addr own, loopback = {htonl(INADDR_LOOPBACK)};
	put(TOKEN "\n", 0600);
	const char *args[] = {"-p", "0", "--http", "0.0.0.0:0", "--http-token-file", path, NULL};
	serving_start(&s, args);
	const char *at = strstr(s.log, "status page: http://0.0.0.0:");
	assert_non_null(at);
	uint16_t port = (uint16_t)atoi(at + strlen("status page: http://0.0.0.0:"));
	assert_null(strstr(s.log, "anyone who reaches"));
	assert_int_equal(ask(loopback, port, ""), 200);
	if (!own_address(&own))
		skip();
	assert_int_equal(ask(own, port, ""), 401);
	assert_int_equal(ask(own, port, "Authorization: Bearer " TOKEN "\r\n"), 200);
	assert_int_equal(ask(own, port, "Authorization: bearer " TOKEN "\r\n"), 200);
	assert_int_equal(ask(own, port, "Authorization: Bearer " TOKEN "0\r\n"), 401);
	assert_int_equal(ask(own, port, "Authorization: Bearer 1123456789abcdef0123456789abcdef\r\n"), 401);
	assert_int_equal(ask(own, port, "Authorization: Bearer \r\n"), 401);
	assert_int_equal(ask(own, port, "Authorization: Basic " TOKEN "\r\n"), 401);
}

static void bad_token_files_prevent_the_start(void **state)
{
	(void)state;
	static char out[4096];
	static const struct {
		const char *text;
		mode_t mode;
		const char *says;
	} bad[] = {
		{TOKEN, 0644, "chmod 600"},
		{"short", 0600, "16 to 128 characters"},
		{TOKEN " " TOKEN, 0600, "without blanks"},
		{TOKEN "\n" TOKEN "\n", 0600, "one line"},
		{"", 0600, "one line"},
	};
	const char *args[] = {"serve", "-p", "0", "--http", "0", "--http-token-file", path, NULL};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i].text, bad[i].mode);
		assert_int_equal(serving_run("ggwire", args, out, sizeof(out)), 1);
		if (!strstr(out, bad[i].says) || !strstr(out, "--http-token-file"))
			fail_msg("case %zu: %s", i, out);
	}
	unlink(path);
	assert_int_equal(serving_run("ggwire", args, out, sizeof(out)), 1);
	const char *alone[] = {"serve", "-p", "0", "--http-token-file", path, NULL};
	assert_int_equal(serving_run("ggwire", alone, out, sizeof(out)), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(other_machines_need_the_token, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_token_files_prevent_the_start, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
