/* The state of a pool and its workers, and the functions that change it. Private to the pool. */
#ifndef GW_DAEMON_WORKERS_POOL_STATE_H
#define GW_DAEMON_WORKERS_POOL_STATE_H

#include "base/events.h"
#include "daemon/clients/visitor.h"
#include "daemon/processes/control.h"
#include "daemon/processes/process.h"
#include "daemon/workers/briefs.h"
#include "daemon/workers/links.h"
#include "daemon/workers/pairings.h"
#include "daemon/workers/pool_options.h"
#include "daemon/workers/spares.h"

enum gw_login {
	GW_LOGIN_NONE,   /* the client has named no identity yet */
	GW_LOGIN_NAMED,  /* the worker has the key of the identity */
	GW_LOGIN_FAILED, /* the identity is unknown */
	GW_LOGIN_PROVED,
};

struct gw_pool_worker {
	struct gw_source source;
	struct gw_pool *pool;
	struct gw_pool_worker *next;
	struct gw_process process; /* control is -1 after it was closed */
	bool ready;                /* it has opened its devices */
	bool used;                 /* it has served a client that only queried */
	bool worked;               /* its client did more than make queries */
	bool told;                 /* the log shows that its client has connected */
	bool busy;                 /* it has a client, possibly before it is ready */
	bool reserve;              /* its client has a reserve slot and may only query, because of `cause` */
	enum gw_refusal cause;
	bool ending;   /* it is expected to exit */
	bool has_slot; /* slot of the scoreboard */
	uint32_t slot;
	uint64_t kill_at;      /* when it must have exited, in gw_clock_ns; UINT64_MAX = never */
	uint64_t second_at;    /* start of the current second of message counting, gw_clock_ns */
	unsigned messages;     /* messages since then */
	uint64_t since;        /* when its client connected */
	struct gw_host host;   /* the client's host */
	struct gw_endpoint ep; /* the listener's endpoint */
	uint64_t pair_at;      /* rate limit of its requests for connections to other servers: on_pair */
	char client[GW_CONNECTION_TEXT];

	/* Of a client with TLS, while it authenticates. */
	bool tls;
	bool needs_identity; /* --allow must list its identity */
	bool status_only;    /* otherwise it can only query the server */
	enum gw_login login;
	char identity[GW_IDENTITY_MAX]; /* named by the client; proved only from LOGIN_PROVED on */
};

struct gw_pool {
	struct gw_pool_options o;
	struct gw_control_setup setup;
	unsigned n_clients;
	struct gw_pool_worker *workers;
	struct gw_spares spares;
	struct gw_pairings pairings;
	struct gw_links links;
	struct gw_briefs briefs;
	uint64_t quiet_at; /* no spare is started before this time: clients are connecting */
	unsigned failures; /* consecutive failed starts */
	uint64_t start_at; /* no start before this time, after a failure */
	bool stopping;
};

/* Expects the worker to exit, and kills it if it does not in time. */
void gw_pool_retire(struct gw_pool_worker *w);

/* Closes the control socket, if it is open. */
void gw_pool_close_control(struct gw_pool_worker *w);

/* Fields of log events about the worker's client, which refer to w and to name. reason can be NULL. */
struct gw_log_fields gw_pool_fields(const struct gw_pool_worker *w, const char *reason, char name[GW_ENDPOINT_MAX]);

/* Logs that the worker's client has connected, unless the log shows it already: when the client asks for a buffer.
 * Before that, only where debugging lines are logged. */
void gw_pool_tell_client(struct gw_pool_worker *w);

/* Marks the worker as busy or idle, in the pool and on the scoreboard. */
void gw_pool_set_busy(struct gw_pool_worker *w, bool busy);

/* Sends the worker a socket of the cache for a trust domain, before its client. */
void gw_pool_lend_cache(struct gw_pool_worker *w, const char *domain);

void gw_pool_count(struct gw_pool *pool, enum gw_ext_count what);

#endif
