/* The public API. */
#define GGML_BACKEND_SHARED /* its declarations are for export */
#include "ggml-rpc.h"

#include <string.h>

#include "backend/backend.h"
#include "backend/comm.h"
#include "backend/reg.h"
#include "base/log.h"
#include "device/inproc.h"

static const struct {
	const char *name;
	void *function;
} procs[] = {
	{"ggml_backend_rpc_add_server", (void *)ggml_backend_rpc_add_server},
	{"ggml_backend_rpc_start_server", (void *)ggml_backend_rpc_start_server},
	{"ggml_backend_comm_init", (void *)gw_comm_init},
	{"ggml_backend_comm_free", (void *)gw_comm_free},
	{"ggml_backend_comm_allreduce_tensor", (void *)gw_comm_allreduce},
};

static void *find_proc(const char *name)
{
	for (size_t i = 0; i < sizeof(procs) / sizeof(procs[0]); i++)
		if (strcmp(procs[i].name, name) == 0)
			return procs[i].function;
	return NULL;
}

ggml_backend_reg_t ggml_backend_rpc_reg(void)
{
	return gw_reg_get(find_proc);
}

ggml_backend_reg_t ggml_backend_rpc_add_server(const char *endpoint)
{
	return gw_reg_init(find_proc) ? gw_reg_add_server(endpoint) : NULL;
}

static ggml_backend_dev_t device_at(const char *endpoint, uint32_t device)
{
	return gw_reg_init(find_proc) ? gw_reg_device(endpoint, device) : NULL;
}

ggml_backend_t ggml_backend_rpc_init(const char *endpoint, uint32_t device)
{
	ggml_backend_dev_t dev = device_at(endpoint, device);
	return dev ? ggml_backend_dev_init(dev, NULL) : NULL;
}

bool ggml_backend_is_rpc(ggml_backend_t backend)
{
	return gw_backend_is_rpc(backend);
}

ggml_backend_buffer_type_t ggml_backend_rpc_buffer_type(const char *endpoint, uint32_t device)
{
	ggml_backend_dev_t dev = device_at(endpoint, device);
	return dev ? ggml_backend_dev_buffer_type(dev) : NULL;
}

void ggml_backend_rpc_get_device_memory(const char *endpoint, uint32_t device, size_t *free, size_t *total)
{
	ggml_backend_dev_t dev = device_at(endpoint, device);

	*free = *total = 0;
	if (dev)
		ggml_backend_dev_memory(dev, free, total);
}

void ggml_backend_rpc_start_server(
	const char *endpoint, const char *cache_dir, size_t n_threads, size_t n_devices, ggml_backend_dev_t *devices)
{
	const struct gw_server_options options = {
		.devices = devices,
		.n_devices = n_devices,
		.n_threads = n_threads,
		.dialect = gw_server_dialect(),
	};
	struct gw_error err;

	if (gw_reg_init(find_proc) && gw_server_run_inproc(endpoint, &options, cache_dir, NULL, NULL, &err) != GW_OK)
		gw_log_error("RPC: %s", err.text);
}
