/* One lent device as one client uses it: its backend, made when first needed, and what it has under way. */
#ifndef GW_SERVER_DEVICE_H
#define GW_SERVER_DEVICE_H

#include <stdbool.h>

#include <ggml-backend.h>

#include "base/status.h"
#include "server/graph_cache.h"

struct gw_device {
	ggml_backend_dev_t dev;
	int n_threads;
	ggml_backend_t backend; /* NULL until gw_device_backend */
	bool async;             /* the backend copies asynchronously; valid with backend */
	bool pending;           /* work was launched and not waited for */
	struct gw_graph_cache graphs;
};

void gw_device_init(struct gw_device *d, ggml_backend_dev_t dev, int n_threads);

/* Waits for what is under way, then frees graphs and backend. */
void gw_device_free(struct gw_device *d);

/* The device's backend; initialises it at the first call, which may take seconds. GW_ERR_COMPUTE if the device cannot.
 */
enum gw_status gw_device_backend(struct gw_device *d, ggml_backend_t *out, struct gw_error *err);

/* Whether contents can be uploaded while this process goes on. Initialises the backend if need be. */
bool gw_device_uploads_async(struct gw_device *d);

/* Waits for what is under way on this device, and frees the graphs that were kept for it only. */
void gw_device_synchronize(struct gw_device *d);

/* The type of the buffers that clients get on this device. */
ggml_backend_buffer_type_t gw_device_buft(const struct gw_device *d);

/* Launches a graph of this device. GW_ERR_COMPUTE. */
enum gw_status gw_device_launch(struct gw_device *d, const struct gw_graph *graph, struct gw_error *err);

#endif
