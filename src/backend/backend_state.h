/* A stream of work for a device, as its parts share it. */
#ifndef GW_BACKEND_BACKEND_STATE_H
#define GW_BACKEND_BACKEND_STATE_H

#include "backend/graph.h"
#include "backend/remote_device.h"

struct gw_backend {
	struct ggml_backend base;
	struct gw_remote_device *device;
	struct gw_remote_conn *conn; /* a reference */
	struct gw_graph_encoder encoder;
};

/* Of a backend of this library. */
static inline struct gw_backend *gw_backend_of(ggml_backend_t backend)
{
	return backend->context;
}

#endif
