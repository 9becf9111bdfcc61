/* What was accepted, and what never was. Plain memory, which processes may share. */
#ifndef GW_FUZZ_KERNELS_TALLY_H
#define GW_FUZZ_KERNELS_TALLY_H

#include "fuzz/kernels/run.h"

struct tally {
	volatile uint64_t at; /* the case that is being run */
	uint64_t n[FOUND + 1];
	struct {
		uint64_t computed;
		uint64_t stopped;
		uint64_t refused;
		uint64_t types[1 + GGML_MAX_SRC]; /* that the result and the sources have had in what was computed */
	} op[GGML_OP_COUNT];
	uint64_t unary; /* variants that were computed */
	uint64_t glu;
};

/* Counts a case for the operations in it (computed), or the one that it was made for. */
void tally_count(struct tally *t, const struct kcase *c, enum outcome outcome);

void tally_print(const struct tally *t);

/* Whether all operations, types and variants that the server's rules allow have been computed; prints those that have
 * not. */
bool tally_is_complete(const struct tally *t);

#endif
