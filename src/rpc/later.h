/* Sending for several servers at once that a program keeps busy together: the pieces of a graph, and the all-reduces
 * between them. What is queued for each server leaves in few sends, and always before a thread waits: a server may need
 * what is queued for another one before it can reply.
 *
 * The first request of a burst leaves at once, so that the server starts. A burst ends when a thread waits for a reply.
 * Within it, requests leave when three times as long has passed since the last send as from its beginning to that send:
 * at least 30 us, at most a millisecond. As long as servers take a few times as long for their work as the client for
 * its requests, they always have some. */
#ifndef GW_RPC_LATER_H
#define GW_RPC_LATER_H

#include <stdint.h>

/* A connection, of which flush sends what is queued without waiting for another thread. */
struct gw_later {
	void (*flush)(struct gw_later *l); /* constant; called without locks */
	uint64_t burst;                    /* in which it was held back for the first time; rpc/later.c's */
};

/* What is queued for l leaves soon. Any thread, without locks. */
void gw_later_send(struct gw_later *l);

/* To be called before anything is sent for l: what is held back for others leaves now. */
void gw_later_send_others(const struct gw_later *l);

/* Around a wait for a reply, and the sending before it: nothing is held back meanwhile. */
void gw_later_begin_wait(void);
void gw_later_end_wait(void);

/* l is about to be freed. Waits for threads that are sending. */
void gw_later_forget(const struct gw_later *l);

#endif
