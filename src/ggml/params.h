/* Translates op_params between two versions of ggml. Releases added words and enumeration values without a new protocol
 * version, so each side is sent only what it is known to understand: docs/protocol.md, "Parameters". */
#ifndef GW_GGML_PARAMS_H
#define GW_GGML_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include <ggml.h>

#include "base/status.h"
#include "wire/dialect.h"

#define GW_PARAMS 16 /* 32-bit words */

/* One side of a translation: the running ggml, or a peer whose protocol version is all that is known. */
struct gw_side {
	struct gw_version protocol;  /* of the peer, or what a server on the running ggml speaks */
	struct gw_version ggml;      /* release of the running ggml; 0.0.0 for a peer */
	const struct gw_names *glus; /* the variants of GLU that it has for certain */
};

struct gw_params_rule;

/* The rule for the operation of this name. Never NULL. */
const struct gw_params_rule *gw_params_rule(const char *op);

/* Whether a side is certain to compute the operation with sources of the node's number and types. GW_ERR_UNSUPPORTED,
 * with the obstacle, if not. */
enum gw_status gw_params_check_node(const struct gw_params_rule *rule, const struct gw_side *side,
	const struct ggml_tensor *node, struct gw_error *err);

/* Translates the parameters of an operation from one side to the other. A word that the receiver knows keeps its value.
 * A word that it may not know must have the value with the previous meaning, or be a hint, which is dropped. Otherwise
 * GW_ERR_UNSUPPORTED, with the obstacle; out is then unspecified. */
enum gw_status gw_params_translate(const struct gw_params_rule *rule, const struct gw_side *from,
	const struct gw_side *to, const int32_t in[GW_PARAMS], int32_t out[GW_PARAMS], struct gw_error *err);

/* Whether the two above allow every node, and change nothing. */
bool gw_params_are_same(const struct gw_params_rule *rule, const struct gw_side *from, const struct gw_side *to);

#endif
