/* Shared libraries that are optional: loaded when they are first needed, so that one binary serves machines with and
 * without them. */
#ifndef GW_BASE_LIBRARY_H
#define GW_BASE_LIBRARY_H

#include <stddef.h>

#include "base/status.h"

/* Where the address of a function goes: an offset in a table of function pointers. */
struct gw_symbol {
	size_t offset;
	const char *name;
};

struct gw_library {
	const char *file;   /* as dlopen takes it */
	const char *remedy; /* what a user does where it is missing or too old: "install ..." */
	const struct gw_symbol *symbols;
	size_t n;
};

/* Loads the library and fills the table with its functions. It stays loaded. GW_ERR_NOT_FOUND: it cannot be loaded;
 * GW_ERR_UNSUPPORTED: it lacks a function; the error ends in the remedy. From any thread. */
enum gw_status gw_library_load(const struct gw_library *library, void *table, struct gw_error *err);

#endif
