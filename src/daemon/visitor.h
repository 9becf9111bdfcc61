/* A connection that was accepted and is not served yet. */
#ifndef GW_DAEMON_VISITOR_H
#define GW_DAEMON_VISITOR_H

#include "daemon/host.h"
#include "transport/endpoint.h"
#include "transport/transport.h"
#include "wire/dialect.h"

#define GW_CONNECTION_TEXT sizeof(((struct gw_transport *)0)->peer)

struct gw_visitor {
	int fd;
	const struct gw_endpoint *ep; /* that it has come to; lent */
	const struct gw_dialect *dialect;
	struct gw_host host;
	char peer[GW_CONNECTION_TEXT]; /* its name in the log */
};

#endif
