/* What the server is doing, over HTTP: /metrics, /status.json, what it did in the last minutes, /history.json, and a
 * page that shows the latter two. This is the supervisor's part: it opens the socket, and keeps a process that serves
 * there (daemon/status/http_process.h). Other clients never wait for it. One thread. */
#ifndef GW_DAEMON_STATUS_HTTP_H
#define GW_DAEMON_STATUS_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "daemon/processes/control.h"
#include "daemon/status/scoreboard.h"
#include "transport/list/endpoint.h"

struct gw_http;

/* Listens at ep and starts the process; *bound is the endpoint with its real port. Of setup, what HTTP and workers have
 * in common counts; board is lent. token is what clients on other machines must send, or "". Blocks until the process
 * is ready, or interrupt becomes readable: GW_ERR_CLOSED. GW_ERR_UNSUPPORTED: this build has no HTTP; GW_ERR_NOT_FOUND:
 * its library is missing; GW_ERR_SYSTEM. */
enum gw_status gw_http_new(const struct gw_endpoint *ep, const struct gw_control_setup *setup,
	const struct gw_allow *allow, const char *token, struct gw_scoreboard *board, int interrupt,
	struct gw_endpoint *bound, struct gw_http **out, struct gw_error *err);

/* From now on, calls asked for each request for the status; it must not block. */
enum gw_status gw_http_watch(
	struct gw_http *http, int events, void (*asked)(void *user), void *user, struct gw_error *err);

/* Ends the process. NULL is fine here and below. */
void gw_http_free(struct gw_http *http);

/* When to call gw_http_tick next, in gw_clock_ns, or GW_CLOCK_NEVER. */
uint64_t gw_http_deadline(const struct gw_http *http);

/* Starts the process again if it has died, after a while; tells it when busy, whether clients are connected, becomes
 * true. To be called after each wait. */
void gw_http_tick(struct gw_http *http, bool busy);

/* Collects the process if it has ended, and says of what. To be called after SIGCHLD, not from within a source. */
void gw_http_reap(struct gw_http *http);

#endif
