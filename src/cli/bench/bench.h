/* `ggwire bench` */
#ifndef GW_CLI_BENCH_BENCH_H
#define GW_CLI_BENCH_BENCH_H

/* Measures what a server and the way to it can do; argv[0] is skipped. Returns the exit status: 1 if the server cannot
 * be reached, fails, or computes what is wrong; 2 for what is wrong with the command line. */
int gw_bench_main(const char *program, int argc, char **argv);

#endif
