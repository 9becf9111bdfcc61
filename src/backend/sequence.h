/* The sequence of requests on a connection: what was posted, and what is known to be done. A reply proves that all work
 * before its request was done. */
#ifndef GW_BACKEND_SEQUENCE_H
#define GW_BACKEND_SEQUENCE_H

#include "backend/remote_conn.h"

/* GET_TENSOR and GET_TENSOR_2D: dest is filled when gw_sequence_wait returns, or earlier; with zeros if the connection
 * is lost. */
void gw_sequence_get(struct gw_remote_conn *conn, const struct gw_wire_get_req *what, const struct gw_dest *dest);
void gw_sequence_get_2d(struct gw_remote_conn *conn, const struct gw_wire_2d_req *what, const struct gw_dest *dest);

/* Marks the end of the work posted so far: *ticket is to be drained to know that it is done. False if that is known
 * already; then nothing is sent. */
bool gw_sequence_mark(struct gw_remote_conn *conn, uint64_t *ticket);

/* Waits until the reply of a ticket has come. */
void gw_sequence_drain(struct gw_remote_conn *conn, uint64_t ticket);

/* Waits until all work is done and all replies are there. No system call if nothing is outstanding. */
void gw_sequence_wait(struct gw_remote_conn *conn);

/* Posts the request to run the graph uid of this device once more, if the server has it. */
bool gw_sequence_recompute(struct gw_remote_conn *conn, uint32_t device, uint64_t uid, enum gw_status *status);

/* Posts an encoded graph, which the server keeps under its uid. With uid 0 the graph is compared with the last one that
 * had none: the server is told to keep a graph that is posted a second time, and to run it once more from then on. Sets
 * the uid in body. */
enum gw_status gw_sequence_compute(
	struct gw_remote_conn *conn, uint32_t device, uint64_t uid, uint8_t *body, size_t size);

/* Post an all-reduce of a pair; of a group. */
enum gw_status gw_sequence_allreduce(struct gw_remote_conn *conn, const struct gw_wire_allreduce_req *req);
enum gw_status gw_sequence_reduce(struct gw_remote_conn *conn, const struct gw_peers_reduce_req *req);

/* Posts one side of a copy to another server. */
enum gw_status gw_sequence_copy(struct gw_remote_conn *conn, bool sends, const struct gw_peers_copy_req *req);

/* Enters a usable buffer; removes it and tells the server to free it. */
void gw_sequence_add_buffer(struct gw_remote_conn *conn, struct gw_remote_buffer *buffer);
void gw_sequence_free_buffer(struct gw_remote_conn *conn, struct gw_remote_buffer *buffer);

#endif
