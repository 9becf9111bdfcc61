/* One direction of a connection through the switch: reads pieces, holds each until it is due, and writes it. */
#ifndef GW_BENCH_CLUSTER_PIPE_H
#define GW_BENCH_CLUSTER_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/pace.h"

struct piece;

struct pipe {
	int from, to; /* non-blocking sockets, which the owner closes */
	struct link *out, *in;
	uint64_t *passed; /* counts delayed bytes */
	struct piece *first, *last;
	size_t queued;
	int64_t sent_at;  /* when the last byte read leaves the sender */
	int64_t ended_at; /* when the receiver should see the end; 0: no end yet */
	bool shut;        /* the receiver has seen the end */
	bool blocked;     /* the receiver's socket is full */
	bool held;        /* it was full, so we are not the cause if waiting pieces are late */
};

/* The most recent delays of pieces in nanoseconds. */
struct lateness {
	uint64_t count;
	int64_t late[4096];
};

/* The time, on the clock of pipe_now(), at which the pipe has work that no socket event announces; INT64_MAX for
 * never. */
int64_t pipe_next(const struct pipe *p, const struct pace *pace, int64_t now);

/* Whether it may read: at most one piece ahead of the sender's link, so that other pipes get their turn. */
bool pipe_may_read(const struct pipe *p, const struct pace *pace, int64_t now);

/* Reads once. Without pace nothing is delayed. False: the connection is lost. */
bool pipe_read(struct pipe *p, const struct pace *pace);

/* Writes all pieces that are due. False: the connection is lost. */
bool pipe_write(struct pipe *p, struct lateness *lateness);

/* Frees its memory, but does not close the sockets. */
void pipe_drop(struct pipe *p);

/* Nanoseconds of the monotonic clock. */
int64_t pipe_now(void);

#endif
