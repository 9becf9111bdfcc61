/* Numbers of operations and tensor types on the wire, by name. The protocol sends ggml's enum values, which moved
 * between versions: a name is the only thing two versions share. Source: docs/protocol.md, "Numbering". */
#ifndef GW_WIRE_OPS_H
#define GW_WIRE_OPS_H

#include <stdint.h>

/* Names as ggml_op_name() / ggml_type_name() give them. A NULL entry is a number that is dead. */
struct gw_names {
	uint32_t count;
	const char *const *names;
};

extern const struct gw_names gw_ops_96;  /* 4.0.0 */
extern const struct gw_names gw_ops_97;  /* 4.0.1 */
extern const struct gw_names gw_ops_98;  /* 4.0.2 */
extern const struct gw_names gw_ops_101; /* 4.0.3 to 8.0.0 */

extern const struct gw_names gw_types_42; /* 4.0.0, and some releases with 4.0.1 */
extern const struct gw_names gw_types_43; /* 4.0.2 to 8.0.0 */

/* The variants of UNARY and GLU, which stand in the first word of op_params, as ggml_unary_op_name() and
 * ggml_glu_op_name() give them. */
extern const struct gw_names gw_unaries_22; /* all versions */
extern const struct gw_names gw_glus_6;     /* 4.0.0 to 5.1.0, and perhaps some releases with 6.0.0 */
extern const struct gw_names gw_glus_7;     /* 7.0.0 and 8.0.0 */

#define GW_NO_NUMBER UINT32_MAX

/* The number of name in the table, or GW_NO_NUMBER. name may be NULL. */
uint32_t gw_names_find(const struct gw_names *table, const char *name);

/* The name of a number, or NULL if it is dead or out of range. */
const char *gw_names_get(const struct gw_names *table, uint32_t number);

#endif
