/* Runs one case as the server does: decodes, builds, checks and computes it. */
#ifndef GW_FUZZ_KERNELS_RUN_H
#define GW_FUZZ_KERNELS_RUN_H

#include "device/rules/op_judge.h"
#include "fuzz/kernels/case.h"

enum outcome {
	REFUSED, /* by the rules */
	STOPPED, /* by its contents: row numbers, or too much memory */
	COMPUTED,
	SKIPPED, /* no room, or ggml does not support the maker's request */
	FOUND,
};

struct finding {
	char text[256];
	char refusal[400]; /* for REFUSED graphs */
};

/* Prepares the process: handlers for signals and ggml's aborts. Faults in other threads end the process with status
 * RUN_STATUS_FAULT after a message. */
#define RUN_STATUS_FAULT 99
void run_init(void);

/* Makes a case from gen and runs it. Sets *f if the outcome is FOUND. Output of the case goes to stdout. */
enum outcome run_case(struct kcase *c, struct finding *f);

#endif
