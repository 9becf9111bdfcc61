/* Graphs on ggml's own CPU device, in scratch memory of this server: it is known beforehand how much a graph takes, it
 * counts as the client's, and it holds nothing but what this client's graphs have put there. (The backend's own would
 * come from the heap, of any size and with whatever was there.) */
#ifndef GW_DEVICE_MEMORY_CPU_H
#define GW_DEVICE_MEMORY_CPU_H

#include <stdatomic.h>
#include <stdbool.h>

#include <ggml-backend.h>

#include "base/status.h"
#include "device/memory/budget.h"
#include "device/memory/host_memory.h"

struct gw_cpu;

/* Whether dev is ggml's CPU device. */
bool gw_cpu_is(ggml_backend_dev_t dev);

/* Makes what computes on dev, a CPU device whose backend has been initialised. n_threads is that of
 * gw_server_options. Scratch memory is taken from budget, which must outlive the result; NULL = no bound.
 * GW_ERR_UNSUPPORTED if this ggml does not let us plan its graphs; GW_ERR_NOMEM. */
enum gw_status gw_cpu_new(ggml_backend_dev_t dev, int n_threads, struct gw_budget *budget, struct gw_cpu **out);

/* Nothing may be under way. NULL is fine. */
void gw_cpu_free(struct gw_cpu *cpu);

/* Plans a graph: finds out how much scratch memory it needs, and takes what the graphs before have not. Nothing may be
 * under way. GW_ERR_LIMIT, GW_ERR_NOMEM. */
enum gw_status gw_cpu_plan(struct gw_cpu *cpu, const struct ggml_cgraph *graph, struct gw_error *err);

/* The scratch memory that there is; for tests. */
const struct gw_host_memory *gw_cpu_scratch(const struct gw_cpu *cpu);

/* Computes the graph that was planned last, or a part of it. Between two of its nodes, *stop ends it with
 * GGML_STATUS_ABORTED. Blocks.
 */
enum ggml_status gw_cpu_compute(struct gw_cpu *cpu, struct ggml_cgraph *graph, const atomic_bool *stop);

#endif
