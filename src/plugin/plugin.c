/* What ggml's loader calls. */
#include <ggml-backend.h>

#include "ggml-rpc.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT ggml_backend_reg_t ggml_backend_init(void);
EXPORT int ggml_backend_score(void);

/* NULL refuses the load, after saying why. */
ggml_backend_reg_t ggml_backend_init(void)
{
	return ggml_backend_rpc_reg();
}

/* The loader takes the plug-in with the highest score of those that have one, before any that has none. */
int ggml_backend_score(void)
{
	return 100;
}
