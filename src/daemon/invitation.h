/* What a server tells the person who started it about its clients. */
#ifndef GW_DAEMON_INVITATION_H
#define GW_DAEMON_INVITATION_H

#include "transport/list/endpoint.h"

/* Logs the option that clients of the endpoint use, one line for each address at which they reach it: for a wildcard
 * address, those of all interfaces that are up. */
void gw_invitation_log(const struct gw_endpoint *bound);

/* Logs this machine's host name and what its firewall has to let in, for an endpoint that other machines reach. */
void gw_invitation_log_firewall(const struct gw_endpoint *bound);

#endif
