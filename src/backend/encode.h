/* ggml's tensors as the wire has them. */
#ifndef GW_BACKEND_ENCODE_H
#define GW_BACKEND_ENCODE_H

#include <ggml.h>

#include "backend/remote_conn.h"
#include "wire/tensor.h"

/* Whether the dialect can express the tensor's computation. GW_ERR_UNSUPPORTED if it has no number for the
 * operation or cannot express its parameters. An operation that is not to be computed is sent as NONE instead. */
enum gw_status gw_encode_check_node(
	const struct gw_remote_conn *conn, const struct ggml_tensor *t, struct gw_error *err);

/* A tensor with its place on the server: buffer and address are those of the RPC buffer it lives in, if that is one of
 * this connection, and 0 otherwise. GW_ERR_UNSUPPORTED if the dialect has no number for its type, or if it is too large
 * for 32 bits; GW_ERR_LOST if it lives in a buffer of an earlier connection to the same server. */
enum gw_status gw_encode_tensor(const struct gw_remote_conn *conn, const struct ggml_tensor *t,
	struct gw_wire_tensor *out, struct gw_error *err);

/* The same without a place: buffer and address are 0. */
enum gw_status gw_encode_shape(const struct gw_remote_conn *conn, const struct ggml_tensor *t,
	struct gw_wire_tensor *out, struct gw_error *err);

/* A tensor and its sources without places, as a question about the operation, which must be one that the dialect can
 * express. */
enum gw_status gw_encode_node(const struct gw_remote_conn *conn, uint32_t device, const struct ggml_tensor *t,
	struct gw_wire_node_req *out, struct gw_error *err);

#endif
