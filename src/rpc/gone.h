/* Notices that the peer has closed its connection, even while its requests wait to be read, or that this side is about
 * to end. A thread sleeps until then: it costs nothing while the connection is up. */
#ifndef GW_RPC_GONE_H
#define GW_RPC_GONE_H

#include "base/status.h"

struct gw_gone;

/* What happens after the peer has gone, if the session has not ended by itself meanwhile. Called from the thread. */
struct gw_gone_steps {
	void (*stop)(void *user);    /* GW_GONE_STOP_MS later: what is being done for the peer should be given up */
	void (*give_up)(void *user); /* GW_GONE_GIVE_UP_MS later: it was not; may be NULL */
	/* This process is about to end: stop_fd is readable. Instead of stop, at once; then give_up after
	 * GW_GONE_STOPPING_MS. */
	void (*stopping)(void *user);
	int stop_fd; /* an eventfd, lent; 0: none */
	void *user;
};

/* Requests that arrived before the end are served for this long, because the client may rely on them. Both
 * together leave room below the second that SECURITY.md promises. */
#define GW_GONE_STOP_MS 400
#define GW_GONE_GIVE_UP_MS 700
#define GW_GONE_STOPPING_MS 300

/* Watches a socket, which must stay open until gw_gone_end. GW_ERR_NOMEM, GW_ERR_SYSTEM. */
enum gw_status gw_gone_watch(int fd, const struct gw_gone_steps *steps, struct gw_gone **out, struct gw_error *err);

/* Ends the watch; afterwards no step is taken. Blocks while one is. NULL is fine. */
void gw_gone_end(struct gw_gone *g);

#endif
