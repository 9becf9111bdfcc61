/* The process that connects a worker to another server. */
#ifndef GW_DAEMON_WORKERS_PAIRING_RUN_H
#define GW_DAEMON_WORKERS_PAIRING_RUN_H

/* Is told PAIR_SETUP on GW_CONTROL_FD, answers there with PAIRED or FAILED, and returns the exit status. */
int gw_pairing_main(void);

#endif
