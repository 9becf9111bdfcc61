/* Endpoints as users write them: HOST:PORT, [IPV6]:PORT, unix:PATH. Without a port it is GW_DEFAULT_PORT. */
#ifndef GW_TRANSPORT_LIST_ENDPOINT_H
#define GW_TRANSPORT_LIST_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "transport/transport.h"

#define GW_ENDPOINT_MAX sizeof(((struct gw_endpoint *)0)->host) /* bytes of an endpoint's text, with its NUL */

/* Parses text. GW_ERR_INVALID, with an error that quotes text and says what was expected. Port 0 is valid only where
 * allow_port_0 is set (listening). */
enum gw_status gw_endpoint_parse(const char *text, bool allow_port_0, struct gw_endpoint *ep, struct gw_error *err);

/* Writes the endpoint as users write it. out should have GW_ENDPOINT_MAX bytes + 16. */
void gw_endpoint_format(const struct gw_endpoint *ep, char *out, size_t size);

/* Whether the endpoint can be reached from this machine only: 127.0.0.0/8, ::1, "localhost", Unix sockets. */
bool gw_endpoint_is_local(const struct gw_endpoint *ep);

/* Takes the next endpoint out of a list that is separated by commas or blanks: writes NULs into the list and moves
 * *list past it, or to NULL. NULL at the end. Two adjacent commas enclose an empty one. */
char *gw_endpoint_next(char **list);

#endif
