/* Progress on a terminal. */
#ifndef GW_BASE_TERMINAL_H
#define GW_BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether lines can be drawn again on fd: it is a terminal, and TERM is neither unset nor "dumb". */
bool gw_terminal_can_draw(int fd);

/* Writes a bar of width cells, of which a share from 0 to 1 is full: "######....". out has width + 1 bytes. Returns
 * out. */
const char *gw_terminal_bar(double share, size_t width, char *out);

/* Puts a text in place of the line that the cursor is in, on standard error; "" clears it. */
void gw_terminal_redraw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
