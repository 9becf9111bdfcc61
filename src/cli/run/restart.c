#include "cli/run/restart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/inventory.h"
#include "cli/run/child.h"
#include "cli/verb.h"

#define ANSWER_S 2.0
#define FIRST_LOOK_S 0.2
#define LAST_LOOK_S 0.5
#define QUICK_S 10.0 /* a program that ended sooner is started later each time */
#define FIRST_PAUSE_S 1.0
#define LAST_PAUSE_S 60.0

/* Whether all servers answer and have a place. */
static bool all_are_back(const struct gw_servers *servers, enum gw_transport_mode mode)
{
	struct gw_inventory_server found[GW_SERVERS_MAX];
	bool back = true;
	gw_inventory_take(servers->endpoints, servers->n, mode, ANSWER_S, found);
	for (size_t i = 0; i < servers->n; i++)
		back = back && !found[i].status && !(found[i].server.info.flags & GW_EXT_SERVER_FULL);
	gw_inventory_free(found, servers->n);
	return back;
}

/* False if a signal asks for the end. */
static bool await_servers(const struct gw_servers *servers, enum gw_transport_mode mode)
{
	double pause_s = FIRST_LOOK_S;
	while (!all_are_back(servers, mode)) {
		if (gw_child_sleep_until_stop(pause_s))
			return false;
		pause_s = pause_s * 1.5 < LAST_LOOK_S ? pause_s * 1.5 : LAST_LOOK_S;
	}
	return true;
}

static double seconds_since(uint64_t start)
{
	return (double)(gw_clock_ns() - start) / (double)GW_NS_PER_S;
}

/* Waits until the program can be started again. False if a signal asks for the end. */
static bool wait_to_restart(const char *program, const char *name, const struct gw_servers *servers,
	enum gw_transport_mode mode, double ran_s, double *pause_s)
{
	uint64_t start = gw_clock_ns();
	gw_verb_complain(program, 0, "%s lost a server after %.1f s; waiting until all servers answer", name, ran_s);
	if (!await_servers(servers, mode))
		return false;
	double down_s = seconds_since(start);
	if (ran_s >= QUICK_S) {
		*pause_s = 0;
	} else {
		*pause_s = *pause_s > 0 ? *pause_s * 2 : FIRST_PAUSE_S;
		*pause_s = *pause_s < LAST_PAUSE_S ? *pause_s : LAST_PAUSE_S;
	}
	if (*pause_s > down_s && gw_child_sleep_until_stop(*pause_s - down_s))
		return false;
	gw_verb_complain(program, 0, "all servers answer after %.1f s; starting %s again", seconds_since(start), name);
	return true;
}

static bool has_lost_a_server(const struct gw_child_end *end)
{
	return !end->signo && (end->exit_status == GW_EXIT_LOST || end->exit_status == GW_EXIT_UNREACHABLE);
}

int gw_restart_run(
	const char *program, char *const *argv, const struct gw_servers *servers, enum gw_transport_mode mode)
{
	sigset_t before;
	struct gw_child_end end;
	bool stop = false;
	double pause_s = 0;
	gw_child_block_signals(&before);
	do {
		uint64_t start = gw_clock_ns();
		if (!gw_child_run(argv, &before, &end, &stop))
			return gw_verb_complain(program, GW_EXIT_FINDING, "no process: %s", strerror(errno));
		if (stop || !has_lost_a_server(&end))
			break;
		stop = !wait_to_restart(program, argv[0], servers, mode, seconds_since(start), &pause_s);
	} while (!stop);
	gw_child_end_alike(&end, &before);
}
