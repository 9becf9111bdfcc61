/* One case through the server's own path: decoded, built, judged, launched. */
#ifndef GW_FUZZ_KERNELS_RUN_H
#define GW_FUZZ_KERNELS_RUN_H

#include "device/rules/op_judge.h"
#include "fuzz/kernels/case.h"

enum outcome {
	REFUSED, /* by the rules */
	STOPPED, /* by what is in it: row numbers, or too much memory */
	COMPUTED,
	SKIPPED, /* no room for it, or its maker asked ggml for something that it does not make */
	FOUND,
};

struct finding {
	char text[256];
	char refusal[400]; /* of a graph that was refused */
};

/* Prepares the process: signals, ggml's way of giving up. Faults in other threads end the process with status
 * RUN_STATUS_FAULT, after a line about them. */
#define RUN_STATUS_FAULT 99
void run_init(void);

/* Makes a case from gen and runs it. *f is set if the outcome is FOUND. What it prints goes to stdout. */
enum outcome run_case(struct kcase *c, struct finding *f);

#endif
