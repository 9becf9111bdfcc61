/* How a worker ends when the supervisor stops and sends SIGTERM: a client that is being served learns it first. */
#ifndef GW_DAEMON_WORKERS_STOPPING_H
#define GW_DAEMON_WORKERS_STOPPING_H

#include <stdbool.h>

/* From now on, SIGTERM ends the process only while no client is served. If that cannot be set up, it always does.
 * Call once, before threads exist and before the sandbox is entered. */
void gw_stopping_init(void);

/* A client is served from now on, or no longer. */
void gw_stopping_set_serving(bool serving);

/* The eventfd that becomes readable when SIGTERM arrives, or 0 if it could not be made. */
int gw_stopping_fd(void);

/* Whether SIGTERM has arrived while a client was served. */
bool gw_stopping_begun(void);

#endif
