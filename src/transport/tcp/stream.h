/* Connections over stream sockets, whichever address family they have. */
#ifndef GW_TRANSPORT_TCP_STREAM_H
#define GW_TRANSPORT_TCP_STREAM_H

#include "transport/transport.h"

enum gw_stream_kind {
	GW_STREAM_TCP,
	GW_STREAM_UNIX,
};

/* Makes a connection of a connected socket, which it then owns; on failure the caller still does. */
enum gw_status gw_stream_new(int fd, enum gw_stream_kind kind, struct gw_transport **out, struct gw_error *err);

/* The socket of a TCP connection, which remains the connection's; -1 for any other connection. */
int gw_stream_tcp_fd(const struct gw_transport *t);

#endif
