#include "device/executor.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"

/* The lock is a leaf. job is set from start until the computation is over. */
struct gw_executor {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t given;
	pthread_cond_t done;
	gw_executor_job job;
	void *arg;
	enum ggml_status result;
	struct gw_error why;
	uint64_t took;
	bool quit;
};

/* Computes the graph that was given. The lock is held on entry and on return, not in between. */
static void compute(struct gw_executor *e)
{
	struct gw_error why = {0};

	pthread_mutex_unlock(&e->lock);
	uint64_t start = gw_clock_ns();
	enum ggml_status result = e->job(e->arg, &why);
	uint64_t took = gw_clock_ns() - start;
	pthread_mutex_lock(&e->lock);
	e->result = result;
	e->why = why;
	e->took = took;
	e->job = NULL;
	pthread_cond_signal(&e->done);
}

static void *run(void *arg)
{
	struct gw_executor *e = arg;

	pthread_mutex_lock(&e->lock);
	while (e->job || !e->quit) {
		if (e->job)
			compute(e);
		else
			pthread_cond_wait(&e->given, &e->lock);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

enum gw_status gw_executor_new(struct gw_executor **out)
{
	struct gw_executor *e = calloc(1, sizeof(*e));

	if (!e)
		return GW_ERR_NOMEM;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->given, NULL);
	pthread_cond_init(&e->done, NULL);
	if (pthread_create(&e->thread, NULL, run, e)) {
		pthread_cond_destroy(&e->done);
		pthread_cond_destroy(&e->given);
		pthread_mutex_destroy(&e->lock);
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
	pthread_mutex_lock(&e->lock);
	e->quit = true;
	pthread_cond_signal(&e->given);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	pthread_cond_destroy(&e->done);
	pthread_cond_destroy(&e->given);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

void gw_executor_start(struct gw_executor *e, gw_executor_job job, void *arg)
{
	pthread_mutex_lock(&e->lock);
	assert(!e->job);
	e->job = job;
	e->arg = arg;
	pthread_cond_signal(&e->given);
	pthread_mutex_unlock(&e->lock);
}

enum ggml_status gw_executor_wait(struct gw_executor *e, uint64_t *took, struct gw_error *why)
{
	pthread_mutex_lock(&e->lock);
	while (e->job)
		pthread_cond_wait(&e->done, &e->lock);
	enum ggml_status result = e->result;
	*took = e->took;
	*why = e->why;
	pthread_mutex_unlock(&e->lock);
	return result;
}
