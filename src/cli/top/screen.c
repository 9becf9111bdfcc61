#include "cli/top/screen.h"

#ifdef GGWIRE_NCURSES

#include <curses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top/lines.h"

#define REFRESH_MS 250

static volatile sig_atomic_t ended;

struct screen {
	int row;    /* of the next line, before scrolling */
	int scroll; /* lines that are above the screen */
	bool coloured;
};

static void on_end(int signo)
{
	(void)signo;
	ended = 1;
}

/* Colours where the terminal has some and the user has not switched them off (NO_COLOR). Each says something that the
 * text says, too. */
static void start_colours(struct screen *s)
{
	const char *no = getenv("NO_COLOR");
	if ((no && *no) || !has_colors() || start_color() == ERR || use_default_colors() == ERR)
		return;
	init_pair(GW_TOP_HEADING, COLOR_CYAN, -1);
	init_pair(GW_TOP_TITLES, COLOR_BLUE, -1);
	init_pair(GW_TOP_ALARM, COLOR_RED, -1);
	s->coloured = true;
}

static attr_t look_of(const struct screen *s, enum gw_top_style style)
{
	attr_t look = style == GW_TOP_HEADING || style == GW_TOP_ALARM ? A_BOLD : A_NORMAL;
	return s->coloured && style != GW_TOP_PLAIN ? look | (attr_t)COLOR_PAIR(style) : look;
}

static void draw_line(void *user, enum gw_top_style style, const char *text)
{
	struct screen *s = user;
	attr_t look = look_of(s, style);
	int at = s->row++ - s->scroll;
	if (at < 0 || at >= LINES - 1)
		return;
	attron(look);
	mvaddnstr(at, 0, text, COLS);
	attroff(look);
}

static void draw(struct screen *s, const struct gw_watch_wish *wishes, struct gw_watch *const *watches, size_t n)
{
	erase();
	s->row = 0;
	for (size_t i = 0; i < n; i++) {
		struct gw_watch_view view;
		if (gw_watch_look(watches[i], &view))
			continue;
		gw_top_lines(wishes[i].target.endpoint, &view, (unsigned)COLS, draw_line, s);
		gw_watch_free_view(&view);
		s->row++;
	}
	attron(A_REVERSE);
	mvprintw(LINES - 1, 0, "%-*.*s", COLS - 1, COLS - 1, " q quits, arrows scroll");
	attroff(A_REVERSE);
	refresh();
}

static void take_key(struct screen *s, int key)
{
	int page = LINES > 2 ? LINES - 2 : 1;
	int most = s->row > page ? s->row - page : 0;
	if (key == 'q' || key == 'Q')
		ended = 1;
	else if (key == KEY_DOWN || key == 'j')
		s->scroll++;
	else if (key == KEY_UP || key == 'k')
		s->scroll--;
	else if (key == KEY_NPAGE || key == ' ')
		s->scroll += page;
	else if (key == KEY_PPAGE)
		s->scroll -= page;
	s->scroll = s->scroll > most ? most : s->scroll < 0 ? 0 : s->scroll;
}

bool gw_top_screen_exists(void)
{
	return true;
}

enum gw_status gw_top_screen_run(const struct gw_watch_wish *wishes, size_t n, struct gw_error *err)
{
	struct gw_watch *watches[GW_TOP_SERVERS];
	struct screen s = {0};
	for (size_t i = 0; i < n; i++)
		if (gw_watch_start(&wishes[i], &watches[i], err))
			return err->status;
	if (!initscr())
		return gw_error_set(err, GW_ERR_SYSTEM, "the terminal cannot be used");
	signal(SIGINT, on_end);
	signal(SIGTERM, on_end);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	start_colours(&s);
	timeout(REFRESH_MS);
	while (!ended) {
		draw(&s, wishes, watches, n);
		take_key(&s, getch());
	}
	endwin();
	return GW_OK;
}

#else

bool gw_top_screen_exists(void)
{
	return false;
}

enum gw_status gw_top_screen_run(const struct gw_watch_wish *wishes, size_t n, struct gw_error *err)
{
	(void)wishes;
	(void)n;
	return gw_error_set(err, GW_ERR_UNSUPPORTED, "this ggwire was built without ncurses");
}

#endif
