/* Decides which connections of a client use TLS, and with which key, from the user's key file and environment. */
#ifndef GW_TRANSPORT_TLS_POLICY_H
#define GW_TRANSPORT_TLS_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "transport/tls/key_file.h"

enum gw_tls_mode {
	GW_TLS_OFF,
	GW_TLS_ON,      /* TLS if a key fits the endpoint */
	GW_TLS_REQUIRE, /* a connection without a key is refused; only Unix sockets need none */
};

/* "off", "on", "require". False for anything else. */
bool gw_tls_mode_parse(const char *text, enum gw_tls_mode *out);

#define GW_TLS_PATH 4096 /* bytes of a path, with its NUL */

/* The user's key file: GGWIRE_PSK_FILE, or ggwire/keys in $XDG_CONFIG_HOME or ~/.config. False if the environment
 * names no such directory. *named: the user named the file, so it must exist. */
bool gw_tls_user_file(char out[GW_TLS_PATH], bool *named);

/* The default key file of a server: /etc/ggwire/keys for root, otherwise ggwire/server-keys in $XDG_CONFIG_HOME or
 * ~/.config. GW_ERR_NOT_FOUND: the environment has no home directory. */
enum gw_status gw_tls_server_file(char *out, size_t size, struct gw_error *err);

/* Whether the user has keys or requires them; then unauthenticated servers are not used. Errors as below. */
enum gw_status gw_tls_has_keys(bool *out, struct gw_error *err);

/* Decides how to connect to an endpoint. *use is false for a plain connection; otherwise *key is set. Reads the key
 * file. GW_ERR_INVALID: the environment or the key file is wrong, or a key is required and none fits, or the key has
 * expired. GW_ERR_NOT_FOUND, GW_ERR_SYSTEM: a file that the user named cannot be read. The error names the remedy. */
enum gw_status gw_tls_choose(const struct gw_endpoint *ep, struct gw_tls_key *key, bool *use, struct gw_error *err);

/* Puts TLS around a connection to a server; blocks for at most timeout_ms. On success *t is the new connection. On
 * failure *t is closed and NULL, and the error names the remedy. There is no fallback to a plain connection. */
enum gw_status gw_tls_upgrade(
	struct gw_transport **t, const struct gw_tls_key *key, int timeout_ms, struct gw_error *err);

#endif
