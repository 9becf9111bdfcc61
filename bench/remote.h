/* A server's device, for programs that measure it through ggml's public interface. */
#ifndef GW_BENCH_REMOTE_H
#define GW_BENCH_REMOTE_H

#include <ggml-backend.h>

/* A backend on the first device of the server at an endpoint, through the plug-in of that file. Freed with
 * ggml_backend_free. Ends the program if there is none. */
ggml_backend_t remote_open(const char *plugin, const char *endpoint);

#endif
