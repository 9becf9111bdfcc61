/* `ggwire ping` */
#ifndef GW_CLI_PING_H
#define GW_CLI_PING_H

/* Measures round trips to a server until a signal ends it, or -c; argv[0] is skipped. Returns the exit status: 1 if the
 * server cannot be reached or stops answering, 2 for what is wrong with the command line. */
int gw_ping_main(const char *program, int argc, char **argv);

#endif
