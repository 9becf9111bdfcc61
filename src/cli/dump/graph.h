/* Graphs of the wire in words. */
#ifndef GW_CLI_DUMP_GRAPH_H
#define GW_CLI_DUMP_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "wire/dialect.h"

/* Prints how many nodes of which operations a GRAPH_COMPUTE has and, with nodes, each on a line that begins with a
 * newline. False, and nothing is printed, if the body is malformed. */
bool gw_dump_graph(FILE *to, const struct gw_dialect *dialect, const void *body, size_t size, bool nodes);

#endif
