/* Tests one connection through a plug-in: its speed, the integrity of the data, the cost of idling, and how soon a loss
 * is noticed. Works for any transport, through ggml's public interface. Prints key=value lines. */
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>

#include "measure.h"
#include "remote.h"

enum {
	FLOAT_SIZE = 4,
	PIECE = 8 << 20,
	MAX_ROUNDS = 10000,
	WARM_UP = 10,
	EXIT_USAGE = 2,
	EXIT_LOST = 3 /* the device was lost, as --until-lost expects */
};

struct options {
	const char *plugin, *server;
	int rounds, pieces, idle, until_lost;
	size_t check; /* bytes of the largest piece; 0: no check */
};

/* A remote device with two tensors: large, and small, for which a graph computes twice = small + small. */
struct device {
	ggml_backend_t backend;
	struct ggml_context *context;
	ggml_backend_buffer_t buffer;
	struct ggml_cgraph *graph;
	struct ggml_tensor *small, *twice, *large;
};

static double now_of(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double now(void)
{
	return now_of(CLOCK_MONOTONIC);
}

static void device_open(struct device *d, const struct options *o)
{
	struct ggml_init_params params = {
		.mem_size = 8 * ggml_tensor_overhead() + ggml_graph_overhead(),
		.no_alloc = true,
	};
	d->backend = remote_open(o->plugin, o->server);
	d->context = ggml_init(params);
	if (!d->context)
		die("out of memory");
	d->small = ggml_new_tensor_1d(d->context, GGML_TYPE_F32, 1);
	d->large = ggml_new_tensor_1d(d->context, GGML_TYPE_F32, PIECE / FLOAT_SIZE);
	d->twice = ggml_add(d->context, d->small, d->small);
	d->graph = ggml_new_graph(d->context);
	ggml_build_forward_expand(d->graph, d->twice);
	d->buffer = ggml_backend_alloc_ctx_tensors(d->context, d->backend);
	if (!d->buffer)
		die("no memory on the remote device");
}

static void device_close(struct device *d)
{
	ggml_backend_buffer_free(d->buffer);
	ggml_free(d->context);
	ggml_backend_free(d->backend);
}

static float small_get(const struct ggml_tensor *tensor)
{
	float value = -1;
	ggml_backend_tensor_get(tensor, &value, 0, sizeof value);
	return value;
}

/* ggml_backend_graph_compute, which waits for the result before it is read, and ggml_backend_graph_compute_async, with
 * which llama.cpp computes a token. */
typedef enum ggml_status (*compute_fn)(ggml_backend_t backend, struct ggml_cgraph *graph);

/* Sets, computes and gets. Returns whether the device did all that. */
static bool compute_by(compute_fn compute, const struct device *d, float value)
{
	ggml_backend_tensor_set(d->small, &value, 0, sizeof value);
	if (compute(d->backend, d->graph) != GGML_STATUS_SUCCESS)
		return false;
	float got = small_get(d->twice);
	return got >= 2 * value && got <= 2 * value;
}

static bool compute_once(const struct device *d, float value)
{
	return compute_by(ggml_backend_graph_compute, d, value);
}

static void fill(uint8_t *bytes, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(seed >> 24);
	}
}

/* Sends and receives pieces of sizes around those at which transports split, from and to unaligned addresses. */
static void check_bytes(const struct device *d, uint8_t *out, uint8_t *in, size_t largest)
{
	static const size_t sizes[] = {1, 3, 255, 256, 257, 1023, 4096, 4097, 65535, 65536, 131072, 262143, 262144,
		262145, 524289, 1048576, 3145735, PIECE - 64};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes && sizes[i] <= largest; i++) {
		size_t at = i % 63;
		fill(out + at, sizes[i], (uint32_t)i);
		memset(in, 0, PIECE);
		ggml_backend_tensor_set(d->large, out + at, at, sizes[i]);
		ggml_backend_tensor_get(d->large, in + 63 - at, at, sizes[i]);
		if (memcmp(out + at, in + 63 - at, sizes[i]) != 0) {
			fprintf(stderr, "bench-rdma: %zu bytes do not read back unchanged\n", sizes[i]);
			exit(EXIT_FAILURE);
		}
	}
}

static void check(const struct device *d, size_t largest)
{
	uint8_t *out = malloc(PIECE), *in = malloc(PIECE);
	if (!out || !in)
		die("out of memory");
	check_bytes(d, out, in, largest);
	for (int i = 0; i < 50; i++)
		if (!compute_once(d, (float)i))
			die("the device computed a wrong result");
	free(out);
	free(in);
	puts("check=ok");
}

static void measure_compute(const struct device *d, int rounds, compute_fn compute, const char *name)
{
	static double times[MAX_ROUNDS];
	for (int i = -WARM_UP; i < rounds; i++) {
		double start = now();
		if (!compute_by(compute, d, (float)i))
			die("the device computed a wrong result");
		if (i >= 0)
			times[i] = now() - start;
	}
	print_times(name, 1e6, times, (size_t)rounds);
}

