/* The self-check behind gw_abi_get. */
#ifndef GW_GGML_ABI_CHECK_H
#define GW_GGML_ABI_CHECK_H

#include <stdbool.h>

#include "base/status.h"

struct gw_abi {
	int api_version;    /* what ggml_backend_reg's first field must be: GW_GGML_API_2 or GW_GGML_API_3 */
	bool graph_private; /* use counts and the hash set of a graph may be read */
	bool graph_uid;     /* a graph's uid may be read */
};

/* Calls ggml's public functions on structs of our layout, whose function pointers all lead to probes, and looks at
 * which probe was reached. Fills *abi on GW_OK; GW_ERR_UNSUPPORTED and what differs otherwise. Not thread-safe: run it
 * once. */
enum gw_status gw_abi_check(struct gw_abi *abi, struct gw_error *err);

#endif
