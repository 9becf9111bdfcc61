/* The program that `ggwire run` starts and waits for. */
#ifndef GW_CLI_RUN_CHILD_H
#define GW_CLI_RUN_CHILD_H

#include <signal.h>
#include <stdbool.h>

/* How a program ended. */
struct gw_child_end {
	int exit_status; /* 127: it could not be executed; of no meaning if signo is set */
	int signo;       /* 0: it exited */
};

/* Blocks the signals that gw_child_run passes on, and returns the mask before. Once, before threads exist. */
void gw_child_block_signals(sigset_t *before);

/* Runs a program in the foreground, with before as its signal mask, and waits for its end. Signals that another process
 * sends to this one are passed on; those of the terminal reach the program anyway. *stop is set if one of them asked
 * for the end. False, with errno set, if no process can be made. */
bool gw_child_run(char *const *argv, const sigset_t *before, struct gw_child_end *end, bool *stop);

/* Waits until a signal asks for the end (true), or the time is over. */
bool gw_child_sleep_until_stop(double seconds);

/* Ends this process the same way, with the mask as it was. */
_Noreturn void gw_child_end_alike(const struct gw_child_end *end, const sigset_t *before);

#endif
