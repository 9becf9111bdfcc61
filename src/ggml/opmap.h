/* Operations, types and parameters of a dialect <-> those of the running ggml; operations and types by name. */
#ifndef GW_GGML_OPMAP_H
#define GW_GGML_OPMAP_H

#include <stdbool.h>
#include <stdint.h>

#include <ggml.h>

#include "base/status.h"
#include "ggml/params.h"
#include "wire/dialect.h"

#define GW_OPMAP_MAX 256

struct gw_opmap {
	uint32_t op_to_local[GW_OPMAP_MAX]; /* GW_NO_NUMBER: not known here, or not of the dialect */
	uint32_t op_to_wire[GW_OPMAP_MAX];
	uint32_t type_to_local[GW_OPMAP_MAX];
	uint32_t type_to_wire[GW_OPMAP_MAX];

	/* By the local number. */
	const struct gw_params_rule *rules[GW_OPMAP_MAX];
	bool same_params[GW_OPMAP_MAX]; /* in both directions: nothing to translate or check */
	bool may_expand[GW_OPMAP_MAX];  /* the dialect's servers may need more than ggml_nbytes */

	struct gw_side here;   /* the running ggml */
	struct gw_side server; /* of the dialect: what each release with it has */
	struct gw_side client; /* of the dialect: what some release with it may have */
	bool old_states;       /* clients may have GATED_DELTA_NET's state in another shape */
};

/* The map for a dialect; built at first use, cached for the process, never freed. Thread-safe. Never NULL. */
const struct gw_opmap *gw_opmap_for(const struct gw_dialect *dialect);

/* Translations; GW_NO_NUMBER where there is none. */
uint32_t gw_opmap_op_local(const struct gw_opmap *m, uint32_t wire);
uint32_t gw_opmap_op_wire(const struct gw_opmap *m, enum ggml_op op);
uint32_t gw_opmap_type_local(const struct gw_opmap *m, uint32_t wire);
uint32_t gw_opmap_type_wire(const struct gw_opmap *m, enum ggml_type type);

/* Translates the parameters of a tensor's operation, which has a number of the dialect, for a server of the dialect.
 * GW_ERR_UNSUPPORTED, with the obstacle, if some server with this dialect might compute something else, or abort. */
enum gw_status gw_opmap_params_to_wire(
	const struct gw_opmap *m, const struct ggml_tensor *t, int32_t out[GW_PARAMS], struct gw_error *err);

/* Translates a node from a client of the dialect, except its op, which is local already, to the running ggml. spare is
 * memory for one more source and must live as long as the node; it may be NULL if gw_opmap_needs_spare returns false.
 * GW_ERR_UNSUPPORTED, with the obstacle, if the running ggml has no equivalent. */
enum gw_status gw_opmap_node_to_local(
	const struct gw_opmap *m, struct ggml_tensor *node, struct ggml_tensor *spare, struct gw_error *err);

/* Whether nodes of this operation may need a spare. */
bool gw_opmap_needs_spare(const struct gw_opmap *m, enum ggml_op op);

/* Whether a server of the dialect must be asked for the size of op's result. */
bool gw_opmap_may_expand(const struct gw_opmap *m, enum ggml_op op);

#endif
