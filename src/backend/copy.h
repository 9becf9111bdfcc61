/* Tensors from one RPC buffer to another of the same layout. */
#ifndef GW_BACKEND_COPY_H
#define GW_BACKEND_COPY_H

#include <stdbool.h>

#include <ggml.h>

/* The server copies, if both buffers belong to one connection; otherwise the bytes come here and go on. Both block.
 * False if nothing was copied: the caller may try another way. */
bool gw_copy_on_server(const struct ggml_tensor *src, const struct ggml_tensor *dst);
bool gw_copy_between_servers(const struct ggml_tensor *src, const struct ggml_tensor *dst);

/* One server sends the bytes to the other one, behind the work that was posted to either. Returns at once, except that
 * the first copy between two servers links them. False if they cannot be linked, or if GGML_RPC_NO_COMM is set. */
bool gw_copy_over_link(const struct ggml_tensor *src, const struct ggml_tensor *dst);

#endif
