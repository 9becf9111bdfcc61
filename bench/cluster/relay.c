/* bench-relay: a command-line program for the network of the simulated cluster. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/switch.h"

enum {
	EXIT_USAGE = 2,
	LINE = 256
};

static _Noreturn void usage(void)
{
	fputs("Usage: bench-relay BASE MACHINES PORT [PORT...]\n"
	      "\n"
	      "The network between the machines of a simulated cluster, all of which are addresses of this one: "
	      "machine 3\n"
	      "of BASE 127.50.60.0 listens on 127.50.60.103, and is reached through this program at 127.50.60.3.\n"
	      "Takes commands from standard input, ends with it, and answers each with a line:\n"
	      "\n"
	      "  pace US RATE   from now on bytes take US microseconds one way, at RATE bytes a second and link\n"
	      "  free           from now on they are passed on at once, as at first\n"
	      "  counts         bytes of the client and between servers that were paced since the last time, and by "
	      "how\n"
	      "                 much pieces were late\n",
		stderr);
	exit(EXIT_USAGE);
}

static void command(struct switch_ctx *ctx, const char *line)
{
	double latency_us, rate;

	if (sscanf(line, "pace %lf %lf", &latency_us, &rate) == 2 && latency_us >= 0 && latency_us < 1e7 && rate >= 1) {
		switch_pace(ctx, &(struct pace){(int64_t)(latency_us * 1e3), rate});
		puts("ok");
	} else if (strcmp(line, "free") == 0) {
		switch_pace(ctx, NULL);
		puts("ok");
	} else if (strcmp(line, "counts") == 0) {
		struct switch_counts c = switch_counts(ctx);
		printf("client=%" PRIu64 " between=%" PRIu64 " late_median_us=%.1f late_most_us=%.1f\n", c.client,
			c.between, c.late_median_us, c.late_most_us);
	} else {
		printf("unknown command '%s'\n", line);
	}
}

/* Serves until standard input ends. */
static void serve(struct switch_ctx *ctx)
{
	char line[LINE];
	size_t length = 0;

	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	for (;;) {
		switch_run(ctx, STDIN_FILENO);
		ssize_t got = read(STDIN_FILENO, line + length, sizeof(line) - 1 - length);
		if (got == 0 || length + (size_t)(got > 0 ? got : 0) == sizeof(line) - 1)
			return;
		length += got > 0 ? (size_t)got : 0;
		line[length] = 0;
		for (char *end; (end = strchr(line, '\n'));) {
			*end = 0;
			command(ctx, line);
			length -= (size_t)(end + 1 - line);
			memmove(line, end + 1, length + 1);
		}
	}
}

int main(int argc, char **argv)
{
	struct in_addr base;
	uint16_t ports[8];
	long machines;
	size_t n = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4 || argc > 3 + 4 || inet_pton(AF_INET, argv[1], &base) != 1)
		usage();
	machines = strtol(argv[2], NULL, 10);
	for (int i = 3; i < argc; i++)
		ports[n++] = (uint16_t)strtoul(argv[i], NULL, 10);
	if (machines < 1 || machines > SWITCH_MACHINES || (ntohl(base.s_addr) >> 24) != 127)
		usage();
	struct switch_ctx *ctx = switch_new(ntohl(base.s_addr), (size_t)machines, ports, n);
	if (!ctx)
		return EXIT_FAILURE;
	puts("ready");
	serve(ctx);
	switch_free(ctx);
	return EXIT_SUCCESS;
}
