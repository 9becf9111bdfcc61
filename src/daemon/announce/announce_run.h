/* The process that announces the server through avahi-daemon. */
#ifndef GW_DAEMON_ANNOUNCE_ANNOUNCE_RUN_H
#define GW_DAEMON_ANNOUNCE_ANNOUNCE_RUN_H

/* The exit status where starting it again is of no use: there is no D-Bus, or no library. */
#define GW_ANNOUNCE_UNAVAILABLE 69

/* Runs it, until GW_CONTROL_FD is closed. The message is that of daemon/processes/control.h. Returns the exit status.
 */
int gw_announce_main(void);

#endif
