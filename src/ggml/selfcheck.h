/* The self-check behind gw_abi_get. */
#ifndef GW_GGML_SELFCHECK_H
#define GW_GGML_SELFCHECK_H

#include "base/status.h"
#include "ggml/abi.h"

/* Calls ggml's public functions on structs of our layout, whose function pointers all lead to probes, and looks at
 * which probe was reached. Fills *abi on GW_OK; GW_ERR_UNSUPPORTED and what differs otherwise. Not thread-safe: run it
 * once. */
enum gw_status gw_selfcheck_run(struct gw_abi *abi, struct gw_error *err);

/* The part for graphs: sets abi->graph_private and abi->graph_uid. It cannot fail, since a plug-in works without. */
void gw_selfcheck_graph(struct gw_abi *abi);

#endif
