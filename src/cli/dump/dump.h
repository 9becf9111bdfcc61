/* `ggwire dump` */
#ifndef GW_CLI_DUMP_DUMP_H
#define GW_CLI_DUMP_DUMP_H

/* Prints a recorded conversation; argv[0] is skipped. program is the name that help shows. Returns the exit status: 2
 * for what is wrong with the command line, 1 for a file that is not a whole recording. */
int gw_dump_main(const char *program, int argc, char **argv);

#endif
