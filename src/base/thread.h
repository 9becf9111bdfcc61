/* A thread with the lock and the condition that it shares with its owner. */
#ifndef GW_BASE_THREAD_H
#define GW_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct gw_thread {
	pthread_t id;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* there is something new under the lock; broadcast it */
	bool quit;              /* under the lock: the thread is to return */
};

/* Makes a condition variable whose time-outs are values of gw_clock_ns. 0 or an errno. */
int gw_cond_init(pthread_cond_t *cond);

/* As pthread_cond_wait, but no longer than until the deadline: false once that has passed. GW_CLOCK_NEVER waits
 * without end. cond comes from gw_cond_init. */
bool gw_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline);

/* Starts run(user) in a new thread. GW_ERR_SYSTEM; t is then unusable. */
enum gw_status gw_thread_start(struct gw_thread *t, void *(*run)(void *user), void *user);

/* Sets quit, wakes the thread, waits until it returns, and frees what t holds. Called without the lock. */
void gw_thread_stop(struct gw_thread *t);

#endif
