/* The speed of a simulated device: its settings, and the time of a node. */
#ifndef GW_BENCH_CLUSTER_COST_H
#define GW_BENCH_CLUSTER_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml.h>

struct sim_settings {
	double flops;  /* operations per second */
	double bytes;  /* memory bandwidth in bytes per second */
	double launch; /* minimum number of seconds per node */
	double work;   /* the matrix of a multiplication represents one that is larger by this factor */
	double slow;   /* factor for all times: the scale of the simulation */
	double devices;
	double memory;  /* reported memory in bytes */
	double compute; /* 0: leave results untouched; otherwise compute them with ggml's CPU kernels */
};

/* Sets *out to the defaults, modified by text: NAME=NUMBER pairs separated by commas, or NULL. Returns false if a pair
 * is malformed, unknown or out of range; *bad then points to its start in text. */
bool sim_settings_parse(const char *text, struct sim_settings *out, const char **bad);

/* Seconds for a node of a graph: the larger of its arithmetic and its memory traffic (the roofline), plus the launch. 0
 * for nodes without work (views). */
double sim_node_seconds(const struct sim_settings *s, const struct ggml_tensor *node);

#endif
