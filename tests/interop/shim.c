/* Preloaded into a stock program that has no --rpc option: after the program has loaded ggml's backends, registers the
 * devices of every endpoint in GGML_RPC_SERVERS with the plug-in that owns the name RPC. The stock plug-in ignores that
 * variable; this way the same programs can test both plug-ins. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ggml-backend.h>

typedef ggml_backend_reg_t (*add_server_fn)(const char *endpoint);

static void server_register(add_server_fn add_server, const char *endpoint)
{
	ggml_backend_reg_t reg = add_server(endpoint);
	if (reg)
		ggml_backend_register(reg);
	else
		fprintf(stderr, "shim: the plug-in rejects the server at %s\n", endpoint);
}

static void servers_register(void)
{
	static bool done;
	const char *list = getenv("GGML_RPC_SERVERS");
	if (done || !list)
		return;
	done = true;
	ggml_backend_reg_t rpc = ggml_backend_reg_by_name("RPC");
	void *proc = rpc ? ggml_backend_reg_get_proc_address(rpc, "ggml_backend_rpc_add_server") : NULL;
	char *copy = strdup(list);
	if (!proc || !copy) {
		fprintf(stderr, "shim: no RPC plug-in was loaded\n");
		exit(EXIT_FAILURE);
	}
	char *rest = NULL;
	for (char *one = strtok_r(copy, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
		server_register((add_server_fn)proc, one);
	free(copy);
}

void ggml_backend_load_all(void)
{
	void (*next)(void) = (void (*)(void))dlsym(RTLD_NEXT, "ggml_backend_load_all");
	if (next)
		next();
	servers_register();
}

void ggml_backend_load_all_from_path(const char *dir)
{
	void (*next)(const char *) = (void (*)(const char *))dlsym(RTLD_NEXT, "ggml_backend_load_all_from_path");
	if (next)
		next(dir);
	servers_register();
}
