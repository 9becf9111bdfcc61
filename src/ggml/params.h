/* op_params between two versions. Words were added to them, and values to their enumerations, without a new protocol
 * version, so before 8.0 nothing is passed on but what is known to mean the same: docs/protocol.md, "Parameters". */
#ifndef GW_GGML_PARAMS_H
#define GW_GGML_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "wire/ops.h"

#define GW_PARAMS 16 /* 32-bit words */

struct gw_params_rule;

/* The rule for the operation of this name where either side is older than 8.0. Never NULL. */
const struct gw_params_rule *gw_params_rule(const char *op);

/* Translates the parameters of an operation; variants are numbered by name, those of GLU according to the two tables.
 * GW_ERR_UNSUPPORTED, and what is in the way, if the other side may take them for something else; out is then
 * unspecified. */
enum gw_status gw_params_translate(const struct gw_params_rule *rule, const struct gw_names *from_glus,
	const struct gw_names *to_glus, const int32_t in[GW_PARAMS], int32_t out[GW_PARAMS], struct gw_error *err);

#endif
