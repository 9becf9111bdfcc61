/* Messages between the supervisor and a process that it started, over a SOCK_SEQPACKET socket pair. Both ends are the
 * same executable on one machine, so a message is a struct. But a worker may have been taken over by its client, so
 * each message is checked for its type, its size, the ends of its strings, and the descriptors that come with it. */
#ifndef GW_DAEMON_PROCESSES_CONTROL_H
#define GW_DAEMON_PROCESSES_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/status.h"
#include "daemon/clients/allow.h"
#include "daemon/sandbox/policy.h"
#include "discovery/publish.h"
#include "transport/list/pairing.h"
#include "transport/list/transports.h"
#include "transport/mode.h"
#include "transport/tls/key_file.h"
#include "wire/dialect.h"
#include "wire/refusal.h"

/* The worker's end of the pair is this descriptor. */
#define GW_CONTROL_FD 3

/* The descriptors of the counters, to write and to read, if the setup says that there are some:
 * daemon/status/scoreboard.h. */
#define GW_CONTROL_BOARD_FD 4
#define GW_CONTROL_BOARD_READ_FD 5

/* Of the process that serves HTTP: the counters, to read, and the socket that it accepts connections from. */
#define GW_CONTROL_HTTP_BOARD_FD 4
#define GW_CONTROL_HTTP_LISTEN_FD 5

#define GW_CONTROL_TEXT 256
#define GW_CONTROL_DEVICES 1024
#define GW_CONTROL_PATH 4096
#define GW_CONTROL_TOKEN 129
#define GW_CONTROL_MODELS 8192

enum gw_control_type {
	GW_CONTROL_SETUP,  /* to the worker, once, first */
	GW_CONTROL_CLIENT, /* to the worker: serve the connection whose descriptor comes with this, in that version */
	GW_CONTROL_CACHE, /* to the worker: the next client's cache (device/weights/cache_wire.h) is at the other end of
			   * the descriptor that comes with this; to the keeper: answer there, for that trust domain */
	GW_CONTROL_DEVICE,  /* from a probe: one device that is going to be lent */
	GW_CONTROL_READY,   /* from the worker: the devices are there. The end of a probe's list. */
	GW_CONTROL_FAILED,  /* from the worker: it cannot start; it exits now */
	GW_CONTROL_LEFT,    /* from the worker: its client is gone */
	GW_CONTROL_MEMORY,  /* to a worker without a client: look at the devices' memory, and tell the counters */
	GW_CONTROL_WORKS,   /* from the worker: its client asks for its first buffer */
	GW_CONTROL_LOADING, /* from the worker: its client has begun to load more than a little */
	GW_CONTROL_HTTP,    /* to the process that serves HTTP, once, first */
	GW_CONTROL_BUSY,    /* to it: a client has connected, where none was before */
	GW_CONTROL_ASKED,   /* from it: somebody looks at the status, and numbers about memory are old */
	GW_CONTROL_PAIR,    /* from the worker: connect it to another server */
	GW_CONTROL_PAIRING, /* to the worker: the answer is PAIRED or FAILED, on the socket that comes with this. FAILED
			     * in its place: there will be none */
	GW_CONTROL_PAIR_SETUP, /* to the process that makes the connection, once, first */
	GW_CONTROL_PAIRED,     /* from it to the worker: the connection comes with this */
	GW_CONTROL_NAMED,   /* from the worker: its client has named an identity, whose key the worker asks for, once */
	GW_CONTROL_KEY,     /* to it: the key */
	GW_CONTROL_PROVED,  /* from it: the client has proved to have that key */
	GW_CONTROL_WELCOME, /* to it: serve the client; GW_CONTROL_CACHE comes before, where there is a cache */
	GW_CONTROL_ANNOUNCE, /* to the process that announces the server, once, first */
	GW_CONTROL_TYPES
};

struct gw_control_setup {
	bool probe;  /* report the devices, and exit */
	bool index;  /* index the models, and exit; say nothing */
	bool keeper; /* keep the cache, until the control socket is closed; say nothing */
	bool cache_shared;
	bool no_peers; /* connect to no other server */
	bool has_board;
	bool progress;       /* loads are to be told of */
	bool tls;            /* clients may come with TLS */
	bool rdma_plaintext; /* they can switch to RDMA, which is not encrypted */
	uint32_t board_slots;
	uint32_t board_slot; /* the worker's */
	bool has_log_level;
	enum gw_log_level log_level;
	enum gw_log_format log_format;
	uint32_t n_threads;
	enum gw_sandbox_mode sandbox;
	enum gw_transport_mode transport;
	uint64_t max_memory;                  /* bytes of a client's buffers; 0 = what the devices have */
	uint64_t cache_size;                  /* bytes of disk that the cache may take; 0 = no bound */
	char ggml[GW_CONTROL_PATH];           /* directory of ggml's libraries; "" = the default search */
	char devices[GW_CONTROL_DEVICES];     /* names between ',' or '/'; "" = the default choice */
	char cache_dir[GW_CONTROL_PATH];      /* "" = none */
	char models[GW_CONTROL_MODELS];       /* files and directories, each with '\n' behind it; "" = none */
	char index_dir[GW_CONTROL_PATH];      /* where their indices are */
	char libraries[GW_CONTROL_MODELS];    /* of the devices, each with '\n' behind it; "" = look for them */
	char environment[GW_CONTROL_DEVICES]; /* variables that it gets beside the usual ones: names between ',' */
};

