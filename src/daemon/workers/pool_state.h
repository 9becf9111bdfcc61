/* What a pool knows of its workers, and what changes it. Private to the pool. */
#ifndef GW_DAEMON_WORKERS_POOL_STATE_H
#define GW_DAEMON_WORKERS_POOL_STATE_H

#include "base/events.h"
#include "daemon/clients/visitor.h"
#include "daemon/processes/control.h"
#include "daemon/processes/process.h"
#include "daemon/workers/links.h"
#include "daemon/workers/pairings.h"
#include "daemon/workers/pool_options.h"
#include "daemon/workers/spares.h"

enum gw_login {
	GW_LOGIN_NONE,   /* it has named no identity */
	GW_LOGIN_NAMED,  /* the worker has its key */
	GW_LOGIN_FAILED, /* there is no such key */
	GW_LOGIN_PROVED,
};

struct gw_pool_worker {
	struct gw_source source;
	struct gw_pool *pool;
	struct gw_pool_worker *next;
	struct gw_process process; /* control is -1 after it was closed */
	bool ready;                /* it has its devices */
	bool used;                 /* it has served a client, which asked questions */
	bool worked;               /* its client did more: it says so, or it was asked for more */
	bool busy;                 /* it has a client, perhaps before it is ready */
	bool reserve;              /* its client has no place and may only ask questions, because of */
	enum gw_refusal cause;
	bool ending;   /* it is expected to exit */
	bool has_slot; /* of the board */
	uint32_t slot;
	uint64_t kill_at;      /* it should have exited by then, in gw_clock_ns; UINT64_MAX: it need not */
	uint64_t second_at;    /* when the second of messages began, */
	unsigned messages;     /* and how many have come since */
	uint64_t since;        /* when its client came */
	struct gw_host host;   /* and from where */
	struct gw_endpoint ep; /* to which */
	uint64_t pair_at;      /* until when its requests to be connected fill the time (on_pair) */
	char client[GW_CONNECTION_TEXT];

	/* Of a client with TLS, which shows step by step who it is. */
	bool tls;
	bool needs_identity; /* --allow must name it */
	enum gw_login login;
	char identity[GW_IDENTITY_MAX]; /* that it has named; only LOGIN_PROVED says that it is the client's */
};

struct gw_pool {
	struct gw_pool_options o;
	struct gw_control_setup setup;
	unsigned n_clients;
	struct gw_pool_worker *workers;
	struct gw_spares spares;
	struct gw_pairings pairings;
	struct gw_links links;
	uint64_t quiet_at; /* clients have come until shortly before this */
	unsigned failures; /* starts that failed, in a row */
	uint64_t start_at; /* not before this time, after a failure */
	bool stopping;
};

/* The worker is expected to exit, and killed if it does not do so in time. */
void gw_pool_retire(struct gw_pool_worker *w);

/* No more messages go there or come from there; closed once only. */
void gw_pool_close_control(struct gw_pool_worker *w);

/* The worker has a client from now on, or none any more, as the pool and the board count. */
void gw_pool_set_busy(struct gw_pool_worker *w, bool busy);

/* Sends the cache's part for a trust domain to the worker, ahead of its client. */
void gw_pool_lend_cache(struct gw_pool_worker *w, const char *domain);

void gw_pool_count(struct gw_pool *pool, enum gw_ext_count what);

#endif
