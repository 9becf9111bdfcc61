/* The RPC backend's public API, with the names and signatures of ggml's own header. */
#ifndef GGML_RPC_H
#define GGML_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml-backend.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The newest version of the protocol that is spoken; older ones down to 4.0.0 are too. */
#define RPC_PROTO_MAJOR_VERSION 8
#define RPC_PROTO_MINOR_VERSION 0
#define RPC_PROTO_PATCH_VERSION 0

#define GGML_RPC_MAX_SERVERS 16

/* An endpoint is HOST:PORT, [IPV6]:PORT or unix:PATH. Functions that take one connect to it at the first call, which
 * blocks for at most about ten seconds; a server that cannot be reached is logged. All may be called from any thread.
 */

/* A backend on a server's device, to be freed with ggml_backend_free. NULL if there is no such server or device. */
GGML_BACKEND_API ggml_backend_t ggml_backend_rpc_init(const char *endpoint, uint32_t device);

GGML_BACKEND_API bool ggml_backend_is_rpc(ggml_backend_t backend);

/* The buffer type of a server's device, always the same one. NULL if there is no such server or device. */
GGML_BACKEND_API ggml_backend_buffer_type_t ggml_backend_rpc_buffer_type(const char *endpoint, uint32_t device);

/* Bytes; 0 and 0 if there is no such server or device. */
GGML_BACKEND_API void ggml_backend_rpc_get_device_memory(
	const char *endpoint, uint32_t device, size_t *free, size_t *total);

/* Lends devices of this process until that fails, which is logged. cache_dir may be NULL. */
GGML_BACKEND_API void ggml_backend_rpc_start_server(
	const char *endpoint, const char *cache_dir, size_t n_threads, size_t n_devices, ggml_backend_dev_t *devices);

/* The registry entry "RPC", with the devices of the servers that the environment's GGML_RPC_SERVERS names. NULL if the
 * running ggml is not one that this library knows. */
GGML_BACKEND_API ggml_backend_reg_t ggml_backend_rpc_reg(void);

/* The registry entry of a server, always the same one for an endpoint, to be given to ggml_backend_register. NULL if it
 * cannot be reached. */
GGML_BACKEND_API ggml_backend_reg_t ggml_backend_rpc_add_server(const char *endpoint);

#ifdef __cplusplus
}
#endif

#endif
