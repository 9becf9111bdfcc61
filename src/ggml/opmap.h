/* Operations and types of a dialect <-> those of the running ggml, by name. */
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
	const struct gw_params_rule *rules[GW_OPMAP_MAX]; /* NULL: parameters are passed on as they are */
	bool may_expand[GW_OPMAP_MAX];                    /* the dialect's servers may want more than ggml_nbytes */

	const struct gw_names *wire_glus;
	const struct gw_names *local_glus;
};

/* The map for a dialect; built at first use, cached for the process, never freed. Thread-safe. Never NULL. */
const struct gw_opmap *gw_opmap_for(const struct gw_dialect *dialect);

/* Translations; GW_NO_NUMBER where there is none. */
uint32_t gw_opmap_op_local(const struct gw_opmap *m, uint32_t wire);
uint32_t gw_opmap_op_wire(const struct gw_opmap *m, enum ggml_op op);
uint32_t gw_opmap_type_local(const struct gw_opmap *m, uint32_t wire);
uint32_t gw_opmap_type_wire(const struct gw_opmap *m, enum ggml_type type);

/* The parameters of an operation, which has numbers on both sides, for the other side. GW_ERR_UNSUPPORTED, and what is
 * in the way, where the other side may take them for something else. */
enum gw_status gw_opmap_params_to_wire(const struct gw_opmap *m, enum ggml_op op, const int32_t in[GW_PARAMS],
	int32_t out[GW_PARAMS], struct gw_error *err);
enum gw_status gw_opmap_params_to_local(const struct gw_opmap *m, enum ggml_op op, const int32_t in[GW_PARAMS],
	int32_t out[GW_PARAMS], struct gw_error *err);

/* Whether a server of the dialect is to be asked how much memory the result of op takes. */
bool gw_opmap_may_expand(const struct gw_opmap *m, enum ggml_op op);

#endif
