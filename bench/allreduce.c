/* Measures all-reduces between two servers, called as ggml's meta backend calls them, and the copy of a hidden state
 * from one to the other, next to what TCP achieves on this machine at the same time. Prints key=value lines with times
 * in microseconds, and no line for what the plug-in does not support. */
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>

#include "measure.h"
#include "remote.h"
#include "tcp.h"

enum {
	RANKS = 2,
	QUEUED = 8, /* consecutive all-reduces */
	MAX_ROUNDS = 1000,
	WARM = 3,
	PING_BYTES = 64,
	PINGS = 2000,
	EXIT_USAGE = 2
};
#define STREAM_BYTES ((size_t)256 << 20)

/* One rank: a tensor that is reduced or copied, and a graph of almost no work. */
struct rank {
	ggml_backend_t backend;
	struct ggml_context *context;
	ggml_backend_buffer_t buffer;
	struct ggml_tensor *tensor, *one, *twice;
	struct ggml_cgraph *graph;
};

struct options {
	const char *plugin, *servers[RANKS];
	int rounds;
};

/* The plug-in's exported functions for all-reduces. */
static struct {
	ggml_backend_comm_init_t init;
	ggml_backend_comm_free_t free;
	ggml_backend_comm_allreduce_tensor_t allreduce;
} comm;

static void comm_find(ggml_backend_t backend)
{
	ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend));
	comm.init = (ggml_backend_comm_init_t)ggml_backend_reg_get_proc_address(reg, "ggml_backend_comm_init");
	comm.free = (ggml_backend_comm_free_t)ggml_backend_reg_get_proc_address(reg, "ggml_backend_comm_free");
	comm.allreduce = (ggml_backend_comm_allreduce_tensor_t)ggml_backend_reg_get_proc_address(
		reg, "ggml_backend_comm_allreduce_tensor");
}

static void rank_build(struct rank *r, ggml_backend_t backend, size_t bytes)
{
	struct ggml_init_params params = {
		.mem_size = 8 * ggml_tensor_overhead() + ggml_graph_overhead(),
		.no_alloc = true,
	};
	*r = (struct rank){.backend = backend, .context = ggml_init(params)};
	if (!r->context)
		die("out of memory");
	r->tensor = ggml_new_tensor_1d(r->context, GGML_TYPE_F32, (int64_t)(bytes / sizeof(float)));
	r->one = ggml_new_tensor_1d(r->context, GGML_TYPE_F32, 1);
	r->twice = ggml_add(r->context, r->one, r->one);
	r->graph = ggml_new_graph(r->context);
	ggml_build_forward_expand(r->graph, r->twice);
	/* Without this flag a rank counts as having computed nothing. */
	r->tensor->flags |= GGML_TENSOR_FLAG_COMPUTE;
	r->buffer = ggml_backend_alloc_ctx_tensors(r->context, backend);
	if (!r->buffer)
		die("no memory on the remote device");
	ggml_backend_buffer_clear(r->buffer, 0);
}

static void rank_free(struct rank *r)
{
	ggml_backend_buffer_free(r->buffer);
	ggml_free(r->context);
}

/* Waits until the server has done everything: it answers a read after all earlier requests. */
static void rank_await(const struct rank *r)
{
	float value;
	ggml_backend_tensor_get(r->tensor, &value, 0, sizeof value);
}

static void rank_compute(const struct rank *r)
{
	if (ggml_backend_graph_compute_async(r->backend, r->graph) != GGML_STATUS_SUCCESS)
		die("a graph was refused");
}

/* Small integers, which BF16 represents exactly. */
static float value_of(size_t rank, size_t i)
{
	return (float)((i * 7 + rank * 13) % 100);
}

static void rank_fill(const struct rank *r, size_t rank, float *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		values[i] = value_of(rank, i);
	ggml_backend_tensor_set(r->tensor, values, 0, n * sizeof *values);
}

/* Checks the result: measuring a wrong one would be worthless. */
static void rank_expect(const struct rank *r, bool sum, float *values, size_t n)
{
	ggml_backend_tensor_get(r->tensor, values, 0, n * sizeof *values);
	for (size_t i = 0; i < n; i++) {
		float expected = value_of(0, i) + (sum ? value_of(1, i) : 0);
		if (values[i] < expected || values[i] > expected)
			die("the servers computed a wrong result");
	}
}

static void ranks_clear(const struct rank ranks[RANKS])
{
	for (int j = 0; j < RANKS; j++)
		ggml_backend_buffer_clear(ranks[j].buffer, 0);
}

/* Posts that many consecutive all-reduces. Returns the microseconds until both servers are done. */
static double reduce(void *ctx, const struct rank ranks[RANKS], int count)
{
	struct ggml_tensor *tensors[RANKS] = {ranks[0].tensor, ranks[1].tensor};
	double start = now_us();
	for (int i = 0; i < count; i++)
		if (!comm.allreduce(ctx, tensors))
			die("the plug-in refuses the all-reduce");
	for (int j = 0; j < RANKS; j++)
		rank_await(&ranks[j]);
	return now_us() - start;
}

