/* How a cache's directory is laid out. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_LAYOUT_H
#define GW_DEVICE_WEIGHTS_CACHE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

/* The file beside the entries that has their XXH3 (cache_names.h). */
#define GW_CACHE_NAMES "ggwire-xxh3"

/* The name of a file that is being written, as a template for mkostemp. Its writer holds a lock (flock) on it, which
 * tells it from one that a killed process left. */
#define GW_CACHE_TEMP ".ggwire-XXXXXX"

/* The directory below it in which each trust domain has one of its own. */
#define GW_CACHE_DOMAINS "clients"

/* Digits of an entry's name, its FNV-1a. */
#define GW_CACHE_DIGITS 16

/* Whether the name is that of an entry: 16 lower-case hexadecimal digits. */
static inline bool gw_cache_is_entry(const char *name)
{
	return strspn(name, "0123456789abcdef") == GW_CACHE_DIGITS && !name[GW_CACHE_DIGITS];
}

/* Bytes of disk that a file takes. st_blocks counts 512 bytes, whatever the file system's blocks are: stat(3type). */
static inline uint64_t gw_cache_disk_bytes(const struct stat *sb)
{
	return (uint64_t)sb->st_blocks * 512;
}

#endif
