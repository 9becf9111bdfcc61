/* Where the stock server keeps large weights, so that both find each other's files. */
#ifndef GW_DAEMON_CONFIG_CACHE_DIR_H
#define GW_DAEMON_CONFIG_CACHE_DIR_H

#include <stddef.h>

#include "base/status.h"

/* Writes the directory's path, without a '/' at its end, and makes it and its parents (mode 0755) where they are
 * missing: $LLAMA_CACHE/rpc, or else $XDG_CACHE_HOME/llama.cpp/rpc, or else $HOME/.cache/llama.cpp/rpc. */
enum gw_status gw_cache_dir_make(char *path, size_t size, struct gw_error *err);

/* The same for the indices of models, which workers may only read: $LLAMA_CACHE/ggwire, or else $XDG_CACHE_HOME/ggwire,
 * or else $HOME/.cache/ggwire. */
enum gw_status gw_index_dir_make(char *path, size_t size, struct gw_error *err);

#endif
