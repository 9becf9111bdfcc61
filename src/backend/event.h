/* Events: marks in the order of work of one connection. */
#ifndef GW_BACKEND_EVENT_H
#define GW_BACKEND_EVENT_H

#include "ggml/layout.h"

/* NULL if memory runs out. */
ggml_backend_event_t gw_event_new(ggml_backend_dev_t dev);
void gw_event_free(ggml_backend_dev_t dev, ggml_backend_event_t event);

/* Marks the work that backend was given so far. Does not block. */
void gw_event_record(ggml_backend_t backend, ggml_backend_event_t event);

/* Blocks until the marked work is done. */
void gw_event_synchronize(ggml_backend_dev_t dev, ggml_backend_event_t event);

/* Makes what backend is given from now on happen after the marked work: on the same connection it does anyway, on
 * another one, or with another kind of device, this blocks until the work is done. */
void gw_event_wait(ggml_backend_t backend, ggml_backend_event_t event);

#endif
