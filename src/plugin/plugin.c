/* What ggml's loader calls. */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#include <ggml-backend.h>

#include "backend/reg.h"
#include "backend/report/sink.h"
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

/* Whether another file of this plug-in is registered, which GGML_BACKEND_PATH can bring about: each would offer the
 * same devices. The registry is in the library that loads plug-ins, to which they are not linked. */
static bool is_there_already(void)
{
	void *symbols[2] = {dlsym(RTLD_DEFAULT, "ggml_backend_reg_count"), dlsym(RTLD_DEFAULT, "ggml_backend_reg_get")};
	size_t (*count)(void);
	ggml_backend_reg_t (*get)(size_t index);

	if (!symbols[0] || !symbols[1])
		return false;
	memcpy((void *)&count, (void *)&symbols[0], sizeof(count));
	memcpy((void *)&get, (void *)&symbols[1], sizeof(get));
	for (size_t i = 0; i < count(); i++)
		if (ggml_backend_reg_get_proc_address(get(i), GW_REG_MARK))
			return true;
	return false;
}

/* NULL refuses the load, after saying why. */
ggml_backend_reg_t ggml_backend_init(void)
{
	static ggml_backend_reg_t given;

	if (!can_serve(__builtin_return_address(0)))
		return NULL;
	if (given)
		return given;
	if (!is_there_already())
		return given = ggml_backend_rpc_reg();
	gw_log_info("ggwire: the plug-in is loaded already, from another file; this one offers no devices");
	return given = gw_reg_empty();
}

/* The loader takes the plug-in with the highest score of those that have one, before any that has none; with 0 it takes
 * another, such as ggml's own. */
int ggml_backend_score(void)
{
	return can_serve(__builtin_return_address(0)) ? 100 : 0;
}
