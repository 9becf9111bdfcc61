/* `ggwire top` */
#ifndef GW_CLI_TOP_TOP_H
#define GW_CLI_TOP_TOP_H

/* Shows what servers are doing until the user ends it, or once without a terminal; argv[0] is skipped. Returns the exit
 * status. */
int gw_top_main(const char *program, int argc, char **argv);

#endif
