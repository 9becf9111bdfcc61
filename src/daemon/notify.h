/* Tells a service manager how the server fares: sd_notify(3)'s protocol, one datagram to the socket that
 * $NOTIFY_SOCKET names. */
#ifndef GW_DAEMON_NOTIFY_H
#define GW_DAEMON_NOTIFY_H

/* Takes NOTIFY_SOCKET out of the environment, so that workers do not inherit it. Called once, before any thread. */
void gw_notify_take(void);

/* Sends lines such as "READY=1"; does nothing without a manager. Does not block for long: managers read. What the
 * manager misses is logged. */
void gw_notify_send(const char *lines);

#endif
