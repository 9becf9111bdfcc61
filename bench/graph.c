/* Measures the time that the application's thread needs to submit a graph to a remote device. With --idle it is a
 * connected client that does nothing until its standard input ends. Prints key=value lines. */
#include <getopt.h>
#include <inttypes.h>
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

#include "ggml/abi.h"
#include "ggml/layout.h"
#include "measure.h"
#include "remote.h"

enum {
	WIDTH = 4,
	SEEN = 3,
	MAX_ROUNDS = 1000,
	EXIT_USAGE = 2
};

/* One graph on one device: a chain of additions that ends in start + nodes. */
struct chain {
	ggml_backend_t backend;
	struct ggml_context *context;
	ggml_backend_buffer_t buffer;
	struct ggml_cgraph *graph;
	struct ggml_tensor *start, *one;
	int nodes;
};

struct options {
	const char *plugin, *server;
	int nodes, rounds;
	bool idle;
};

static void chain_build(struct chain *c, ggml_backend_t backend, int nodes)
{
	struct ggml_init_params params = {
		.mem_size = ggml_tensor_overhead() * (size_t)(nodes + 2) +
			    ggml_graph_overhead_custom((size_t)nodes + 2, false),
		.no_alloc = true,
	};
	*c = (struct chain){.backend = backend, .context = ggml_init(params), .nodes = nodes};
	if (!c->context)
		die("out of memory");
	c->graph = ggml_new_graph_custom(c->context, (size_t)nodes + 2, false);
	c->start = ggml_new_tensor_1d(c->context, GGML_TYPE_F32, WIDTH);
	c->one = ggml_new_tensor_1d(c->context, GGML_TYPE_F32, WIDTH);
	struct ggml_tensor *last = c->start;
	for (int i = 0; i < nodes; i++)
		last = ggml_add(c->context, last, c->one);
	ggml_build_forward_expand(c->graph, last);
	c->buffer = ggml_backend_alloc_ctx_tensors(c->context, backend);
	if (!c->buffer)
		die("no memory on the remote device");
}

static void chain_set_inputs(struct chain *c, float start)
{
	float values[WIDTH], ones[WIDTH];
	for (int i = 0; i < WIDTH; i++) {
		values[i] = start;
		ones[i] = 1;
	}
	ggml_backend_tensor_set(c->start, values, 0, sizeof values);
	ggml_backend_tensor_set(c->one, ones, 0, sizeof ones);
}

static void chain_free(struct chain *c)
{
	ggml_backend_buffer_free(c->buffer);
	ggml_free(c->context);
}

/* Submits once. Returns the microseconds until the call returned, and in *total those until the result arrived. Checks
 * the result, because measuring a wrong one would be worthless. */
static double chain_submit(struct chain *c, float expected, double *total)
{
	float values[WIDTH];
	double start = now_us();
	if (ggml_backend_graph_compute_async(c->backend, c->graph) != GGML_STATUS_SUCCESS)
		die("the graph was refused");
	double submitted = now_us();
	ggml_backend_tensor_get(ggml_graph_node(c->graph, -1), values, 0, sizeof values);
	*total = now_us() - start;
	for (int i = 0; i < WIDTH; i++)
		if (values[i] < expected || values[i] > expected)
			die("the device computed a wrong result");
	return submitted - start;
}

/* How the graph is identified to the peer: never (uid 0), as a new one each time, or as the previous one. */
enum naming {
	NAME_NONE,
	NAME_NEW,
	NAME_SAME
};

static void chain_measure(struct chain *c, enum naming naming, const char *key, int rounds)
{
	static double submit[MAX_ROUNDS], total[MAX_ROUNDS];
	static uint64_t uid = UINT64_C(1) << 40;
	float start = (float)naming;
	chain_set_inputs(c, start);
	if (naming == NAME_SAME)
		uid++;
	for (int i = -SEEN; i < rounds; i++) {
		double whole;
		c->graph->uid = naming == NAME_NONE ? 0 : naming == NAME_SAME ? uid : ++uid;
		double own = chain_submit(c, start + (float)c->nodes, &whole);
		if (i >= 0) {
			submit[i] = own;
			total[i] = whole;
		}
	}
	printf("%s=%.1f\n", key, 1e3 * median(submit, (size_t)rounds) / c->nodes);
	printf("%s_done=%.1f\n", key, 1e3 * median(total, (size_t)rounds) / c->nodes);
}

static void idle_until_eof(struct chain *c)
{
	char byte;
	double total;
	chain_set_inputs(c, 0);
	chain_submit(c, (float)c->nodes, &total);
	printf("pid=%ld\n", (long)getpid());
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
}

static void options_parse(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {{"plugin", required_argument, NULL, 'l'},
		{"server", required_argument, NULL, 's'}, {"nodes", required_argument, NULL, 'n'},
		{"rounds", required_argument, NULL, 'r'}, {"idle", no_argument, NULL, 'i'}, {0}};
	int opt;
	while ((opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (opt) {
		case 'l':
			o->plugin = optarg;
			break;
		case 's':
			o->server = optarg;
			break;
		case 'n':
			o->nodes = atoi(optarg);
			break;
		case 'r':
			o->rounds = atoi(optarg);
			break;
		case 'i':
			o->idle = true;
			break;
		default:
			exit(EXIT_USAGE);
		}
	}
	if (!o->plugin || !o->server || o->nodes < 1 || o->nodes > 1 << 20 || o->rounds < 1 || o->rounds > MAX_ROUNDS) {
		fprintf(stderr,
			"Usage: bench-graph --plugin FILE --server HOST:PORT [--nodes N] [--rounds N] [--idle]\n");
		exit(EXIT_USAGE);
	}
}

int main(int argc, char **argv)
{
	struct options options = {.nodes = 2000, .rounds = 100};
	struct gw_error err;
	struct chain chain;
	options_parse(&options, argc, argv);
	const struct gw_abi *abi = gw_abi_get(&err);
	if (!abi || !abi->graph_uid)
		die("the location of the graph uid in this ggml is unknown");
	ggml_backend_t backend = remote_open(options.plugin, options.server);
	chain_build(&chain, backend, options.nodes);
	if (options.idle) {
		idle_until_eof(&chain);
	} else {
		chain_measure(&chain, NAME_NONE, "unnamed", options.rounds);
		chain_measure(&chain, NAME_NEW, "new", options.rounds);
		chain_measure(&chain, NAME_SAME, "cached", options.rounds);
	}
	chain_free(&chain);
	ggml_backend_free(backend);
	return EXIT_SUCCESS;
}
