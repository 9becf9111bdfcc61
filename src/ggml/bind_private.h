/* What bind.c and load.c share. */
#ifndef GW_GGML_BIND_PRIVATE_H
#define GW_GGML_BIND_PRIVATE_H

#include "base/status.h"

/* Takes the functions that are found through a library, those for a program included. The library stays open then. */
enum gw_status gw_ggml_take_for_program(void *handle, struct gw_error *err);

#endif
