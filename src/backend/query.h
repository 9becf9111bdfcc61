/* Questions to a server about an operation. The replies are kept. */
#ifndef GW_BACKEND_QUERY_H
#define GW_BACKEND_QUERY_H

#include <ggml.h>

#include "backend/remote_device.h"

/* How many bytes the device wants for a tensor, as gw_remote_tell answers, and within what is possible. Without a
 * connection, the number that ggml got before, or ggml_nbytes. */
size_t gw_query_alloc_size(struct gw_remote_device *device, const struct ggml_tensor *tensor);

/* Whether the device can execute an operation. Without a connection it can: the computation will fail, whereas ggml
 * aborts if it finds no device for an operation on this one's memory. */
bool gw_query_supports_op(struct gw_remote_device *device, const struct ggml_tensor *op);

/* Whether the server has said that the device does not support the operation. Does not ask. */
bool gw_query_is_refused(
	const struct gw_remote_device *device, const struct gw_remote_conn *conn, const struct ggml_tensor *op);

#endif
