/* Loads a plug-in as ggml would, in a process of its own: what it does there, this process survives. */
#ifndef GW_CLI_DOCTOR_PLUGIN_TRIAL_H
#define GW_CLI_DOCTOR_PLUGIN_TRIAL_H

#include <stdbool.h>

/* How far it got. */
enum gw_plugin_step {
	GW_PLUGIN_DIED,    /* the process, by a signal, or after a time-out; text says which */
	GW_PLUGIN_NO_LOAD, /* dlopen refused; text is its reason */
	GW_PLUGIN_FOREIGN, /* it is no plug-in: text names the symbol that is missing */
	GW_PLUGIN_REFUSED, /* it does not want this ggml; text is what it said, its last line */
	GW_PLUGIN_LOADED,
};

struct gw_plugin_trial {
	enum gw_plugin_step step;
	bool has_score;
	int score;
	int api_version; /* of a plug-in that was loaded */
	char name[64];   /* of its registry */
	char text[256];
};

/* Blocks for at most timeout_ms. No other thread may be running. */
void gw_plugin_try(const char *path, int timeout_ms, struct gw_plugin_trial *out);

#endif
