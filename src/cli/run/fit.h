/* `ggwire run --fit`: how a llama.cpp program should split its model over the devices. */
#ifndef GW_CLI_RUN_FIT_H
#define GW_CLI_RUN_FIT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/inventory.h"

/* The value for -ts: shares of the remote devices, and behind them of this machine's GPUs, in the order in which
 * llama.cpp uses them. Looks for local GPUs, which takes a process of its own and up to seconds. For the caller to
 * free; NULL if memory runs out. */
char *gw_fit_shares(const struct gw_inventory_server *servers, size_t n);

/* Whether a program takes llama.cpp's options, by its name. */
bool gw_fit_applies(const char *program);

/* A copy of argv with "-ts" and shares behind it, or NULL. For the caller to free, without the words. */
char **gw_fit_arguments(char **argv, char *shares);

#endif
