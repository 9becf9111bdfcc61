/* Listens, accepts, and keeps the workers. It calls no ggml function and reads no byte of a client. One thread. */
#ifndef GW_DAEMON_SUPERVISOR_H
#define GW_DAEMON_SUPERVISOR_H

#include <stdbool.h>

#include "base/status.h"
#include "daemon/clients/allow.h"
#include "daemon/clients/terms.h"
#include "daemon/processes/control.h"
#include "daemon/status/http.h"
#include "daemon/status/scoreboard.h"
#include "transport/list/endpoint.h"
#include "wire/dialect.h"

struct gw_announcer;
struct gw_supervisor;

/* What it runs with; lent while it runs. */
struct gw_supervisor_options {
	const struct gw_control_setup *setup; /* of the workers */
	unsigned max_clients;
	unsigned max_per_host; /* connections of one machine, or of one user of this one */
	bool has_drivers;      /* the devices are more than CPUs */
	const struct gw_allow *allow;
	struct gw_key_ring *keys; /* NULL = there are none */
	struct gw_scoreboard *board;
	struct gw_http *http;           /* NULL = none */
	struct gw_announcer *announcer; /* NULL = none */
};

/* Makes a supervisor. From now on SIGTERM, and SIGINT and SIGHUP unless they are ignored, are held back until
 * gw_supervisor_run, and SIGPIPE is ignored. */
enum gw_status gw_supervisor_new(struct gw_supervisor **out, struct gw_error *err);

/* Stops listening, removes socket files, and frees s. */
void gw_supervisor_free(struct gw_supervisor *s);

/* Opens an endpoint, on which clients are served on these terms; its connections wait until gw_supervisor_run. *bound
 * is the endpoint with its real port. */
enum gw_status gw_supervisor_listen(struct gw_supervisor *s, const struct gw_endpoint *ep, const struct gw_terms *terms,
	struct gw_endpoint *bound, struct gw_error *err);

/* Serves clients on these terms on a socket that somebody else has opened at ep; fd is the supervisor's from now on,
 * also on failure. A Unix socket's file stays when the server ends. */
enum gw_status gw_supervisor_adopt(struct gw_supervisor *s, int fd, const struct gw_endpoint *ep,
	const struct gw_terms *terms, struct gw_error *err);

/* A descriptor that is readable when a signal was held back. Owned by s; not to be read. */
int gw_supervisor_interrupt(const struct gw_supervisor *s);

/* Starts a spare worker, logs that connections are accepted, tells a service manager so, and serves those that are let
 * in until a signal ends it. Returns the exit status: 0 after the first signal, 128 and its number after a second one.
 */
int gw_supervisor_run(struct gw_supervisor *s, const struct gw_supervisor_options *options);

#endif
