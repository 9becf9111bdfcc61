/* One connection that passes through, and the file it is written to. */
#ifndef GW_CLI_DUMP_TAP_H
#define GW_CLI_DUMP_TAP_H

#include "transport/list/endpoint.h"
#include "transport/transport.h"

/* Serves the connection to its end: connects to server, and passes on and records all that goes in either direction.
 * Owns client. What keeps a connection from being recorded from its first byte to its last ends it, and is logged.
 * Blocks; any number of threads may be here. The file is directory/N.rec, N the first number that is free. */
void gw_record_tap(struct gw_transport *client, const struct gw_endpoint *server, const char *directory);

#endif
