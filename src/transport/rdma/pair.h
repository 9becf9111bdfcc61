/* The life of a queue pair: found, made, brought up, taken down. */
#ifndef GW_TRANSPORT_RDMA_PAIR_H
#define GW_TRANSPORT_RDMA_PAIR_H

#include "transport/rdma/state.h"

/* Looks for a device for a TCP connection and makes a queue pair on it, which is silent for now. kinds is a set of enum
 * gw_rdma_kind. GW_ERR_INVALID: GGML_RDMA_DEV or GGML_RDMA_GID is wrong. Other errors say why this machine, or this
 * connection, has no RDMA. May block for some milliseconds. */
enum gw_status gw_rdma_open(struct gw_transport *tcp, unsigned kinds, struct gw_rdma **out, struct gw_error *why);

/* The address to tell the peer. */
void gw_rdma_local(const struct gw_rdma *r, const struct gw_rdma_path *path, struct gw_rdma_address *out);

/* Brings the queue pair up towards the peer, whose address was decoded by rdma/message.h, with all receives posted.
 * After a failure only gw_rdma_free may follow. */
enum gw_status gw_rdma_activate(
	struct gw_rdma *r, const struct gw_rdma_path *path, const struct gw_rdma_address *peer, struct gw_error *err);

/* Makes the connection of an activated r, which from then on owns the TCP connection. */
struct gw_transport *gw_rdma_start(struct gw_rdma *r);

/* Makes the device abandon everything in flight; the connection has failed. */
void gw_rdma_stop(struct gw_rdma *r);

/* Frees what no connection was made of, or what a connection leaves. NULL is fine. */
void gw_rdma_free(struct gw_rdma *r);

#endif
