#include "rpc/heartbeat.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"

/* The thread's lock is a leaf. */
struct gw_heartbeat {
	struct gw_thread thread;
	gw_heartbeat_report report;
	void *user;
	uint32_t interval_ms;
	_Atomic uint64_t turns; /* odd while a request is served */
	atomic_bool awake;      /* the thread will look again by itself */

	/* The thread's own. */
	uint64_t seen_turns;
	uint64_t seen_sends;
};

/* Whether a request is being served, or was since the last check. */
static bool is_asked(struct gw_heartbeat *a)
{
	uint64_t turns = atomic_load(&a->turns);
	/* Each request begins with an odd turn; its end alone does not count. */
	bool asked = turns % 2 == 1 || turns / 2 != (a->seen_turns + 1) / 2;
	a->seen_turns = turns;
	return asked;
}

/* After an interval without a request no client is waiting. */
static void doze(struct gw_heartbeat *a)
{
	atomic_store(&a->awake, false);
	/* A turn that still saw it awake was counted before. */
	if (atomic_load(&a->turns) != a->seen_turns)
		atomic_store(&a->awake, true);
}

static void pass_interval(struct gw_heartbeat *a)
{
	uint64_t until = gw_clock_deadline((int)a->interval_ms);
	while (!a->thread.quit && gw_cond_wait_until(&a->thread.changed, &a->thread.lock, until))
		;
}

static void *run(void *arg)
{
	struct gw_heartbeat *a = arg;
	enum gw_status status = GW_OK;
	pthread_mutex_lock(&a->thread.lock);
	while (!a->thread.quit && !status) {
		if (!atomic_load(&a->awake)) {
			pthread_cond_wait(&a->thread.changed, &a->thread.lock);
			continue;
		}
		pass_interval(a);
		if (a->thread.quit)
			break;
		pthread_mutex_unlock(&a->thread.lock);
		bool asked = is_asked(a);
		if (asked)
			status = a->report(a->user, &a->seen_sends);
		pthread_mutex_lock(&a->thread.lock);
		if (!asked)
			doze(a);
	}
	pthread_mutex_unlock(&a->thread.lock);
	return NULL;
}

enum gw_status gw_heartbeat_start(
	gw_heartbeat_report report, void *user, uint32_t interval_ms, struct gw_heartbeat **out, struct gw_error *err)
{
	struct gw_heartbeat *a = calloc(1, sizeof(*a));
	if (!a)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for reports to the client");
	*a = (struct gw_heartbeat){
		.report = report, .user = user, .interval_ms = interval_ms, .turns = 1, .awake = true};
	if (gw_thread_start(&a->thread, run, a)) {
		free(a);
		return gw_error_set(err, GW_ERR_SYSTEM, "no thread to report to the client");
	}
	*out = a;
	return GW_OK;
}

void gw_heartbeat_stop(struct gw_heartbeat *a)
{
	if (!a)
		return;
	gw_thread_stop(&a->thread);
	free(a);
}

void gw_heartbeat_turn(struct gw_heartbeat *a)
{
	atomic_fetch_add(&a->turns, 1);
	if (atomic_load(&a->awake))
		return;
	pthread_mutex_lock(&a->thread.lock);
	atomic_store(&a->awake, true);
	pthread_cond_broadcast(&a->thread.changed);
	pthread_mutex_unlock(&a->thread.lock);
}
