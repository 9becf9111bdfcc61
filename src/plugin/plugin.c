/* What ggml's loader calls. */
#include <ggml-backend.h>

#include "backend/sink.h"
#include "base/log.h"
#include "ggml-rpc.h"
#include "ggml/abi.h"
#include "ggml/bind.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT ggml_backend_reg_t ggml_backend_init(void);
EXPORT int ggml_backend_score(void);

/* Whether the ggml that the caller belongs to can be served: it is the loader. Says why not. */
static bool can_serve(const void *caller)
{
	struct gw_error err;
	bool bound = gw_ggml_bind(caller, &err) == GW_OK;
	if (bound)
		gw_sink_install();
	if (bound && gw_abi_get(&err))
		return true;
	gw_log_error("RPC: ggwire's plug-in cannot be used here: %s", err.text);
	return false;
}

/* NULL refuses the load, after saying why. */
ggml_backend_reg_t ggml_backend_init(void)
{
	return can_serve(__builtin_return_address(0)) ? ggml_backend_rpc_reg() : NULL;
}

/* The loader takes the plug-in with the highest score of those that have one, before any that has none; with 0 it takes
 * another, such as ggml's own. */
int ggml_backend_score(void)
{
	return can_serve(__builtin_return_address(0)) ? 100 : 0;
}
