/* bench-link: measures round trip and rate of a connection between two addresses. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure.h"
#include "tcp.h"

enum {
	EXIT_USAGE = 2,
	PING_BYTES = 64
};

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	if (inet_pton(AF_INET, host, &addr.sin_addr) != 1) {
		fprintf(stderr, "bench-link: '%s' is not an IPv4 address\n", host);
		exit(EXIT_USAGE);
	}
	return addr;
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fputs("Usage: bench-link LISTEN CONNECT PORT ROUNDS BYTES\n"
		      "Prints the round trip of 64 bytes (median of ROUNDS) and the rate of BYTES in both directions "
		      "at once.\n",
			stderr);
		return EXIT_USAGE;
	}
	struct sockaddr_in at = address(argv[1], argv[3]), to = address(argv[2], argv[3]);
	int fds[2];
	tcp_pair(&at, &to, fds);
	printf("rtt_us=%.1f\n", tcp_round_trip_us(fds, PING_BYTES, strtoul(argv[4], NULL, 10), false));
	tcp_pair(&at, &to, fds);
	printf("rate=%.6g\n", tcp_both_rate(fds, strtoul(argv[5], NULL, 10)) * 1e9);
	return EXIT_SUCCESS;
}
