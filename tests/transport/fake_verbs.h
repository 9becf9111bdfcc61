/* A fake libibverbs inside the test: devices as a test describes them, and reliable connected queue pairs between them.
 * It imitates the hard parts of RDMA: message boundaries, receivers that are not ready, exhausted retries, flushed
 * completions, memory registration, missed events. A thread moves the bytes, so that buffers are read after they were
 * posted. */
#ifndef GW_TESTS_TRANSPORT_FAKE_VERBS_H
#define GW_TESTS_TRANSPORT_FAKE_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/rdma/verbs.h"

/* Replaces the library. Clears the devices, counts and faults of earlier tests. */
void fake_start(void);

/* Ends the thread and restores the library. Returns the number of broken rules and prints each: a region freed before
 * its queue pair, a queue overrun, unregistered memory, leaked objects. */
unsigned fake_stop(void);

/* Adds a device without ports. Returns its number. */
int fake_device(const char *name, enum ibv_transport_type type);
/* Adds an active port. Returns its number (from 1). */
int fake_port(int device, int link_layer, enum ibv_mtu mtu, uint16_t lid);
void fake_port_state(int device, int port, enum ibv_port_state state);
/* Sets an entry of the port's GID table of 16. gid is an IPv6 address. */
void fake_gid(int device, int port, unsigned index, enum ibv_gid_type type, const char *gid);

/* Adds one RoCE v2 device with the GID of 127.0.0.1 at index 1, next to its link-local one. */
void fake_usual(void);

/* Makes the nth call (from 1) of a function fail: "create_qp", "post_send", ... The call creates no object and sets
 * errno to ENOMEM. */
void fake_fail(const char *function, unsigned nth);
/* The same, counting all functions that set up or end a connection. 0: none. */
void fake_fail_any(unsigned nth);
/* Whether the injected fault has happened. */
bool fake_struck(void);

/* If true, all packets are lost from now on: sends end in RETRY_EXC after a while. */
void fake_cut(bool cut);
/* The same, for RDMA READs only. */
void fake_cut_reads(bool cut);
/* Delivers the next SEND twice. */
void fake_deliver_twice(void);
/* Drops packets larger than this, like a path with a smaller MTU than the ports report. 0: none. */
void fake_path_mtu(unsigned bytes);

/* The number of existing objects. */
struct fake_counts {
	int contexts, pds, mrs, channels, cqs, qps;
};
struct fake_counts fake_count(void);

/* How often a message found no posted receive. */
unsigned fake_rnr(void);

/* The messages of all queue pairs in posting order. */
struct fake_message {
	uint32_t qpn;
	uint32_t length;
	enum ibv_wr_opcode opcode;
	uint8_t first; /* the first byte */
};
size_t fake_messages(const struct fake_message **out);
void fake_forget_messages(void);

/* The most recently created queue pair. */
uint32_t fake_last_qpn(void);
/* The attributes of its last transition to RTR. */
struct ibv_qp_attr fake_rtr(uint32_t qpn);
struct ibv_qp_attr fake_rts(uint32_t qpn);

#endif
