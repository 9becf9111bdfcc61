/* `ggwire devices` */
#ifndef GW_CLI_REMOTE_DEVICES_H
#define GW_CLI_REMOTE_DEVICES_H

/* Lists the devices of servers under the names that the plug-in will give them; argv[0] is skipped. Returns the exit
 * status: 1 if a server cannot be asked, 2 for what is wrong with the command line. */
int gw_remote_devices_main(const char *program, int argc, char **argv);

#endif
