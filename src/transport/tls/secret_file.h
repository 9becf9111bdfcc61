/* Files that hold secrets. */
#ifndef GW_TRANSPORT_TLS_SECRET_FILE_H
#define GW_TRANSPORT_TLS_SECRET_FILE_H

#include <stddef.h>

#include "base/status.h"

/* Reads a file of at most max bytes. GW_ERR_NOT_FOUND: it does not exist. GW_ERR_INVALID: it is longer, is not a
 * regular file, belongs to another user (except root), or is accessible to anyone but its owner and is not a systemd
 * credential. GW_ERR_SYSTEM: it cannot be read. The errors name the remedy but not the file. *n is also set on failure,
 * because that many bytes may hold secrets. */
enum gw_status gw_secret_file_read(const char *path, char *text, size_t max, size_t *n, struct gw_error *err);

#endif
