#include "daemon/workers/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/processes/process.h"

#define RETRY_NS GW_NS_PER_S

struct gw_keeper {
	struct gw_control_setup setup;
	struct gw_process process; /* pid 0: the process is not running */
	uint64_t start_at;         /* not before this time */
};

static enum gw_status start(struct gw_keeper *k, struct gw_error *err)
{
	k->start_at = gw_clock_ns() + RETRY_NS;
	enum gw_status status = gw_process_spawn_worker(&k->setup, NULL, 0, &k->process, err);
	if (status)
		k->process.pid = 0;
	return status;
}

enum gw_status gw_keeper_new(const struct gw_control_setup *setup, struct gw_keeper **out, struct gw_error *err)
{
	struct gw_keeper *k = calloc(1, sizeof(*k));
	if (!k)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	k->setup = *setup;
	k->setup.keeper = true;
	enum gw_status status = start(k, err);
	if (status) {
		free(k);
		return status;
	}
	*out = k;
	return GW_OK;
}

void gw_keeper_free(struct gw_keeper *k)
{
	if (!k)
		return;
	if (k->process.pid)
		close(k->process.control);
	free(k);
}

/* Whether the process runs. Starts it if necessary and possible. */
static bool is_there(struct gw_keeper *k)
{
	struct gw_error err;
	if (k->process.pid || gw_clock_ns() < k->start_at)
		return k->process.pid;
	if (start(k, &err))
		gw_log_error("cache: %s", err.text);
	return k->process.pid;
}

void gw_keeper_domain(int client, const char *identity, char out[GW_TRANSPORT_DOMAIN])
{
	if (identity[0])
		snprintf(out, GW_TRANSPORT_DOMAIN, "key-%s", identity);
	else
		gw_transport_peer_domain(client, out, GW_TRANSPORT_DOMAIN);
}

int gw_keeper_open(struct gw_keeper *k, const char *domain)
{
	struct gw_control_msg msg = {.type = GW_CONTROL_CACHE};
	struct gw_error err;
	int theirs, ours;
	if (!k || !domain[0] || !is_there(k))
		return -1;
	snprintf(msg.u.domain, sizeof(msg.u.domain), "%s", domain);
	enum gw_status status = gw_control_pair(&theirs, &ours, &err);
	if (!status) {
		status = gw_control_send(k->process.control, false, &msg, theirs, &err);
		close(theirs);
		if (status)
			close(ours);
	}
	if (!status)
		return ours;
	gw_log_warn("cache: clients of %s continue without it: %s", msg.u.domain, err.text);
	return -1;
}

void gw_keeper_reap(struct gw_keeper *k)
{
	int status;
	char how[64];
	if (!k || !k->process.pid || waitpid(k->process.pid, &status, WNOHANG) != k->process.pid)
		return;
	gw_process_status_text(status, how, sizeof(how));
	gw_log_error("cache: its keeper (process %ld) died of %s; clients that are there go on without the cache",
		(long)k->process.pid, how);
	close(k->process.control);
	k->process.pid = 0;
}
