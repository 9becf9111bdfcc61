/* How long a simulated device takes: its settings, and the time of a node. */
#ifndef GW_BENCH_CLUSTER_COST_H
#define GW_BENCH_CLUSTER_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml.h>

struct sim_settings {
	double flops;  /* rate of arithmetic, operations a second */
	double bytes;  /* rate of memory, bytes a second */
	double launch; /* seconds that each node takes at least */
	double work;   /* the matrix of a multiplication stands for one this many times as large */
	double slow;   /* every time is this many times longer: the scale of the simulation */
	double devices;
	double memory;  /* bytes that a device says it has */
	double compute; /* 0: results are left as they were; else computed by ggml's CPU kernels */
};

/* Sets *out to the defaults, changed by text: NAME=NUMBER pairs with commas between them, NULL for none. False if a
 * pair is malformed, unknown, or out of bounds: *bad is then where in text it starts. */
bool sim_settings_parse(const char *text, struct sim_settings *out, const char **bad);

/* Seconds that a node of a graph takes: the longer of its arithmetic and its memory traffic (the roofline), and the
 * launch. 0 for what no device has to do (views). */
double sim_node_seconds(const struct sim_settings *s, const struct ggml_tensor *node);

#endif
