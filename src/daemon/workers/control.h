/* Messages between the supervisor and a worker, over a SOCK_SEQPACKET socket pair. Both ends are the same executable on
 * one machine, so a message is a struct; but a worker runs what a stranger sends, so whatever comes is checked for
 * type, size and the ends of its strings. */
#ifndef GW_DAEMON_WORKERS_CONTROL_H
#define GW_DAEMON_WORKERS_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/status.h"
#include "daemon/sandbox/sandbox.h"
#include "transport/mode.h"
#include "wire/dialect.h"

/* The worker's end of the pair is this descriptor. */
#define GW_CONTROL_FD 3

/* The descriptors of the counters, to write and to read, if the setup says that there are some: cli/board.h. */
#define GW_CONTROL_BOARD_FD 4
#define GW_CONTROL_BOARD_READ_FD 5

#define GW_CONTROL_TEXT 256
#define GW_CONTROL_DEVICES 1024
#define GW_CONTROL_PATH 4096
#define GW_CONTROL_MODELS 8192

enum gw_control_type {
	GW_CONTROL_SETUP,   /* to the worker, once, first */
	GW_CONTROL_CLIENT,  /* to the worker: serve the connection whose descriptor comes with this, in that version */
	GW_CONTROL_DEVICE,  /* from a probe: one device that is going to be lent */
	GW_CONTROL_READY,   /* from the worker: the devices are there. The end of a probe's list. */
	GW_CONTROL_FAILED,  /* from the worker: it cannot start; it exits now */
	GW_CONTROL_LEFT,    /* from the worker: its client is gone. GW_ERR_CLOSED: cleanly, and the worker waits for the
			     * next   one; otherwise it exits now. */
	GW_CONTROL_MEMORY,  /* to a worker without a client: look at the devices' memory, and tell the counters */
	GW_CONTROL_LOADING, /* from the worker: its client has begun to load more than a little */
	GW_CONTROL_TYPES
};

struct gw_control_setup {
	bool probe; /* report the devices, and exit */
	bool index; /* index the models, and exit; say nothing */
	bool has_board;
	bool progress; /* loads are to be told of */
	uint32_t board_slots;
	uint32_t board_slot; /* the worker's */
	bool has_log_level;
	enum gw_log_level log_level;
	enum gw_log_format log_format;
	uint32_t n_threads;
	enum gw_sandbox_mode sandbox;
	enum gw_transport_mode transport;
	uint64_t max_memory;              /* bytes of a client's buffers; 0 = what the devices have */
	uint64_t cache_size;              /* bytes of the cache's files; 0 = no bound */
	char ggml[GW_CONTROL_PATH];       /* directory of ggml's libraries; "" = the default search */
	char devices[GW_CONTROL_DEVICES]; /* names between ',' or '/'; "" = the default choice */
	char cache_dir[GW_CONTROL_PATH];  /* "" = none */
	char models[GW_CONTROL_MODELS];   /* files and directories, each with '\n' behind it; "" = none */
	char index_dir[GW_CONTROL_PATH];  /* where their indices are */
};

struct gw_control_device {
	char name[GW_CONTROL_TEXT];
	char description[GW_CONTROL_TEXT];
	uint64_t total; /* bytes */
	uint64_t free;
};

struct gw_control_msg {
	enum gw_control_type type;
	union {
		struct gw_control_setup setup;
		struct gw_version client; /* one of gw_dialect_at */
		struct gw_control_device device;
		struct gw_error error; /* FAILED, LEFT */
	} u;
};

/* Makes a pair of close-on-exec sockets: the supervisor's end, and the worker's. */
enum gw_status gw_control_pair(int *supervisor, int *worker, struct gw_error *err);

/* Sends a message, and with it fd unless that is -1 (it stays the caller's, too). Raises no SIGPIPE. Blocks if wait is
 * set; otherwise GW_ERR_TIMEOUT means that there is no room. GW_ERR_LOST: the other end is gone. */
enum gw_status gw_control_send(int control, bool wait, const struct gw_control_msg *msg, int fd, struct gw_error *err);

/* Receives a message; with CLIENT, *fd (close-on-exec) is the caller's, and -1 otherwise. Blocks if wait is set;
 * otherwise GW_ERR_TIMEOUT means that there is none. GW_ERR_CLOSED: the other end is gone. GW_ERR_PROTOCOL: not a
 * message. */
enum gw_status gw_control_recv(int control, bool wait, struct gw_control_msg *msg, int *fd, struct gw_error *err);

#endif
