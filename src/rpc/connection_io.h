/* Requests in, replies out: the bytes of the server's end of a connection. One thread uses it. */
#ifndef GW_RPC_CONNECTION_IO_H
#define GW_RPC_CONNECTION_IO_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct gw_connection;

/* Reads the next n bytes of the current request's body into dst: through the input buffer if short, straight into dst
 * if long. n beyond gw_connection_left is GW_ERR_PROTOCOL. */
enum gw_status gw_connection_read(struct gw_connection *p, void *dst, size_t n, struct gw_error *err);

/* Bytes of the current request's body that were not read yet. */
uint64_t gw_connection_left(const struct gw_connection *p);

/* Queues a whole reply (copied). It leaves before gw_connection_next blocks, or when much has gathered. */
enum gw_status gw_connection_reply(struct gw_connection *p, const void *body, size_t size, struct gw_error *err);

/* A reply in pieces: begin announces the size, then writes must add up to it. A write sends what was queued together
 * with data; data is the caller's again on return. */
enum gw_status gw_connection_reply_begin(struct gw_connection *p, uint64_t size, struct gw_error *err);
enum gw_status gw_connection_reply_write(struct gw_connection *p, const void *data, size_t size, struct gw_error *err);

/* For rpc/connection.c: sends what is queued; reads the header of the next request, sending queued replies before it
 * blocks; records a failure and returns status. */
enum gw_status gw_connection_flush(struct gw_connection *p, struct gw_error *err);
enum gw_status gw_connection_header(struct gw_connection *p, unsigned *cmd, uint64_t *size, struct gw_error *err);
enum gw_status gw_connection_checked(struct gw_connection *p, enum gw_status status);

/* gw_heartbeat_report */
enum gw_status gw_connection_report_alive(void *connection, uint64_t *sends);

#endif
