/* A server as its endpoint names it. It outlives its connections (backend/remote_conn.h); once it has devices it is
 * never freed. */
#ifndef GW_BACKEND_REMOTE_H
#define GW_BACKEND_REMOTE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/answers/reply_cache.h"
#include "backend/answers/told.h"
#include "backend/remote_conn.h"
#include "base/status.h"

/* Makes a connection: gw_client_connect, or what a test puts in its place. */
typedef enum gw_status (*gw_dial)(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err);

/* Lock order, for the whole of backend/: the registry's lock, gw_remote.lock, gw_remote_conn.lock, and as leaves the
 * connection's own and those of the caches. None of the first two is held while a connection is made. */
struct gw_remote {
	char *endpoint;
	gw_dial dial;
	void *dial_user;
	struct gw_reply_cache alloc_sizes;
	struct gw_reply_cache supported;
	struct gw_told told;
	atomic_bool overruled;    /* an unsupported operation counted as supported, because its memory is placed */
	atomic_bool memory_doubt; /* impossible amounts of memory were logged */
	pthread_mutex_t lock;     /* of what follows, and of every connection's reference count */
	pthread_cond_t changed;
	bool connecting;             /* a thread makes a connection; others wait for changed */
	struct gw_remote_conn *conn; /* the current connection, perhaps a lost one, or NULL; holds a reference */

	/* Written only by the thread that makes a connection, without the lock. */
	uint64_t retry_at_ns; /* after a failure: no new attempt before this time */
	uint64_t character;   /* gw_remote_conn_character of the last connection; 0: there was none */
};

/* Makes a remote; does not connect. NULL if memory runs out. */
struct gw_remote *gw_remote_new(const char *endpoint, gw_dial dial, void *dial_user);

/* Returns a reference to the connection. Connects first if there is no connection, or if it was lost; blocks meanwhile.
 * Logs a failure, and fails at once for one second after it. Also fails, once, if the server is not the one whose sizes
 * ggml has planned with. */
enum gw_status gw_remote_connect(struct gw_remote *remote, struct gw_remote_conn **out);

/* The same, but a lost connection will do: for questions whose answer does not matter then. */
enum gw_status gw_remote_current(struct gw_remote *remote, struct gw_remote_conn **out);

/* What to answer ggml when it asks for a size in bytes: the first number that it got for this question. A larger number
 * means that the server is another one, or lies, and that ggml's plan would not fit. The connection (NULL: there is
 * none) is then given up, with a log line, before anything is computed with the plan. what: the size, for that line. */
size_t gw_remote_tell(struct gw_remote *remote, struct gw_remote_conn *conn, const char *what, const void *question,
	size_t question_size, size_t number);

/* The alignment of a device's buffers in bytes, as gw_remote_tell answers; conn may be NULL. */
size_t gw_remote_alignment(struct gw_remote *remote, struct gw_remote_conn *conn, uint32_t device);

/* Frees a remote that nothing refers to. */
void gw_remote_free(struct gw_remote *remote);

/* One more reference to a connection that the caller has one to. */
void gw_remote_ref(struct gw_remote_conn *conn);

/* Marks the connection as used by a buffer or a backend. */
void gw_remote_use(struct gw_remote_conn *conn);

/* Gives a reference back. When the last user of a connection that was used has gone, the connection is closed, so that
 * a server with room for one client only is free for the next. */
void gw_remote_put(struct gw_remote_conn *conn);

#endif
