/* A connection that was accepted and is not served yet. */
#ifndef GW_DAEMON_CLIENTS_VISITOR_H
#define GW_DAEMON_CLIENTS_VISITOR_H

#include "daemon/clients/host.h"
#include "daemon/clients/terms.h"
#include "transport/list/endpoint.h"
#include "transport/transport.h"

#define GW_CONNECTION_TEXT sizeof(((struct gw_transport *)0)->peer)

struct gw_visitor {
	int fd;
	const struct gw_endpoint *ep; /* that it has come to; lent */
	struct gw_terms terms;
	bool speaks_tls;     /* known once it has said something */
	bool needs_identity; /* --allow does not name its address, and may name whose key it has */
	bool status_only;    /* --allow-status names its address: without such a key it can only query the server */
	struct gw_host host;
	char peer[GW_CONNECTION_TEXT]; /* its name in the log */
};

#endif
