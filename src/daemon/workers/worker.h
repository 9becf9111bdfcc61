/* The process that serves clients, or (as the probe) only reports the devices. */
#ifndef GW_DAEMON_WORKERS_WORKER_H
#define GW_DAEMON_WORKERS_WORKER_H

/* Runs `ggwire worker`: obeys messages from GW_CONTROL_FD (daemon/processes/control.h) until it is closed, or until a
 * client was served that did more than query. Returns the exit status. */
int gw_worker_main(void);

#endif
