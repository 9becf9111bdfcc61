/* What `ggwire top` shows, as lines; how they get onto a screen is its own business. */
#ifndef GW_CLI_TOP_LINES_H
#define GW_CLI_TOP_LINES_H

#include "cli/top/watch.h"

#define GW_TOP_WIDTH 86 /* for all columns */

enum gw_top_style {
	GW_TOP_PLAIN,
	GW_TOP_HEADING, /* a server begins */
	GW_TOP_TITLES,  /* of the columns */
	GW_TOP_ALARM,   /* something that the user should look at */
};

/* Receives one line without its newline; nothing in it can steer a terminal. */
typedef void gw_top_line(void *user, enum gw_top_style style, const char *text);

/* The lines about one server, for a screen of that many columns. A narrow one has fewer columns of clients: those that
 * are of least use are left out first. */
void gw_top_lines(
	const char *endpoint, const struct gw_watch_view *view, unsigned width, gw_top_line *line, void *user);

#endif
