/* HTTP's connections: libmicrohttpd, and which of them may stay. For the process that serves HTTP; one thread. */
#ifndef GW_DAEMON_STATUS_HTTP_SERVER_H
#define GW_DAEMON_STATUS_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "daemon/clients/allow.h"
#include "daemon/status/scoreboard.h"

struct gw_http_server;

/* All of it is lent. */
struct gw_http_server_options {
	int events; /* base/events.h */
	int listener;
	struct gw_scoreboard *board;
	bool is_local;                /* only this machine can connect */
	const struct gw_allow *allow; /* from other machines */
	const char *token;            /* that they must send as "Authorization: Bearer TOKEN"; "" = none */
	void (*asked)(void *user);    /* called before each reply with the status */
	void *user;
};

/* Connections are taken from now on. GW_ERR_NOT_FOUND: the library is missing; GW_ERR_UNSUPPORTED, GW_ERR_NOMEM,
 * GW_ERR_SYSTEM. */
enum gw_status gw_http_server_new(
	const struct gw_http_server_options *options, struct gw_http_server **out, struct gw_error *err);

/* A client of the server has connected, where none was before. */
void gw_http_server_busy(struct gw_http_server *s);

/* When to call gw_http_server_tick next, in gw_clock_ns, or GW_CLOCK_NEVER. */
uint64_t gw_http_server_deadline(const struct gw_http_server *s);

/* Ends what has taken too long, goes on with what was held back, and notes what was counted. To be called after each
 * wait; cheap where there is nothing to do. */
void gw_http_server_tick(struct gw_http_server *s);

#endif
