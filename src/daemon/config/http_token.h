/* The token that HTTP clients on other machines must send. */
#ifndef GW_DAEMON_CONFIG_HTTP_TOKEN_H
#define GW_DAEMON_CONFIG_HTTP_TOKEN_H

#include "base/status.h"
#include "daemon/processes/control.h"

/* Reads it from a file with one line: 16 to 128 visible characters. Errors as gw_secret_file_read, and GW_ERR_INVALID
 * for a line that is no token; they name the option and the file. */
enum gw_status gw_http_token_load(const char *path, char out[GW_CONTROL_TOKEN], struct gw_error *err);

#endif
