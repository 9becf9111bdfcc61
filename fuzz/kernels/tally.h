/* Counts what was accepted, and what never was. Plain memory, which processes can share. */
#ifndef GW_FUZZ_KERNELS_TALLY_H
#define GW_FUZZ_KERNELS_TALLY_H

#include "fuzz/kernels/run.h"

struct tally {
	volatile uint64_t at; /* the current case */
	uint64_t n[FOUND + 1];
	struct {
		uint64_t computed;
		uint64_t stopped;
		uint64_t refused;
		uint64_t types[1 + GGML_MAX_SRC]; /* types of the result and the sources in computed cases */
	} op[GGML_OP_COUNT];
	uint64_t unary; /* computed variants */
	uint64_t glu;
};

/* Counts a case for its operations (if computed), or for the operation it was made for. */
void tally_count(struct tally *t, const struct kcase *c, enum outcome outcome);

void tally_print(const struct tally *t);

/* Whether all operations, types and variants that the server's rules allow have been computed. Prints the missing
 * ones. */
bool tally_is_complete(const struct tally *t);

#endif
