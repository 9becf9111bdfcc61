#include "daemon/workers/pairings.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/processes/process.h"

#define PROCESSES_MAX 16
/* With those that have been killed and not collected yet. */
#define UNCOLLECTED_MAX 64

struct gw_pairing_process {
	struct gw_pairing_process *next;
	const void *worker; /* NULL: killed */
	pid_t pid;
};

static enum gw_status has_room(const struct gw_pairings *p, struct gw_error *err)
{
	size_t n = 0, n_waiting = 0;
	for (const struct gw_pairing_process *one = p->first; one; one = one->next, n++)
		n_waiting += one->worker != NULL;
	if (n_waiting >= PROCESSES_MAX || n >= UNCOLLECTED_MAX)
		return gw_error_set(
			err, GW_ERR_LIMIT, "%d clients are waiting for another server already", PROCESSES_MAX);
	return GW_OK;
}

enum gw_status gw_pairings_start(struct gw_pairings *p, const void *worker, const struct gw_control_pair_setup *setup,
	int *answer, struct gw_error *err)
{
	struct gw_control_msg first = {.type = GW_CONTROL_PAIR_SETUP, .u.pair_setup = *setup};
	const struct gw_process_start start = {.kind = GW_PROCESS_PAIR, .first = &first, .environment = ""};
	struct gw_process process;
	/* A worker waits for one at a time: those before have answered, or it has given up. */
	gw_pairings_drop(p, worker);
	gw_pairings_reap(p);
	enum gw_status status = has_room(p, err);
	if (status)
		return status;
	struct gw_pairing_process *one = malloc(sizeof(*one));
	if (!one)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	status = gw_process_spawn(&start, &process, err);
	if (status) {
		free(one);
		return status;
	}
	*one = (struct gw_pairing_process){p->first, worker, process.pid};
	p->first = one;
	*answer = process.control;
	return GW_OK;
}

void gw_pairings_drop(struct gw_pairings *p, const void *worker)
{
	for (struct gw_pairing_process *one = p->first; one; one = one->next) {
		if (one->worker != worker)
			continue;
		kill(one->pid, SIGKILL);
		one->worker = NULL;
	}
}

void gw_pairings_reap(struct gw_pairings *p)
{
	for (struct gw_pairing_process **at = &p->first; *at;) {
		struct gw_pairing_process *one = *at;
		if (waitpid(one->pid, NULL, WNOHANG) != one->pid) {
			at = &one->next;
			continue;
		}
		*at = one->next;
		free(one);
	}
}

void gw_pairings_stop(struct gw_pairings *p)
{
	for (struct gw_pairing_process *one; (one = p->first);) {
		p->first = one->next;
		kill(one->pid, SIGKILL);
		free(one);
	}
}
