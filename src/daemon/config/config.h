/* Files of "key = value" lines. */
#ifndef GW_DAEMON_CONFIG_CONFIG_H
#define GW_DAEMON_CONFIG_CONFIG_H

#include "base/status.h"

/* Takes what one line says: neither text is empty or has blanks around it. Both end with the call. */
typedef enum gw_status gw_config_take(void *user, const char *key, const char *value, struct gw_error *err);

/* Reads a file and hands its lines to take, in order, until one is refused. '#' at the start of a line or behind a
 * blank begins a comment; lines without a key are skipped. GW_ERR_NOT_FOUND: there is no such file. What is wrong with
 * a line, take's error too, comes with the file's name and the line's number in front. */
enum gw_status gw_config_read(const char *path, gw_config_take *take, void *user, struct gw_error *err);

#endif
