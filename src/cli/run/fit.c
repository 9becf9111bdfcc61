#include "cli/run/fit.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/workers/probe.h"

/* The free memory of this machine's GPUs, which is what would be lent, unless that is the processor. */
static uint64_t *local_gpus(size_t *n)
{
	const struct gw_control_setup setup = {.probe = true, .has_log_level = true, .log_level = GW_LOG_ERROR};
	struct gw_probe probe;
	*n = 0;
	if (gw_probe_run(&setup, -1, &probe, NULL))
		return NULL;
	uint64_t *left = calloc(probe.n_devices ? probe.n_devices : 1, sizeof(*left));
	for (size_t i = 0; left && i < probe.n_devices; i++)
		if (strcmp(probe.devices[i].name, "CPU") != 0)
			left[(*n)++] = probe.devices[i].free;
	gw_probe_free(&probe);
	return left;
}

char *gw_fit_shares(const struct gw_inventory_server *servers, size_t n)
{
	size_t n_local;
	uint64_t *local = local_gpus(&n_local);
	char *shares = gw_inventory_shares(servers, n, local, n_local);
	free(local);
	return shares;
}

bool gw_fit_applies(const char *program)
{
	const char *slash = strrchr(program, '/');
	return strncmp(slash ? slash + 1 : program, "llama-", 6) == 0;
}

char **gw_fit_arguments(char **argv, char *shares)
{
	static char option[] = "-ts";
	size_t n = 0;
	while (argv[n])
		n++;
	char **more = calloc(n + 3, sizeof(char *));
	if (!more)
		return NULL;
	memcpy((void *)more, (void *)argv, n * sizeof(char *));
	more[n] = option;
	more[n + 1] = shares;
	return more;
}
