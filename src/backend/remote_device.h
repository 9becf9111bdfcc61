/* A device of a server and its buffer type, as their parts share them. Never freed once ggml has seen them: it keeps
 * pointers to both. */
#ifndef GW_BACKEND_REMOTE_DEVICE_H
#define GW_BACKEND_REMOTE_DEVICE_H

#include <stdint.h>

#include "backend/remote.h"
#include "ggml/layout.h"

struct gw_remote_device {
	struct ggml_backend_device base;
	union gw_ggml_buffer_type buft;
	struct gw_remote *remote;
	uint32_t index; /* on its server */
	char name[32];  /* "RPC0": counts all devices of the process */
	char *place;    /* "RPC0[host:port]": the name of the buffer type and of backends; index on the server */
	char *description;
};

#endif
