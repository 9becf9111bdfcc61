/* The registry entries: "RPC", and one for each server that a program adds. */
#ifndef GW_BACKEND_REG_H
#define GW_BACKEND_REG_H

#include <stdbool.h>

#include "backend/remote.h"
#include "ggml/layout.h"

/* Finds a function that programs request from the registry entry by name; NULL if the name is unknown. */
typedef void *(*gw_proc_lookup)(const char *name);

/* Lets the log go to ggml's and checks ggml's layout, at the first call; lookup counts then. False if the layout is not
 * known, which is logged once. Does not connect. Thread-safe, as everything below. */
bool gw_reg_init(gw_proc_lookup lookup);

/* The same, then the entry "RPC": with the devices of the servers in the environment's GGML_RPC_SERVERS (a list
 * separated by commas), each of which the first call connects to. Other calls wait for it. NULL if the layout is not
 * known. */
ggml_backend_reg_t gw_reg_get(gw_proc_lookup lookup);

/* The entry "RPC[endpoint]" with the server's devices: always the same for an endpoint. Connects at the first call for
 * it; other calls for the same endpoint wait for the outcome, and calls for other endpoints do not. NULL if there is no
 * server, which is logged. gw_reg_init must have succeeded. */
ggml_backend_reg_t gw_reg_add_server(const char *endpoint);

/* The same over connections that dial makes. */
ggml_backend_reg_t gw_reg_add_server_over(const char *endpoint, gw_dial dial, void *dial_user);

/* The device of a server, adding it as above. NULL, and a line in the log, if it has no such device. */
ggml_backend_dev_t gw_reg_device(const char *endpoint, uint32_t device);

#endif
