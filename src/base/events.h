/* Waiting for descriptors: epoll, with a function to call for each. One thread. */
#ifndef GW_BASE_EVENTS_H
#define GW_BASE_EVENTS_H

#include <stdint.h>

#include "base/status.h"

/* Embedded, as the first member, in whatever waits for a descriptor. */
struct gw_source {
	void (*ready)(struct gw_source *source);
};

/* Makes a set of sources: a descriptor, to be closed. */
enum gw_status gw_events_open(int *events, struct gw_error *err);

/* Watches fd for input or its end until it is closed. source must stay valid until then, and until the
 * gw_events_wait under way has returned. */
enum gw_status gw_events_add(int events, int fd, struct gw_source *source, struct gw_error *err);

/* Ignores fd for a while, and watches it again. */
void gw_events_pause(int events, int fd);
void gw_events_resume(int events, int fd, struct gw_source *source);

/* Waits until a source is ready or gw_clock_ns() reaches deadline, and calls what is ready. */
enum gw_status gw_events_wait(int events, uint64_t deadline, struct gw_error *err);

#endif
