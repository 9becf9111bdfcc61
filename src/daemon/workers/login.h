/* The worker's side of a client that begins with TLS. */
#ifndef GW_DAEMON_WORKERS_LOGIN_H
#define GW_DAEMON_WORKERS_LOGIN_H

#include <stdbool.h>

#include "base/status.h"
#include "transport/transport.h"
#include "wire/refusal.h"

struct gw_login_result {
	struct gw_ext_refusal refused; /* as in struct gw_server_visit */
	int cache;                     /* where the client's cache is; -1 = it has none. The caller's. */
};

/* Shakes hands with the client on *t, with a key that it asks the supervisor for. On success *t is the TLS connection.
 * Otherwise *t remains the caller's, and the error says what the client got wrong. Blocks, for GW_TLS_HANDSHAKE_MS and
 * a moment at most. */
enum gw_status gw_login_run(struct gw_transport **t, struct gw_login_result *out, struct gw_error *err);

#endif
