/* What `ggwire top` shows, as lines; how they get onto a screen is its own business. */
#ifndef GW_CLI_TOP_LINES_H
#define GW_CLI_TOP_LINES_H

#include "cli/top/watch.h"

#define GW_TOP_WIDTH 80

/* Receives one line without its newline, of GW_TOP_WIDTH columns at most but for names; nothing in it can steer a
 * terminal. heading: a server begins. */
typedef void gw_top_line(void *user, bool heading, const char *text);

/* The lines about one server. */
void gw_top_lines(const char *endpoint, const struct gw_watch_view *view, gw_top_line *line, void *user);

#endif
