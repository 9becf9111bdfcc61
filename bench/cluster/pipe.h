/* One direction of a connection through the switch: reads pieces, holds each until it is due, and writes it. */
#ifndef GW_BENCH_CLUSTER_PIPE_H
#define GW_BENCH_CLUSTER_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/pace.h"

struct piece;

struct pipe {
	int from, to; /* non-blocking sockets; the owner's */
	struct link *out, *in;
	uint64_t *passed; /* where bytes that were delayed are counted */
	struct piece *first, *last;
	size_t queued;
	int64_t sent_at;  /* when the last byte read has left the sender */
	int64_t ended_at; /* when the receiver is to see the end; 0: there is none yet */
	bool shut;        /* it has seen the end */
	bool blocked;     /* the receiver's socket takes no more at present */
	bool held;        /* it did not, and what waits since then is not late through us */
};

/* By how many nanoseconds pieces were late: the last of them. */
struct lateness {
	uint64_t count;
	int64_t late[4096];
};

/* When, by the clock of pipe_now(), the pipe has something to do that no socket tells: INT64_MAX for never. */
int64_t pipe_next(const struct pipe *p, const struct pace *pace, int64_t now);

/* Whether it may read: no further ahead of the sender's link than one piece, so that others get their turn. */
bool pipe_may_read(const struct pipe *p, const struct pace *pace, int64_t now);

/* Reads once. pace is NULL where nothing is to be delayed. False: the connection is lost. */
bool pipe_read(struct pipe *p, const struct pace *pace);

/* Writes what is due. False: the connection is lost. */
bool pipe_write(struct pipe *p, struct lateness *lateness);

/* Frees what it holds, not the sockets. */
void pipe_drop(struct pipe *p);

/* Nanoseconds of the monotonic clock. */
int64_t pipe_now(void);

#endif
