/* A server as its endpoint names it. It outlives its connections (backend/link.h); once it has devices it is
 * never freed. */
#ifndef GW_BACKEND_REMOTE_H
#define GW_BACKEND_REMOTE_H

#include <pthread.h>
#include <stdint.h>

#include "backend/answers.h"
#include "backend/told.h"
#include "base/status.h"
#include "rpc/client.h"

struct gw_link;

/* Makes a connection: gw_client_connect, or what a test puts in its place. */
typedef enum gw_status (*gw_dial)(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err);

/* Lock order, for the whole of backend/: the registry's lock, gw_remote.lock, gw_link.lock, and as leaves the
 * connection's own and those of the caches. */
struct gw_remote {
	char *endpoint;
	gw_dial dial;
	void *dial_user;
	struct gw_answers alloc_sizes;
	struct gw_answers supported;
	struct gw_told told;
	atomic_bool overruled;    /* an operation was called supported that the server does not support */
	atomic_bool memory_doubt; /* it was logged that the server announces impossible memory */
	pthread_mutex_t lock;     /* of what follows, and of every link's reference count */
	struct gw_link *link;     /* the current connection, perhaps a lost one, or NULL; holds a reference */
	uint64_t retry_at_ns;     /* after a failure: no new attempt before this time */
	uint64_t character;       /* gw_link_character of the last connection; 0 = there was none */
};

/* Makes a remote; does not connect. NULL if memory runs out. */
struct gw_remote *gw_remote_new(const char *endpoint, gw_dial dial, void *dial_user);

/* A reference to the connection; if there is none, or if it is lost, to a new one. The failure of an attempt is logged,
 * and for a second after it calls fail at once. A server that is not what it was when ggml last asked for sizes is such
 * a failure, too, once: what ggml makes of the old sizes would not fit. Blocks while connecting. */
enum gw_status gw_remote_connect(struct gw_remote *remote, struct gw_link **out);

/* The same, but a lost connection is as good as any: for questions whose answer does not matter then. */
enum gw_status gw_remote_current(struct gw_remote *remote, struct gw_link **out);

/* Returns the memory of a remote that nothing refers to. */
void gw_remote_free(struct gw_remote *remote);

/* What to tell ggml in answer to a question about sizes: the first number that it was told. If number is larger, the
 * server is not what it was, or lies: what ggml has planned would not fit. The link (NULL: there is none) is then given
 * up, with a log line, so that nothing is computed in it. what: the number, for that line. */
size_t gw_remote_tell(struct gw_remote *remote, struct gw_link *link, const char *what, const void *question,
	size_t question_size, size_t number);

/* One more reference to a link that the caller has one to. */
void gw_link_ref(struct gw_link *link);

/* Marks the connection as used by a buffer or a backend. */
void gw_link_use(struct gw_link *link);

/* Gives a reference back. When the last user of a connection that was used has gone, it is closed, so that a server
 * with room for one client only is free for the next. */
void gw_link_put(struct gw_link *link);

#endif
