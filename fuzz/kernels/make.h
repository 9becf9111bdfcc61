/* Makers: each builds one operation, or a few that belong together, with ggml's constructors and random extents, types
 * and parameters. Together with strain.c they should produce everything that the server's rules allow. */
#ifndef GW_FUZZ_KERNELS_MAKE_H
#define GW_FUZZ_KERNELS_MAKE_H

#include "device/rules/op_rows.h"
#include "fuzz/kernels/gen.h"

struct maker {
	enum ggml_op op; /* the operation that is counted; of several, the one that the maker exists for */
	struct ggml_tensor *(*make)(struct gen *g, enum ggml_op op);
	uint32_t weight; /* relative frequency; 0 means 1 */
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
