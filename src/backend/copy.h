/* Tensors from one RPC buffer to another of the same layout. */
#ifndef GW_BACKEND_COPY_H
#define GW_BACKEND_COPY_H

#include <stdbool.h>

#include <ggml.h>

/* The server copies, if both buffers belong to one connection; otherwise the bytes come here and go on. Both block.
 * False if nothing was copied: the caller may try another way. */
bool gw_copy_on_server(const struct ggml_tensor *src, const struct ggml_tensor *dst);
bool gw_copy_between_servers(const struct ggml_tensor *src, const struct ggml_tensor *dst);

#endif
