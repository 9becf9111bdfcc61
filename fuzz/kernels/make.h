/* Makers: each builds one operation, or a few that belong together, as ggml's own constructors do, with extents, types
 * and parameters by choice. Everything a row of the server's rules allows should come out of one of them, or out of
 * what strain.c makes of it. */
#ifndef GW_FUZZ_KERNELS_MAKE_H
#define GW_FUZZ_KERNELS_MAKE_H

#include "device/rules/op_rows.h"
#include "fuzz/kernels/gen.h"

struct maker {
	enum ggml_op op; /* what is counted; of several, the one that the others are there for */
	struct ggml_tensor *(*make)(struct gen *g, enum ggml_op op);
	uint32_t weight; /* how often, beside the others; 0 stands for 1 */
};

struct makers {
	const struct maker *list;
	size_t n;
};

extern const struct makers make_elements;
extern const struct makers make_moves;
extern const struct makers make_matrices;
extern const struct makers make_convs;
extern const struct makers make_states;
extern const struct makers make_training;
extern const struct makers make_chains;

#define MAKERS(list)                                     \
	{                                                \
		(list), sizeof(list) / sizeof((list)[0]) \
	}

#endif
