/* `ggwire doctor` */
#ifndef GW_CLI_DOCTOR_DOCTOR_H
#define GW_CLI_DOCTOR_DOCTOR_H

/* Says what is right and wrong on this machine, and on the way to a server if one is named; argv[0] is skipped. Returns
 * the exit status: 1 if there is a warning or a problem, 2 for what is wrong with the command line. */
int gw_doctor_main(const char *program, int argc, char **argv);

#endif
