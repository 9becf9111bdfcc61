/* Keeping the cache's directory within bounds. Its files may be those of several processes, stock servers included. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_TRIM_H
#define GW_DEVICE_WEIGHTS_CACHE_TRIM_H

#include <stdbool.h>
#include <stdint.h>

/* The name of a file that is being written, as a template for mkostemp. Its writer holds a lock (flock) on it, which
 * tells it from one that a killed process left. */
#define GW_CACHE_TEMP ".ggwire-XXXXXX"

/* Whether the name is that of a payload: 16 lower-case hexadecimal digits. */
bool gw_cache_is_payload(const char *name);

/* Removes what killed processes left, and then payloads, least recently used first, until all files together have at
 * most max bytes. A directory that cannot be read is left as it is. Blocks for the disk. */
void gw_cache_trim(const char *dir, uint64_t max);

#endif
