/* The worker's side of a client that begins with TLS. */
#ifndef GW_DAEMON_WORKERS_LOGIN_H
#define GW_DAEMON_WORKERS_LOGIN_H

#include <stdbool.h>

#include "base/status.h"
#include "transport/transport.h"
#include "wire/refusal.h"

struct gw_login_result {
	struct gw_ext_refusal refused; /* as in struct gw_server_visit */
	int cache;                     /* socket of the client's cache; -1 = none. Owned by the caller. */
};

/* Performs the TLS handshake with the client on *t, with a key that it requests from the supervisor. On success *t is
 * the TLS connection. Otherwise *t remains the caller's, and the error names the client's mistake. Blocks for little
 * more than GW_TLS_HANDSHAKE_MS. */
enum gw_status gw_login_run(struct gw_transport **t, struct gw_login_result *out, struct gw_error *err);

#endif
