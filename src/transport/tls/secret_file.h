/* Files that hold secrets. */
#ifndef GW_TRANSPORT_TLS_SECRET_FILE_H
#define GW_TRANSPORT_TLS_SECRET_FILE_H

#include <stddef.h>

#include "base/status.h"

/* Reads a file of at most max bytes. GW_ERR_NOT_FOUND: there is none. GW_ERR_INVALID: it is longer, is no regular file,
 * belongs to another user (except root), or others than its owner have access and it is no credential of systemd.
 * GW_ERR_SYSTEM: it cannot be read. The errors say what to do and do not name the file. *n is set on failure, too: so
 * many bytes may hold secrets. */
enum gw_status gw_secret_file_read(const char *path, char *text, size_t max, size_t *n, struct gw_error *err);

#endif
