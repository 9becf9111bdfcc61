/* Wire numbers of a dialect <-> numbers of the running ggml, by name. */
#ifndef GW_GGML_OPMAP_H
#define GW_GGML_OPMAP_H

#include <stdint.h>

#include <ggml.h>

#include "wire/dialect.h"

#define GW_OPMAP_MAX 256

struct gw_opmap {
	uint32_t op_to_local[GW_OPMAP_MAX]; /* GW_NO_NUMBER: not known here, or not of the dialect */
	uint32_t op_to_wire[GW_OPMAP_MAX];
	uint32_t type_to_local[GW_OPMAP_MAX];
	uint32_t type_to_wire[GW_OPMAP_MAX];
};

/* The map for a dialect; built at first use, cached for the process, never freed. Thread-safe. Never NULL. */
const struct gw_opmap *gw_opmap_for(const struct gw_dialect *dialect);

/* Translations; GW_NO_NUMBER where there is none. */
uint32_t gw_opmap_op_local(const struct gw_opmap *m, uint32_t wire);
uint32_t gw_opmap_op_wire(const struct gw_opmap *m, enum ggml_op op);
uint32_t gw_opmap_type_local(const struct gw_opmap *m, uint32_t wire);
uint32_t gw_opmap_type_wire(const struct gw_opmap *m, enum ggml_type type);

#endif
