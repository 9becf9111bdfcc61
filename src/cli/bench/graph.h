/* A small graph whose result is known: a chain of additions. */
#ifndef GW_CLI_BENCH_GRAPH_H
#define GW_CLI_BENCH_GRAPH_H

#include "base/buf.h"
#include "cli/bench/buffer.h"

#define GW_BENCH_GRAPH_NODES 64
#define GW_BENCH_GRAPH_ELEMENTS 1024
#define GW_BENCH_GRAPH_TENSOR (GW_BENCH_GRAPH_ELEMENTS * 4)

/* Bytes of a buffer that it needs. */

/* Writes the inputs and computes it once. */
enum gw_status gw_bench_graph_start(const struct gw_bench_buffer *b, struct gw_error *err);

/* Computes it again, and reads one element of the result. GW_ERR_COMPUTE if that is not what it should be. */
enum gw_status gw_bench_graph_again(const struct gw_bench_buffer *b, struct gw_error *err);

#endif
