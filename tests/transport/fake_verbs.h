/* A libibverbs inside the test: devices as a test describes them, and reliable connected queue pairs between them, with
 * what makes RDMA hard: message boundaries, a receiver that is not ready, retries that end, completions that are
 * flushed, memory that must be registered, events that are missed. A thread moves the bytes, so that what was posted is
 * read later than posted. */
#ifndef GW_TESTS_TRANSPORT_FAKE_VERBS_H
#define GW_TESTS_TRANSPORT_FAKE_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/rdma/verbs.h"

/* Takes the library's place. Forgets devices, counts and faults of an earlier test. */
void fake_start(void);

/* Ends the thread and brings the library back. Returns how many rules were broken (each is printed): a region freed
 * before its queue pair, a queue overrun, memory that is not registered, objects that are left. */
unsigned fake_stop(void);

/* A device without ports; returns its number. */
int fake_device(const char *name, enum ibv_transport_type type);
/* Another port, active; returns its number (from 1). */
int fake_port(int device, int link_layer, enum ibv_mtu mtu, uint16_t lid);
void fake_port_state(int device, int port, enum ibv_port_state state);
/* An entry of the port's GID table of 16; gid as an IPv6 address. */
void fake_gid(int device, int port, unsigned index, enum ibv_gid_type type, const char *gid);

/* One RoCE v2 device with the GID of 127.0.0.1 at index 1, beside its link-local one. */
void fake_usual(void);

/* Makes the nth call (from 1) of a function from now on fail: "create_qp", "post_send", ... Objects are not made, and
 * errno is ENOMEM. */
void fake_fail(const char *function, unsigned nth);
/* The same, counted over every function that sets up or ends a connection. 0: none. */
void fake_fail_any(unsigned nth);
/* Whether the fault has struck. */
bool fake_struck(void);

/* From now on every packet is lost: sends end in RETRY_EXC after a while. */
void fake_cut(bool cut);
/* The same for RDMA READs alone. */
void fake_cut_reads(bool cut);
/* The next SEND is delivered twice. */
void fake_deliver_twice(void);
/* Packets of more than so many bytes are lost: a path whose MTU is smaller than the ports say. 0: none. */
void fake_path_mtu(unsigned bytes);

/* Objects that exist now. */
struct fake_counts {
	int contexts, pds, mrs, channels, cqs, qps;
};
struct fake_counts fake_count(void);

/* Times that a message found no receive posted. */
unsigned fake_rnr(void);

/* Messages in the order they were posted, of all queue pairs. */
struct fake_message {
	uint32_t qpn;
	uint32_t length;
	enum ibv_wr_opcode opcode;
	uint8_t first; /* byte */
};
size_t fake_messages(const struct fake_message **out);
void fake_forget_messages(void);

/* The queue pair that was created last. */
uint32_t fake_last_qpn(void);
/* What it was last brought up with. */
struct ibv_qp_attr fake_rtr(uint32_t qpn);
struct ibv_qp_attr fake_rts(uint32_t qpn);

#endif
