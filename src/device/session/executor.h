/* A thread that computes one graph at a time, for devices whose computation occupies the thread that computes. */
#ifndef GW_DEVICE_SESSION_EXECUTOR_H
#define GW_DEVICE_SESSION_EXECUTOR_H

#include <stdint.h>

#include <ggml-backend.h>

#include "base/status.h"
#include "device/graph/graph_object.h"

struct gw_executor;

/* Starts the thread, which sleeps until it is given work. GW_ERR_NOMEM, GW_ERR_SYSTEM. */
enum gw_status gw_executor_new(struct gw_executor **out);

/* Waits for the graph that is being computed, then ends the thread. NULL is fine. */
void gw_executor_free(struct gw_executor *e);

/* Computes a graph and says how that ended, and why where the server stopped it. */
typedef enum ggml_status (*gw_executor_job)(void *arg, struct gw_error *why);

/* Has the thread call job with arg, and returns at once. Until gw_executor_wait has returned, nothing that job uses may
 * be touched, and no other job may be given. */
void gw_executor_start(struct gw_executor *e, gw_executor_job job, void *arg);

/* Blocks until the graph is computed. Sets *took, the nanoseconds that it took, and *why, where a later part was found
 * to be one that must not be computed. */
enum ggml_status gw_executor_wait(struct gw_executor *e, uint64_t *took, struct gw_error *why);

#endif
