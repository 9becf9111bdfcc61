/* What ggml's kernels take for granted about an operation, as data: one row an operation, in op_rows_*.c. ggml checks
 * some of it where a program builds a graph, and nothing where a device computes one; a kernel that gets something else
 * aborts, divides by zero, never returns, or reads and writes outside its tensors. So a node is refused unless its row
 * allows all of it, and an operation without a row is refused.
 *
 * How to add a row for a new operation:
 *   1. Read its kernel, ggml-cpu's first (forward function, number of tasks, size of the work buffer) and its
 *      constructor in ggml.c. Whatever the kernel uses without a check of its own that a release build keeps
 *      has to be in the row.
 *   2. Name each operand: its types; its layout, the loosest that the kernel copes with; whether the result may lie on
 *      it. An operand that a row does not name must be absent.
 *   3. Parameters that are divisors, counts, sizes or choices get bounds. What ties extents, types and parameters
 *      together goes into a `fits` function (op_fits_*.c).
 *   4. A source of row numbers says what they stay below. They are checked before each launch (graph_indices.h).
 *   5. Give fuzz/kernels/make_*.c a case that builds the operation, and run `make fuzz-kernels`: it fails until the row
 *      lets every one of its types through, and where the kernel breaks a promise of the row.
 *   6. `ctest -R interop_supports` shows that what ggml's own tests execute is still allowed. */
#ifndef GW_DEVICE_RULES_OP_RULES_H
#define GW_DEVICE_RULES_OP_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml.h>

/* How the elements of an operand may lie. Of a type that comes in blocks, the blocks of a row are always adjacent.
 * FLAT and CONTIGUOUS differ where an extent is 1, whose stride ggml_is_contiguous ignores. Results of either have the
 * strides that ggml gives a new tensor. */
enum gw_layout {
	GW_LAYOUT_ANY,  /* any strides */
	GW_LAYOUT_ROWS, /* the elements of a row are adjacent */
	GW_LAYOUT_EVEN, /* and all rows are equally far apart, for kernels that step by nb[1]: ggml_is_contiguous_1 */
	GW_LAYOUT_FLAT, /* no gaps, in order, for kernels that count elements: ggml_is_contiguous */
	GW_LAYOUT_CONTIGUOUS, /* EVEN and FLAT */
};

/* How the result may lie to a source. */
enum gw_overlap {
	GW_OVERLAP_NEVER,    /* no byte in common: what the source holds decides what the kernel does next */
	GW_OVERLAP_IN_PLACE, /* no byte in common, or element upon element */
	GW_OVERLAP_ANY,      /* the kernel does not look at this source: the result is its memory */
};

struct gw_operand {
	uint64_t types;          /* bit n: enum ggml_type n; 0 = the operation has no such operand */
	enum gw_layout layout;   /* at least */
	enum gw_overlap overlap; /* of sources */
	bool optional;
	bool like_src0; /* and of the type of source 0 */
	bool written;   /* the kernel writes to this source, which so has to satisfy what a result does */
	bool maybe_empty;
	uint8_t rows_of; /* of indices: they are rows of this operand, GW_RESULT or GW_SRC(n); 0 = no indices */
	uint8_t rows_in; /* and count along this dimension of it */
};

#define GW_RESULT 1
#define GW_SRC(n) (2 + (n))

/* The operand that GW_RESULT or GW_SRC(n) names. */
static inline const struct ggml_tensor *gw_operand_of(const struct ggml_tensor *node, uint8_t which)
{
	return which == GW_RESULT ? node : node->src[which - GW_SRC(0)];
}

/* A parameter with bounds: a 32-bit word of op_params. */
struct gw_op_param {
	uint8_t word; /* counted from 1; 0 = no more */
	int32_t min;
	int32_t max;
};

#define GW_OP_PARAMS 12

struct gw_op_rule {
	enum ggml_op op; /* in the numbering of this build's headers */
	struct gw_operand result;
	struct gw_operand src[GGML_MAX_SRC];
	struct gw_op_param params[GW_OP_PARAMS];

	/* Whether extents, types and parameters belong together. Called once all of the above holds. NULL: always. */
	bool (*fits)(const struct ggml_tensor *node);

	/* Words of op_params that promise something about the contents of sources, which the server cannot check: bit n
	 * is word n. The server takes them back; without them the result is the same. */
	uint16_t hints;

	/* The source that ggml-cpu reads beyond its end, without use for what it finds there, and up to where: bytes
	 * from its beginning. That much has to be in its buffer. 0: none. */
	uint8_t overread; /* GW_SRC(n) */
	size_t (*reads)(const struct ggml_tensor *node);

	/* What gw_op_rule counts in the row, which leaves them out. */
	int n_src;     /* up to the last one that the operation takes */
	int n_rows_of; /* sources of indices */
	int n_written; /* sources that the kernel writes to */
};

/* Whether any extent is 0. Devices do not execute a node without elements. */
static inline bool gw_tensor_is_empty(const struct ggml_tensor *t)
{
	for (int i = 0; i < GGML_MAX_DIMS; i++)
		if (t->ne[i] == 0)
			return true;
	return false;
}

#endif
