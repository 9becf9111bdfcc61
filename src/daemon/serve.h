/* `ggwire serve` */
#ifndef GW_DAEMON_SERVE_H
#define GW_DAEMON_SERVE_H

/* Runs the server until a signal ends it; argv[0] is skipped. program is the name that help shows. Returns the exit
 * status: 2 for what is wrong with the command line, 1 for what is wrong with the machine. */
int gw_serve_main(const char *program, int argc, char **argv);

#endif
