/* Changing key files (transport/tls/key_file.h). Several processes may change one at the same time; a server that reads
 * it meanwhile sees it before or after a change. */
#ifndef GW_CLI_KEY_STORE_H
#define GW_CLI_KEY_STORE_H

#include "base/status.h"
#include "transport/tls/key_file.h"

#define GW_KEY_LINE (GW_IDENTITY_MAX + 2 * GW_TLS_SECRET_MAX + 32) /* bytes of a line, with its NUL */

/* Writes the line of a key, without a newline. */
void gw_key_store_line(const struct gw_tls_key *key, char out[GW_KEY_LINE]);

/* Adds a key; creates the file, mode 0600, and its directory where they are missing. GW_ERR_INVALID: the identity has a
 * key already, or the file is not valid. GW_ERR_SYSTEM. */
enum gw_status gw_key_store_add(const char *path, const struct gw_tls_key *key, struct gw_error *err);

/* Removes the keys of an identity; all other lines stay as they are. GW_ERR_NOT_FOUND: there is none. */
enum gw_status gw_key_store_remove(const char *path, const char *identity, struct gw_error *err);

#endif
