#include "remote.h"

#include "measure.h"

typedef ggml_backend_reg_t (*add_server_fn)(const char *endpoint);

ggml_backend_t remote_open(const char *plugin, const char *endpoint)
{
	ggml_backend_reg_t rpc = ggml_backend_load(plugin);
	if (!rpc)
		die("the plug-in does not load");
	void *proc = ggml_backend_reg_get_proc_address(rpc, "ggml_backend_rpc_add_server");
	ggml_backend_reg_t server = proc ? ((add_server_fn)proc)(endpoint) : NULL;
	if (!server || ggml_backend_reg_dev_count(server) == 0)
		die("the server offers no device");
	ggml_backend_t backend = ggml_backend_dev_init(ggml_backend_reg_dev_get(server, 0), NULL);
	if (!backend)
		die("the remote device does not start");
	return backend;
}
