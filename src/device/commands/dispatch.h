/* The loop that executes a client's requests. */
#ifndef GW_DEVICE_COMMANDS_DISPATCH_H
#define GW_DEVICE_COMMANDS_DISPATCH_H

#include "device/session/session.h"

/* Executes requests in order until the client leaves (GW_ERR_CLOSED) or one of them fails; the error then starts with
 * the command's name. HELLO was exchanged before. */
enum gw_status gw_dispatch_run(struct gw_session *s, struct gw_error *err);

#endif
