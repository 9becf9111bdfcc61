#include "rpc/alive.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "rpc/connection_private.h"

#define NS_PER_MS 1000000L
#define NS_PER_S 1000000000L

/* The lock is a leaf. */
struct gw_alive {
	struct gw_connection *peer;
	uint32_t interval_ms;
	_Atomic uint64_t turns; /* odd while a request is served */
	atomic_bool awake;      /* the thread will look again by itself */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* awake or quit was set */
	bool quit;

	/* The thread's own. */
	uint64_t seen_turns;
	uint64_t seen_sends;
};

/* Whether there was a request since the last look, or is one. */
static bool is_asked(struct gw_alive *a)
{
	uint64_t turns = atomic_load(&a->turns);
	/* Each request begins with an odd turn: its end alone is no news. */
	bool asked = turns % 2 == 1 || turns / 2 != (a->seen_turns + 1) / 2;
	a->seen_turns = turns;
	return asked;
}

/* After an interval without a request nobody waits for anything. */
static void doze(struct gw_alive *a)
{
	atomic_store(&a->awake, false);
	/* A turn that has still seen it awake has been counted. */
	if (atomic_load(&a->turns) != a->seen_turns)
		atomic_store(&a->awake, true);
}

static void pass_interval(struct gw_alive *a)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += a->interval_ms / 1000;
	until.tv_nsec += a->interval_ms % 1000 * NS_PER_MS;
	if (until.tv_nsec >= NS_PER_S) {
		until.tv_sec++;
		until.tv_nsec -= NS_PER_S;
	}
	while (!a->quit && pthread_cond_timedwait(&a->changed, &a->lock, &until) == 0)
		;
}

static void *run(void *arg)
{
	struct gw_alive *a = arg;
	enum gw_status status = GW_OK;
	pthread_mutex_lock(&a->lock);
	while (!a->quit && !status) {
		if (!atomic_load(&a->awake)) {
			pthread_cond_wait(&a->changed, &a->lock);
			continue;
		}
		pass_interval(a);
		if (a->quit)
			break;
		pthread_mutex_unlock(&a->lock);
		bool asked = is_asked(a);
		if (asked)
			status = gw_connection_say_alive(a->peer, &a->seen_sends);
		pthread_mutex_lock(&a->lock);
		if (!asked)
			doze(a);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static int init_sync(struct gw_alive *a)
{
	pthread_condattr_t attr;
	if (pthread_condattr_init(&attr))
		return -1;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	int failed = pthread_cond_init(&a->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (failed)
		return -1;
	if (pthread_mutex_init(&a->lock, NULL) == 0)
		return 0;
	pthread_cond_destroy(&a->changed);
	return -1;
}

enum gw_status gw_alive_start(
	struct gw_connection *p, uint32_t interval_ms, struct gw_alive **out, struct gw_error *err)
{
	struct gw_alive *a = calloc(1, sizeof(*a));
	if (!a)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory to tell the client that it is served");
	*a = (struct gw_alive){.peer = p, .interval_ms = interval_ms, .turns = 1, .awake = true};
	if (init_sync(a))
		goto free_alive;
	if (pthread_create(&a->thread, NULL, run, a))
		goto destroy_sync;
	*out = a;
	return GW_OK;

destroy_sync:
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->changed);
free_alive:
	free(a);
	return gw_error_set(err, GW_ERR_SYSTEM, "no thread to tell the client that it is served");
}

void gw_alive_stop(struct gw_alive *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->quit = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->changed);
	free(a);
}

void gw_alive_turn(struct gw_alive *a)
{
	atomic_fetch_add(&a->turns, 1);
	if (atomic_load(&a->awake))
		return;
	pthread_mutex_lock(&a->lock);
	atomic_store(&a->awake, true);
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
}