static void measure_latency(const struct device *d, int rounds)
{
	static double reads[MAX_ROUNDS];
	for (int i = -WARM_UP; i < rounds; i++) {
		double start = now();
		float value = small_get(d->small);
		if (i >= 0)
			reads[i] = now() - start;
		(void)value;
	}
	print_times("read", 1e6, reads, (size_t)rounds);
	measure_compute(d, rounds, ggml_backend_graph_compute, "compute");
	measure_compute(d, rounds, ggml_backend_graph_compute_async, "token");
}

/* A small read ends the upload: the server answers it when everything before has arrived. */
static void measure_bandwidth(const struct device *d, int pieces)
{
	uint8_t *bytes = malloc(PIECE);
	if (!bytes)
		die("out of memory");
	fill(bytes, PIECE, 1);
	ggml_backend_tensor_set(d->large, bytes, 0, PIECE);
	small_get(d->small);
	double start = now();
	for (int i = 0; i < pieces; i++)
		ggml_backend_tensor_set(d->large, bytes, 0, PIECE);
	small_get(d->small);
	printf("upload_mb_s=%.1f\n", (double)pieces * PIECE / 1e6 / (now() - start));
	start = now();
	for (int i = 0; i < pieces; i++)
		ggml_backend_tensor_get(d->large, bytes, 0, PIECE);
	printf("download_mb_s=%.1f\n", (double)pieces * PIECE / 1e6 / (now() - start));
	free(bytes);
}

static void idle(const struct device *d, int seconds)
{
	if (!compute_once(d, 1))
		die("the device computed a wrong result");
	double start = now_of(CLOCK_PROCESS_CPUTIME_ID);
	puts("idle=begins");
	fflush(stdout);
	sleep((unsigned)seconds);
	printf("idle_cpu_ms=%.1f\n", 1e3 * (now_of(CLOCK_PROCESS_CPUTIME_ID) - start));
	if (!compute_once(d, 2))
		die("the device computed a wrong result after a pause");
}

/* Works until the device is lost. Prints how long the call took that noticed it. */
static int until_lost(const struct device *d, int seconds)
{
	double begin = now();
	puts("working=1");
	fflush(stdout);
	for (int i = 0; now() - begin < seconds; i++) {
		double start = now();
		if (!compute_once(d, (float)(i % 1000) + 1)) {
			printf("lost_after_s=%.2f\n", now() - start);
			return EXIT_LOST;
		}
	}
	fprintf(stderr, "bench-rdma: the device was not lost in %d s\n", seconds);
	return EXIT_FAILURE;
}

static _Noreturn void usage(void)
{
	fprintf(stderr, "Usage: bench-rdma --plugin FILE --server HOST:PORT [--rounds N] [--pieces N]\n"
			"       bench-rdma --plugin FILE --server HOST:PORT --check BYTES | --idle SECONDS | "
			"--until-lost SECONDS\n");
	exit(EXIT_USAGE);
}

static void options_parse(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {{"plugin", required_argument, NULL, 'l'},
		{"server", required_argument, NULL, 's'}, {"rounds", required_argument, NULL, 'r'},
		{"pieces", required_argument, NULL, 'p'}, {"idle", required_argument, NULL, 'i'},
		{"until-lost", required_argument, NULL, 'u'}, {"check", required_argument, NULL, 'c'}, {0}};
	int opt;
	while ((opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (opt) {
		case 'l':
			o->plugin = optarg;
			break;
		case 's':
			o->server = optarg;
			break;
		case 'r':
			o->rounds = atoi(optarg);
			break;
		case 'p':
			o->pieces = atoi(optarg);
			break;
		case 'i':
			o->idle = atoi(optarg);
			break;
		case 'u':
			o->until_lost = atoi(optarg);
			break;
		case 'c':
			o->check = strtoul(optarg, NULL, 10);
			break;
		default:
			usage();
		}
	}
	if (!o->plugin || !o->server || o->rounds < 1 || o->rounds > MAX_ROUNDS || o->pieces < 1)
		usage();
}

int main(int argc, char **argv)
{
	struct options options = {.rounds = 1000, .pieces = 16};
	struct device device;
	int status = EXIT_SUCCESS;
	options_parse(&options, argc, argv);
	device_open(&device, &options);
	if (options.check) {
		check(&device, options.check);
	} else if (options.idle > 0) {
		idle(&device, options.idle);
	} else if (options.until_lost > 0) {
		status = until_lost(&device, options.until_lost);
	} else {
		measure_latency(&device, options.rounds);
		measure_bandwidth(&device, options.pieces);
	}
	device_close(&device);
	return status;
}
