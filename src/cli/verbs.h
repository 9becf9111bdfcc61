/* The verbs of the command `ggwire`: one main function each. They take the command line without "ggwire", and return an
 * exit status (cli/verb.h). */
#ifndef GW_CLI_VERBS_H
#define GW_CLI_VERBS_H

int gw_key_main(const char *program, int argc, char **argv);
int gw_discover_main(const char *program, int argc, char **argv);
int gw_ping_main(const char *program, int argc, char **argv);
int gw_devices_main(const char *program, int argc, char **argv);
int gw_run_main(const char *program, int argc, char **argv);
int gw_bench_main(const char *program, int argc, char **argv);
int gw_doctor_main(const char *program, int argc, char **argv);
int gw_status_main(const char *program, int argc, char **argv);
int gw_top_main(const char *program, int argc, char **argv);
int gw_record_main(const char *program, int argc, char **argv);
int gw_dump_main(const char *program, int argc, char **argv);

#endif
