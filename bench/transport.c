/* Measures a ggwire connection between two processes of this machine over TCP: half round trips, a stream, and
 * exchanges of as many bytes in both directions. Prints key=value lines: microseconds (medians), and MB/s. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "transport/list/endpoint.h"
#include "transport/list/exchange.h"
#include "transport/list/transports.h"

enum {
	ROUNDS = 5000,
	BIG_ROUNDS = 300
};
#define BIG ((size_t)1 << 20)

static uint8_t *out, *in;

static void must(bool ok)
{
	if (!ok)
		die("the connection broke");
}

static void send_bytes(struct gw_transport *t, size_t n)
{
	const struct iovec iov = {out, n};
	must(t->ops->sendv(t, &iov, 1, NULL) == GW_OK);
}

static void receive_bytes(struct gw_transport *t, size_t n)
{
	const struct iovec iov = {in, n};
	size_t got;
	must(t->ops->recvv(t, &iov, 1, n, &got, NULL) == GW_OK);
}

static double ping(struct gw_transport *t, bool first, size_t n)
{
	static double took[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		double start = now_us();
		if (first)
			send_bytes(t, n);
		receive_bytes(t, n);
		if (!first)
			send_bytes(t, n);
		took[i] = now_us() - start;
	}
	return median(took, ROUNDS) / 2;
}

static double exchange(struct gw_transport *t, bool first, size_t n, size_t rounds)
{
	static double took[ROUNDS];
	const struct gw_flow x = {.t = t, .out = {{out, n}}, .in = {{in, n}}, .sends_first = first};
	for (size_t i = 0; i < rounds; i++) {
		double start = now_us();
		must(gw_transport_exchange(&x, 1, NULL, NULL) == GW_OK);
		took[i] = now_us() - start;
	}
	return median(took, rounds);
}

static double stream(struct gw_transport *t, bool first)
{
	double start = now_us();
	for (int i = 0; i < BIG_ROUNDS; i++)
		if (first)
			send_bytes(t, BIG);
		else
			receive_bytes(t, BIG);
	if (first)
		receive_bytes(t, 1);
	else
		send_bytes(t, 1);
	return (double)BIG * BIG_ROUNDS / (now_us() - start);
}

static void run(struct gw_transport *t, bool first)
{
	const double results[] = {ping(t, first, 64), ping(t, first, 16384), stream(t, first),
		exchange(t, first, 16384, ROUNDS), exchange(t, first, BIG, BIG_ROUNDS)};
	static const char *const names[] = {
		"half_rtt_64", "half_rtt_16384", "stream", "exchange_16384", "exchange_1048576"};
	for (size_t i = 0; first && i < sizeof(results) / sizeof(results[0]); i++)
		printf("%s=%.4g\n", names[i], results[i]);
}

int main(void)
{
	struct gw_endpoint ep, bound;
	struct gw_transport *t;
	int listener, fd;
	out = calloc(1, BIG);
	in = calloc(1, BIG);
	if (!out || !in || gw_endpoint_parse("127.0.0.1:0", true, &ep, NULL) ||
		gw_transport_listen(&ep, 1, &listener, &bound, NULL))
		die("cannot listen");
	pid_t child = fork();
	if (child == 0) {
		must(gw_transport_dial(&bound, 5000, &t, NULL) == GW_OK);
		run(t, false);
		return 0;
	}
	while (gw_transport_accept(listener, &fd))
		usleep(1000);
	must(gw_transport_from_fd(fd, &t, NULL) == GW_OK);
	run(t, true);
	return child < 0 || waitpid(child, NULL, 0) != child;
}
