/* What the server is doing, over HTTP: /metrics, /status.json, what it did in the last minutes, /history.json, and a
 * page that shows the latter two. Runs in the supervisor's loop: no thread. Nobody who is served waits for it, since
 * workers are processes of their own. */
#ifndef GW_DAEMON_STATUS_HTTP_H
#define GW_DAEMON_STATUS_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "daemon/config/allow.h"
#include "daemon/status/scoreboard.h"
#include "transport/endpoint.h"

struct gw_http;

/* All of it is lent. */
struct gw_http_options {
	int events; /* cli/events.h */
	struct gw_scoreboard *board;
	const struct gw_allow *allow; /* from other machines */
	void (*asked)(void *user);    /* somebody wants to know: called before each answer; must not block */
	void *user;
};

/* Listens; *bound is the endpoint with its real port. GW_ERR_UNSUPPORTED: this build has no HTTP; GW_ERR_NOT_FOUND: its
 * library is missing; GW_ERR_SYSTEM. */
enum gw_status gw_http_new(
	const struct gw_endpoint *ep, struct gw_endpoint *bound, struct gw_http **out, struct gw_error *err);

/* Connections are taken from now on. */
enum gw_status gw_http_start(struct gw_http *http, const struct gw_http_options *options, struct gw_error *err);

/* NULL is fine here and below. */
void gw_http_free(struct gw_http *http);

/* When gw_http_tick wants to be called next, in gw_clock_ns, or GW_EVENTS_NEVER. */
uint64_t gw_http_deadline(const struct gw_http *http);

/* Ends what has taken too long, goes on with what was held back, and notes what was counted. To be called after each
 * wait; cheap where there is nothing to do. */
void gw_http_tick(struct gw_http *http);

#endif
