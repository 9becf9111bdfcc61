/* Identifies the numbering of the running ggml, whose enums changed between releases. */
#ifndef GW_GGML_NUMBERS_H
#define GW_GGML_NUMBERS_H

#include <stdint.h>

#include <ggml.h>

#include "base/status.h"
#include "wire/dialect.h"

struct gw_numbers {
	const struct gw_names *ops;
	const struct gw_names *glus;
	uint32_t n_types;
	struct gw_version release; /* of ggml, 0.0.0 if its version is not written as one */
	const struct gw_dialect
		*dialect; /* the protocol of this release's own RPC, and the default of a server that runs on it */
};

/* Determined once for the process, from names only. NULL, with the error, if the numbering is not in wire/ops.h.
 * Thread-safe. */
const struct gw_numbers *gw_numbers_get(struct gw_error *err);

/* The operation in the numbering of our GGML_OP_ constants (ggml/constants.h): for switches and tables of them.
 * GGML_OP_COUNT for a number that the running ggml does not have. */
enum ggml_op gw_op_known(enum ggml_op running);

#endif
