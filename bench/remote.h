/* Opens a server's device, for programs that measure it through ggml's public interface. */
#ifndef GW_BENCH_REMOTE_H
#define GW_BENCH_REMOTE_H

#include <ggml-backend.h>

/* Returns a backend on the first device of the server at endpoint, through the plug-in in that file. Free it with
 * ggml_backend_free. Ends the program on failure. */
ggml_backend_t remote_open(const char *plugin, const char *endpoint);

#endif
