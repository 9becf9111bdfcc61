/* A thread that computes one graph at a time, for devices whose computation occupies the calling thread. */
#ifndef GW_DEVICE_EXECUTOR_H
#define GW_DEVICE_EXECUTOR_H

#include <stdint.h>

#include <ggml-backend.h>

#include "base/status.h"

struct gw_executor;

/* Starts the thread, which sleeps until it is given work. GW_ERR_NOMEM, GW_ERR_SYSTEM. */
enum gw_status gw_executor_new(struct gw_executor **out);

/* Waits for the graph that is being computed, then ends the thread. NULL is fine. */
void gw_executor_free(struct gw_executor *e);

/* Begins to compute and returns at once. Until gw_executor_wait has returned, neither the backend may be used nor the
 * graph or its tensors' memory touched, and no other graph be given. */
void gw_executor_start(struct gw_executor *e, ggml_backend_t backend, struct ggml_cgraph *graph);

/* Blocks until the graph is computed. Sets *took, the nanoseconds that it took. */
enum ggml_status gw_executor_wait(struct gw_executor *e, uint64_t *took);

#endif
