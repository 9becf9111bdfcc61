#include "cli/visit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/verb.h"

#define WAKE SIGUSR1
#define TICK_NS (100 * GW_NS_PER_MS) /* a time-out is noticed so late; cheaper than a timer for each thing asked */

static void end_all(struct gw_visit *v, enum gw_visit_end how)
{
	int goes_on = GW_VISIT_GOES_ON;
	if (!atomic_compare_exchange_strong(&v->ended, &goes_on, (int)how))
		return;
	gw_client_interrupt(v->client);
	/* Whoever sleeps wakes; a pipe that is full is readable, too. */
	ssize_t written = write(v->wake[1], "", 1);
	(void)written;
}

static bool is_overdue(const struct gw_visit *v)
{
	uint64_t since = atomic_load(&v->busy_since);
	return since != 0 && gw_clock_ns() - since > v->timeout_ns;
}

static void *watch(void *user)
{
	struct gw_visit *v = user;
	const struct timespec tick = {.tv_nsec = (long)TICK_NS};
	while (!atomic_load(&v->closing)) {
		int signo = sigtimedwait(&v->watched, NULL, &tick);
		if (signo > 0 && signo != WAKE)
			end_all(v, GW_VISIT_INTERRUPTED);
		else if (is_overdue(v))
			end_all(v, GW_VISIT_TIMED_OUT);
	}
	return NULL;
}

static enum gw_status start_watching(struct gw_visit *v, bool catch_signals, struct gw_error *err)
{
	sigemptyset(&v->watched);
	sigaddset(&v->watched, WAKE);
	if (catch_signals) {
		sigaddset(&v->watched, SIGINT);
		sigaddset(&v->watched, SIGTERM);
	}
	if (pipe2(v->wake, O_CLOEXEC) < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "pipe");
	pthread_sigmask(SIG_BLOCK, &v->watched, &v->before);
	int failure = pthread_create(&v->watcher, NULL, watch, v);
	if (failure == 0)
		return GW_OK;
	pthread_sigmask(SIG_SETMASK, &v->before, NULL);
	close(v->wake[0]);
	close(v->wake[1]);
	return gw_error_errno(err, GW_ERR_SYSTEM, failure, "no thread");
}

enum gw_status gw_visit_open(struct gw_visit *v, const struct gw_visit_wish *wish, struct gw_error *err)
{
	*v = (struct gw_visit){.timeout_ns = (uint64_t)wish->timeout_ms * GW_NS_PER_MS};
	uint64_t start = gw_clock_ns();
	enum gw_status status = gw_client_connect_within(wish->endpoint, wish->mode, wish->timeout_ms, &v->client, err);
	if (status)
		return status;
	v->connect_ns = gw_clock_ns() - start;
	status = start_watching(v, wish->catch_signals, err);
	if (status)
		gw_client_close(v->client);
	return status;
}

void gw_visit_close(struct gw_visit *v)
{
	/* A server that cannot send its empty answers takes the client for one that broke off. */
	if (gw_client_dialect(v->client)->empty_reply) {
		gw_visit_begin(v);
		(void)gw_client_drain(v->client, GW_CLIENT_ALL);
	}
	atomic_store(&v->closing, true);
	pthread_kill(v->watcher, WAKE);
	pthread_join(v->watcher, NULL);
	pthread_sigmask(SIG_SETMASK, &v->before, NULL);
	close(v->wake[0]);
	close(v->wake[1]);
	gw_client_close(v->client);
}

void gw_visit_begin(struct gw_visit *v)
{
	atomic_store(&v->busy_since, gw_clock_ns());
}

void gw_visit_end(struct gw_visit *v)
{
	atomic_store(&v->busy_since, 0);
}

bool gw_visit_is_interrupted(const struct gw_visit *v)
{
	return atomic_load(&v->ended) == GW_VISIT_INTERRUPTED;
}

void gw_visit_sleep(struct gw_visit *v, uint64_t ns)
{
	struct pollfd fd = {.fd = v->wake[0], .events = POLLIN};
	const struct timespec t = gw_clock_timespec(ns);
	(void)ppoll(&fd, 1, &t, NULL);
}

enum gw_status gw_visit_explain(const struct gw_visit *v, enum gw_status status, struct gw_error *err)
{
	const char *name = gw_client_name(v->client);
	int ended = atomic_load(&v->ended);
	if (ended == GW_VISIT_INTERRUPTED)
		return gw_error_set(err, GW_ERR_CLOSED, "interrupted");
	if (ended == GW_VISIT_TIMED_OUT)
		return gw_error_set(err, GW_ERR_TIMEOUT, "server at %s has not answered for %.1f s", name,
			(double)v->timeout_ns / (double)GW_NS_PER_S);
	if (gw_client_lost(v->client) && gw_verb_last_error()[0])
		return gw_error_set(err, status, "%s", gw_verb_last_error());
	return gw_error_set(err, status, "server at %s: %s", name, gw_status_text(status));
}
