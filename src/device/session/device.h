/* One lent device as one client uses it: its backend, made when first needed, and what it has under way. */
#ifndef GW_DEVICE_SESSION_DEVICE_H
#define GW_DEVICE_SESSION_DEVICE_H

#include <stdbool.h>

#include <ggml-backend.h>

#include "base/status.h"
#include "device/graph/graph_cache.h"
#include "device/memory/budget.h"
#include "device/memory/cpu.h"
#include "device/session/counters.h"
#include "device/session/executor.h"

/* How many graphs tell how fast a device is. */
#define GW_DEVICE_PACES 4

struct gw_communicator;

struct gw_device {
	ggml_backend_dev_t dev;
	int n_threads;
	struct gw_counters *counters; /* lent */
	struct gw_budget *budget;     /* lent: what scratch memory is taken from; NULL = no bound */
	const atomic_bool *stop;      /* lent: set to end what is being computed, where the backend can; may be NULL */
	ggml_backend_t backend;       /* NULL until gw_device_backend */
	struct gw_cpu *cpu;           /* computes in place of the backend; NULL: the backend does. Valid with backend */
	bool async;                   /* the backend copies asynchronously; valid with backend */
	uint64_t held;                /* bytes of the client's buffers on it */
	bool pending;                 /* work was launched and not waited for */
	uint64_t launched_ns;         /* when the first of it was, if it runs by itself; 0 = nothing does */
	unsigned n_launched;          /* graphs of it */
	struct gw_graph_cache graphs;
	struct gw_communicator *communicator; /* with another server's device; NULL = none. The session's */

	/* Of devices that occupy the thread which computes. */
	struct gw_executor *executor;  /* computes long graphs; NULL until there is one */
	struct gw_graph *running;      /* what the executor was given and not waited for */
	double paces[GW_DEVICE_PACES]; /* nanoseconds for each unit of gw_graph_work, of the last graphs */
	size_t n_paces;                /* graphs so far */
	enum ggml_status result;       /* of the graphs so far: the first failure */
	struct gw_error why;           /* set if the server stopped that graph */
};

/* counters count every graph; they must outlive d. budget and stop may be set before the first use. */
void gw_device_init(struct gw_device *d, ggml_backend_dev_t dev, int n_threads, struct gw_counters *counters);

/* Waits for what is under way, then frees graphs and backend. */
void gw_device_free(struct gw_device *d);

/* The device's backend; initialises it at the first call, which may take seconds. GW_ERR_COMPUTE if the device cannot.
 */
enum gw_status gw_device_backend(struct gw_device *d, ggml_backend_t *out, struct gw_error *err);

/* Whether contents can be uploaded while this process goes on. Initialises the backend if need be. */
bool gw_device_uploads_async(struct gw_device *d);

/* Waits for what is under way on this device, and frees the graphs that were kept for it only. */
void gw_device_synchronize(struct gw_device *d);

/* GW_ERR_COMPUTE if a graph that was waited for has failed: the contents of the device's tensors are then undefined. */
enum gw_status gw_device_outcome(const struct gw_device *d, struct gw_error *err);

/* The type of the buffers that clients get on this device. */
ggml_backend_buffer_type_t gw_device_buft(const struct gw_device *d);

/* Launches a graph of this device, which must stay until the device was waited for. Long ones do not keep the caller,
 * unless another one is still under way. GW_ERR_COMPUTE, for an earlier graph too; GW_ERR_LIMIT and GW_ERR_NOMEM if
 * there is too little scratch memory for it. */
enum gw_status gw_device_launch(struct gw_device *d, struct gw_graph *graph, struct gw_error *err);

#endif
