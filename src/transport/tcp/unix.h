/* Unix stream sockets. */
#ifndef GW_TRANSPORT_TCP_UNIX_H
#define GW_TRANSPORT_TCP_UNIX_H

#include "transport/transport.h"

/* Listening replaces the file of a listener that is gone; that of a live one is GW_ERR_INVALID. */
extern const struct gw_transport_kind gw_unix_transport;

#endif
