/* The process that serves HTTP. It parses what strangers send, so it has nothing but the socket that they come to, the
 * counters, to read, and a way to say that somebody looks at them. */
#ifndef GW_DAEMON_STATUS_HTTP_PROCESS_H
#define GW_DAEMON_STATUS_HTTP_PROCESS_H

/* Runs it: the descriptors and messages are those of daemon/processes/control.h. Returns the exit status. */
int gw_http_main(void);

#endif