static void measure_reduce(void *ctx, ggml_backend_t backends[RANKS], size_t bytes, int rounds)
{
	static double once[MAX_ROUNDS], more[MAX_ROUNDS];
	size_t n = bytes / sizeof(float);
	float *values = malloc(bytes);
	struct rank ranks[RANKS];
	if (!values)
		die("out of memory");
	for (size_t j = 0; j < RANKS; j++) {
		rank_build(&ranks[j], backends[j], bytes);
		rank_fill(&ranks[j], j, values, n);
	}
	reduce(ctx, ranks, 1);
	for (int j = 0; j < RANKS; j++)
		rank_expect(&ranks[j], true, values, n);
	ranks_clear(ranks);
	for (int i = -WARM; i < rounds; i++) {
		double one = reduce(ctx, ranks, 1), several = reduce(ctx, ranks, QUEUED + 1);
		if (i >= 0) {
			once[i] = one;
			more[i] = (several - one) / QUEUED;
		}
	}
	printf("reduce_%zu=%.1f\nreduce_queued_%zu=%.1f\n", bytes, median(once, (size_t)rounds), bytes,
		median(more, (size_t)rounds));
	for (int j = 0; j < RANKS; j++)
		rank_free(&ranks[j]);
	free(values);
}

/* Microseconds for the path of a token: a graph on the first server, the copy, a graph on the second; or only the last
 * graph. */
static double path(const struct rank ranks[RANKS], bool whole)
{
	double start = now_us();
	if (whole) {
		rank_compute(&ranks[0]);
		ggml_backend_tensor_copy_async(ranks[0].backend, ranks[1].backend, ranks[0].tensor, ranks[1].tensor);
	}
	rank_compute(&ranks[1]);
	rank_await(&ranks[1]);
	return now_us() - start;
}

static void measure_hop(ggml_backend_t backends[RANKS], size_t bytes, int rounds)
{
	static double times[MAX_ROUNDS];
	size_t n = bytes / sizeof(float);
	float *values = malloc(bytes);
	struct rank ranks[RANKS];
	if (!values)
		die("out of memory");
	for (int j = 0; j < RANKS; j++)
		rank_build(&ranks[j], backends[j], bytes);
	rank_fill(&ranks[0], 0, values, n);
	path(ranks, true);
	rank_expect(&ranks[1], false, values, n);
	for (int i = -WARM; i < rounds; i++) {
		double alone = path(ranks, false), whole = path(ranks, true);
		if (i >= 0)
			times[i] = whole - alone;
	}
	printf("hop_%zu=%.1f\n", bytes, median(times, (size_t)rounds));
	for (int j = 0; j < RANKS; j++)
		rank_free(&ranks[j]);
	free(values);
}

static void measure_limits(void)
{
	int fds[2];
	tcp_pair(NULL, NULL, fds);
	printf("tcp_rtt=%.1f\n", tcp_round_trip_us(fds, PING_BYTES, PINGS, false));
	tcp_pair(NULL, NULL, fds);
	printf("tcp_rtt_apart=%.1f\n", tcp_round_trip_us(fds, PING_BYTES, PINGS, true));
	tcp_pair(NULL, NULL, fds);
	printf("tcp_both=%.3f\n", tcp_both_rate(fds, STREAM_BYTES));
}

static void measure(ggml_backend_t backends[RANKS], int rounds)
{
	static const size_t sizes[] = {16 << 10, 48 << 10, 1 << 20, 10 << 20};
	void *ctx = comm.init && comm.free && comm.allreduce ? comm.init(backends, RANKS) : NULL;
	printf("reduces=%s\n", ctx ? "yes" : "no");
	for (size_t i = 0; ctx && i < sizeof sizes / sizeof *sizes; i++)
		measure_reduce(ctx, backends, sizes[i], sizes[i] < 1 << 20 ? rounds : (rounds + 9) / 10);
	if (ctx)
		comm.free(ctx);
	measure_hop(backends, 16 << 10, rounds);
	measure_hop(backends, 32 << 10, rounds);
}

static void options_parse(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {
		{"plugin", required_argument, NULL, 'l'}, {"rounds", required_argument, NULL, 'r'}, {0}};
	int opt;
	while ((opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (opt == 'l')
			o->plugin = optarg;
		else if (opt == 'r')
			o->rounds = atoi(optarg);
		else
			exit(EXIT_USAGE);
	}
	if (!o->plugin || argc - optind != RANKS || o->rounds < 1 || o->rounds > MAX_ROUNDS) {
		fprintf(stderr, "Usage: bench-allreduce --plugin FILE [--rounds N] HOST:PORT HOST:PORT\n");
		exit(EXIT_USAGE);
	}
	memcpy(o->servers, argv + optind, sizeof o->servers);
}

int main(int argc, char **argv)
{
	struct options options = {.rounds = 200};
	ggml_backend_t backends[RANKS];
	options_parse(&options, argc, argv);
	for (int j = 0; j < RANKS; j++)
		backends[j] = remote_open(options.plugin, options.servers[j]);
	comm_find(backends[0]);
	measure_limits();
	measure(backends, options.rounds);
	for (int j = 0; j < RANKS; j++)
		ggml_backend_free(backends[j]);
	return EXIT_SUCCESS;
}
