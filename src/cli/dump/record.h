/* `ggwire record` */
#ifndef GW_CLI_DUMP_RECORD_H
#define GW_CLI_DUMP_RECORD_H

/* Stands between clients and a server and writes what they say to each other into files that `ggwire dump` reads, until
 * a signal ends it; argv[0] is skipped. program is the name that help shows. Returns the exit status: 2 for what is
 * wrong with the command line, 1 if it cannot listen. */
int gw_record_main(const char *program, int argc, char **argv);

#endif
