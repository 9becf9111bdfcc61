/* The process that serves one client after another, or only reports which devices there are. */
#ifndef GW_DAEMON_WORKERS_WORKER_H
#define GW_DAEMON_WORKERS_WORKER_H

/* Runs `ggwire worker`: takes orders from the descriptor GW_CONTROL_FD (cli/control.h) until it is closed or a client
 * left otherwise than cleanly. Returns the exit status. */
int gw_worker_main(void);

#endif
