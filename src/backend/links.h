/* Links between servers, which this process has them make (docs/protocol.md, "Links between servers"). A link belongs
 * to two connections of this process, and ends with either. */
#ifndef GW_BACKEND_LINKS_H
#define GW_BACKEND_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/remote_conn.h"

/* Whatever involves several servers is posted under this lock, to all of them: each server executes its requests in
 * order, and waits for the others. It comes before every gw_remote_conn.lock. What was posted is sent with
 * gw_client_flush_soon: a thread that waited here for another one's call on one of the servers would keep the request
 * from the others, on which that call may depend. */
void gw_links_lock(void);
void gw_links_unlock(void);

/* Links each two of n connections, unless they are linked already. Under the lock. Blocks for some seconds where a
 * server cannot reach another one; what has failed once for two connections fails at once from then on. */
enum gw_status gw_links_connect(struct gw_remote_conn *const *conns, size_t n, struct gw_error *err);

/* Whether linking these two has been tried. Under the lock. */
bool gw_links_tried(const struct gw_remote_conn *a, const struct gw_remote_conn *b);

/* The number that conn's server has for its link to the other one's; they are linked. Under the lock. */
uint32_t gw_links_number(const struct gw_remote_conn *conn, const struct gw_remote_conn *other);

#endif
