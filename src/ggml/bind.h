/* Finds the functions of the ggml that runs in this process. A plug-in that is linked with ggml's libraries can only be
 * loaded where these have the same names as at build time. Ours is not linked with them, and looks functions up. */
#ifndef GW_GGML_BIND_H
#define GW_GGML_BIND_H

#include <limits.h>
#include <stdbool.h>

#include "base/status.h"

/* Looks for ggml in the scope of the library or program that holds the address caller, and then in all that the
 * process has loaded. All functions of src/ggml/functions.list that every release has must be there.
 * GW_ERR_NOT_FOUND: there is no ggml. GW_ERR_UNSUPPORTED: it lacks functions, which *err names with the library's path;
 * or an earlier call has found another ggml, whose objects may be in use. The same result for the same ggml at every
 * call. Not thread-safe: ggml loads plug-ins one by one. */
enum gw_status gw_ggml_bind(const void *caller, struct gw_error *err);

/* Whether functions were found, by a call or when this code was loaded beside a ggml. */
bool gw_ggml_is_bound(void);

/* The library that has libggml-base's functions; "" if none was found. */
const char *gw_ggml_path(void);

/* The bound ggml for people: "ggml 0.15.3 (1a2b3c4)", without the commit if its build did not know it. Static storage.
 * Thread-safe. */
const char *gw_ggml_text(void);

/* Loads a ggml for this program and finds its functions, those of the registry of backends included. dir: a directory
 * that holds libggml and libggml-base under any of their names; NULL: the directories of the program, its ../lib, its
 * ../lib/ggml, and where the system's loader looks. Does nothing, successfully, if a ggml with a registry is bound
 * already. GW_ERR_NOT_FOUND, with what was tried, or GW_ERR_UNSUPPORTED as above. */
enum gw_status gw_ggml_load(const char *dir, struct gw_error *err);

/* The directory of the ggml that gw_ggml_load found, which is also where its backends may lie; "" if it is the
 * system's. */
const char *gw_ggml_dir(void);

#endif
