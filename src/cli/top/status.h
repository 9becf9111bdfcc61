/* `ggwire status` */
#ifndef GW_CLI_TOP_STATUS_H
#define GW_CLI_TOP_STATUS_H

/* Prints what a server is doing; argv[0] is skipped. Returns the exit status: 0, 1 if the server does not tell or
 * cannot be reached, 2 for what is wrong with the command line. */
int gw_status_main(const char *program, int argc, char **argv);

#endif
