#include "device/session/executor.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"

/* The thread's lock is a leaf. job is set from start until the computation is over. */
struct gw_executor {
	struct gw_thread thread;
	gw_executor_job job;
	void *arg;
	enum ggml_status result;
	struct gw_error why;
	uint64_t took;
};

/* Computes the graph that was given. The lock is held on entry and on return, not in between. */
static void compute(struct gw_executor *e)
{
	struct gw_error why = {0};

	pthread_mutex_unlock(&e->thread.lock);
	uint64_t start = gw_clock_ns();
	enum ggml_status result = e->job(e->arg, &why);
	uint64_t took = gw_clock_ns() - start;
	pthread_mutex_lock(&e->thread.lock);
	e->result = result;
	e->why = why;
	e->took = took;
	e->job = NULL;
	pthread_cond_broadcast(&e->thread.changed);
}

static void *run(void *arg)
{
	struct gw_executor *e = arg;

	pthread_mutex_lock(&e->thread.lock);
	while (e->job || !e->thread.quit) {
		if (e->job)
			compute(e);
		else
			pthread_cond_wait(&e->thread.changed, &e->thread.lock);
	}
	pthread_mutex_unlock(&e->thread.lock);
	return NULL;
}

enum gw_status gw_executor_new(struct gw_executor **out)
{
	struct gw_executor *e = calloc(1, sizeof(*e));

	if (!e)
		return GW_ERR_NOMEM;
	if (gw_thread_start(&e->thread, run, e)) {
		free(e);
		return GW_ERR_SYSTEM;
	}
	*out = e;
	return GW_OK;
}

void gw_executor_free(struct gw_executor *e)
{
	if (!e)
		return;
	gw_thread_stop(&e->thread);
	free(e);
}

void gw_executor_start(struct gw_executor *e, gw_executor_job job, void *arg)
{
	pthread_mutex_lock(&e->thread.lock);
	assert(!e->job);
	e->job = job;
	e->arg = arg;
	pthread_cond_broadcast(&e->thread.changed);
	pthread_mutex_unlock(&e->thread.lock);
}

enum ggml_status gw_executor_wait(struct gw_executor *e, uint64_t *took, struct gw_error *why)
{
	pthread_mutex_lock(&e->thread.lock);
	while (e->job)
		pthread_cond_wait(&e->thread.changed, &e->thread.lock);
	enum ggml_status result = e->result;
	*took = e->took;
	*why = e->why;
	pthread_mutex_unlock(&e->thread.lock);
	return result;
}
