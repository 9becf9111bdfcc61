#include "base/thread.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

int gw_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int rc = pthread_condattr_init(&attr);
	if (rc)
		return rc;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	rc = pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
	return rc;
}

bool gw_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline)
{
	const struct timespec until = gw_clock_timespec(deadline);
	if (deadline == GW_CLOCK_NEVER)
		return pthread_cond_wait(cond, lock) == 0;
	return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}

enum gw_status gw_thread_start(struct gw_thread *t, void *(*run)(void *user), void *user)
{
	t->quit = false;
	if (pthread_mutex_init(&t->lock, NULL))
		return GW_ERR_SYSTEM;
	if (gw_cond_init(&t->changed))
		goto destroy_lock;
	if (pthread_create(&t->id, NULL, run, user))
		goto destroy_cond;
	return GW_OK;

destroy_cond:
	pthread_cond_destroy(&t->changed);
destroy_lock:
	pthread_mutex_destroy(&t->lock);
	return GW_ERR_SYSTEM;
}

void gw_thread_stop(struct gw_thread *t)
{
	pthread_mutex_lock(&t->lock);
	t->quit = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->id, NULL);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
}
