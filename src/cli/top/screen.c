#include "cli/top/screen.h"

#ifdef GGWIRE_NCURSES

#include <curses.h>
#include <signal.h>
#include <string.h>

#include "cli/top/lines.h"

#define REFRESH_MS 250

static volatile sig_atomic_t ended;

struct screen {
	int row;    /* of the next line, before scrolling */
	int scroll; /* lines that are above the screen */
};

static void on_end(int signo)
{
	(void)signo;
	ended = 1;
}

static void draw_line(void *user, bool heading, const char *text)
{
	struct screen *s = user;
	int at = s->row++ - s->scroll;
	if (at < 0 || at >= LINES - 1)
		return;
	if (heading)
		attron(A_BOLD);
	mvaddnstr(at, 0, text, COLS);
	if (heading)
		attroff(A_BOLD);
}

static void draw(struct screen *s, const struct gw_watch_wish *wishes, struct gw_watch *const *watches, size_t n)
{
	erase();
	s->row = 0;
	for (size_t i = 0; i < n; i++) {
		struct gw_watch_view view;
		if (gw_watch_look(watches[i], &view))
			continue;
		gw_top_lines(wishes[i].target.endpoint, &view, draw_line, s);
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
