#include "cli/verb_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/verb.h"

#define WAKE SIGUSR1
#define TICK_NS (100 * GW_NS_PER_MS) /* how late a time-out may be noticed; cheaper than a timer for each call */

static void interrupt(struct gw_verb_client *v)
{
	struct gw_error why;
	gw_error_set(&why, GW_ERR_CLOSED, "interrupted");
	atomic_store(&v->interrupted, true);
	gw_client_interrupt(v->client, &why);
	/* Wakes gw_verb_sleep. A full pipe is readable, too. */
	ssize_t written = write(v->wake[1], "", 1);
	(void)written;
}

static void time_out(struct gw_verb_client *v)
{
	struct gw_error why;
	gw_error_set(&why, GW_ERR_TIMEOUT, "server at %s has not replied for %.1f s", gw_client_name(v->client),
		v->timeout_s);
	gw_client_interrupt(v->client, &why);
}

/* Whether the call that was running at the last look has run for too long by now. */
static bool is_overdue(const struct gw_verb_client *v, uint64_t *turn, uint64_t *since)
{
	uint64_t now = gw_clock_ns(), current = gw_client_turn(v->client);
	if (current != *turn || current % 2 == 0) {
		*turn = current;
		*since = now;
	}
	return (double)(now - *since) > v->timeout_s * (double)GW_NS_PER_S;
}

static void *watch(void *user)
{
	struct gw_verb_client *v = user;
	const struct timespec tick = {.tv_nsec = (long)TICK_NS};
	uint64_t turn = 0, since = 0;
	bool ended = false;
	while (!atomic_load(&v->closing)) {
		int signo = sigtimedwait(&v->watched, NULL, &tick);
		if (ended)
			continue;
		ended = true;
		if (signo > 0 && signo != WAKE)
			interrupt(v);
		else if (is_overdue(v, &turn, &since))
			time_out(v);
		else
			ended = false;
	}
	return NULL;
}

static enum gw_status start_watching(struct gw_verb_client *v, bool catch_signals, struct gw_error *err)
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

enum gw_status gw_verb_connect(struct gw_verb_client *v, const struct gw_verb_target *target, struct gw_error *err)
{
	*v = (struct gw_verb_client){.timeout_s = target->timeout_s};
	uint64_t start = gw_clock_ns();
	enum gw_status status = gw_client_connect_within(
		target->endpoint, target->mode, (int)(target->timeout_s * 1000), &v->client, err);
	if (status)
		return status;
	v->connect_ns = gw_clock_ns() - start;
	status = start_watching(v, target->catch_signals, err);
	if (status)
		gw_client_close(v->client);
	return status;
}

int gw_verb_open(const char *program, const struct gw_verb_target *target, struct gw_verb_client *v)
{
	struct gw_error err;
	gw_verb_hush();
	enum gw_status status = gw_verb_connect(v, target, &err);
	if (status && target->json)
		gw_verb_print_failure(target->endpoint, err.text);
	if (status)
		return gw_verb_complain(
			program, status == GW_ERR_INVALID ? GW_EXIT_USAGE : GW_EXIT_FINDING, "%s", err.text);
	return GW_VERB_GOES_ON;
}

void gw_verb_disconnect(struct gw_verb_client *v)
{
	/* A server that cannot send its empty answers takes the client for one that broke off. */
	if (gw_client_dialect(v->client)->empty_reply)
		(void)gw_client_drain(v->client, GW_CLIENT_ALL);
	atomic_store(&v->closing, true);
	pthread_kill(v->watcher, WAKE);
	pthread_join(v->watcher, NULL);
	pthread_sigmask(SIG_SETMASK, &v->before, NULL);
	close(v->wake[0]);
	close(v->wake[1]);
	gw_client_close(v->client);
}

bool gw_verb_is_interrupted(const struct gw_verb_client *v)
{
	return atomic_load(&v->interrupted);
}

void gw_verb_sleep(struct gw_verb_client *v, uint64_t ns)
{
	struct pollfd fd = {.fd = v->wake[0], .events = POLLIN};
	const struct timespec t = gw_clock_timespec(ns);
	(void)ppoll(&fd, 1, &t, NULL);
}
