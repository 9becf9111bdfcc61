/* Listening sockets that a service manager has opened: sd_listen_fds(3)'s protocol. */
#ifndef GW_DAEMON_ACTIVATION_H
#define GW_DAEMON_ACTIVATION_H

#include <stddef.h>

#include "base/status.h"
#include "transport/list/endpoint.h"

struct gw_activation {
	int fd; /* the caller's: close-on-exec, non-blocking */
	struct gw_endpoint ep;
};

/* Takes the sockets that are meant for this process, at most max, and the variables that say so out of the environment.
 * *n is 0 without any. GW_ERR_INVALID: a descriptor is not a listening stream socket; GW_ERR_LIMIT: there are
 * more. Called once, before any thread. */
enum gw_status gw_activation_take(struct gw_activation *out, size_t max, size_t *n, struct gw_error *err);

#endif