struct gw_control_device {
	char name[GW_CONTROL_TEXT];
	char description[GW_CONTROL_TEXT];
	char library[GW_CONTROL_PATH]; /* it comes from; "" = not loaded as a backend */
	uint32_t has_driver;           /* it is no CPU */
	uint64_t total;                /* bytes */
	uint64_t free;
};

/* Of the process that serves HTTP. */
struct gw_control_http {
	enum gw_sandbox_mode sandbox;
	bool has_log_level;
	enum gw_log_level log_level;
	enum gw_log_format log_format;
	bool is_local;                /* only this machine can connect */
	char token[GW_CONTROL_TOKEN]; /* that other machines must send; "" = none */
	uint32_t board_slots;
	struct gw_allow allow;
};

/* Of the process that connects to another server. Pointers in rules mean nothing. */
struct gw_control_pair_setup {
	enum gw_sandbox_mode sandbox;
	bool has_log_level;
	enum gw_log_level log_level;
	enum gw_log_format log_format;
	struct gw_pairing pairing;
	struct gw_pairing_rules rules;
	struct gw_allow allow;
};

/* Of the process that announces the server. */
struct gw_control_announce {
	enum gw_sandbox_mode sandbox;
	bool has_log_level;
	enum gw_log_level log_level;
	enum gw_log_format log_format;
	struct gw_publication publication;
};

/* A connection to serve: its descriptor comes with it. */
struct gw_control_client {
	struct gw_version version;     /* one of gw_dialect_at */
	struct gw_ext_refusal refused; /* as in struct gw_server_visit */
	uint32_t tls;                  /* it begins with a TLS handshake; what follows is said in WELCOME then */
};

/* The answer to NAMED. A worker that was taken over gets no other key. */
struct gw_control_key {
	uint32_t found;
	struct gw_tls_key key;
	struct gw_error why; /* it was not found */
};

/* A client is gone. */
struct gw_control_left {
	struct gw_error
		why;    /* GW_ERR_CLOSED: cleanly; GW_ERR_LIMIT: it was refused, and did more than query the server */
	uint32_t stays; /* the worker waits for the next client; otherwise it exits now */
};

struct gw_control_msg {
	enum gw_control_type type;
	union {
		struct gw_control_setup setup;
		struct gw_control_client client;
		char domain[GW_TRANSPORT_DOMAIN]; /* CACHE */
		struct gw_control_device device;
		struct gw_error error; /* FAILED */
		struct gw_control_left left;
		struct gw_control_http http;
		struct gw_pairing pair;
		struct gw_control_pair_setup pair_setup;
		char identity[GW_IDENTITY_MAX]; /* NAMED */
		struct gw_control_key key;
		struct gw_control_announce announce;
		struct gw_ext_refusal refused; /* WELCOME */
	} u;
};

/* Makes a pair of close-on-exec sockets: the supervisor's end, and the worker's. */
enum gw_status gw_control_pair(int *supervisor, int *worker, struct gw_error *err);

/* Sends a message, and with it fd unless that is -1 (it stays the caller's, too). Raises no SIGPIPE. Blocks if wait is
 * set; otherwise GW_ERR_TIMEOUT means that there is no room. GW_ERR_LOST: the other end is gone. */
enum gw_status gw_control_send(int control, bool wait, const struct gw_control_msg *msg, int fd, struct gw_error *err);

/* Receives a message. With CLIENT and CACHE, *fd (close-on-exec) is the caller's afterwards; otherwise it is -1. fd
 * NULL: this end takes no descriptors, and the system discards those that are sent. Blocks if wait is set; otherwise
 * GW_ERR_TIMEOUT means that there is none. GW_ERR_CLOSED: the other end is gone. GW_ERR_PROTOCOL: not a message, or
 * descriptors other than those that belong to it; none of them is left open. */
enum gw_status gw_control_recv(int control, bool wait, struct gw_control_msg *msg, int *fd, struct gw_error *err);

#endif
