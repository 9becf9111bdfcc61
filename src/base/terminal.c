#include "base/terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool gw_terminal_can_draw(int fd)
{
	const char *term = getenv("TERM");
	return isatty(fd) && term && term[0] && strcmp(term, "dumb") != 0;
}

const char *gw_terminal_bar(double share, size_t width, char *out)
{
	size_t full = share > 0 ? (size_t)(share * (double)width + 0.5) : 0;
	memset(out, '.', width);
	memset(out, '#', full < width ? full : width);
	out[width] = '\0';
	return out;
}

void gw_terminal_redraw(const char *fmt, ...)
{
	va_list ap;
	fputc('\r', stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\033[K", stderr);
	fflush(stderr);
}
