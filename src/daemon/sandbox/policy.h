/* What a process is for, and how far it is locked in. */
#ifndef GW_DAEMON_SANDBOX_POLICY_H
#define GW_DAEMON_SANDBOX_POLICY_H

#include <stdbool.h>

enum gw_sandbox_mode {
	GW_SANDBOX_AUTO,    /* whatever the kernel has */
	GW_SANDBOX_REQUIRE, /* all of it, or an error */
	GW_SANDBOX_OFF,
};

/* What a process is for, and so what it needs. */
enum gw_sandbox_kind {
	GW_SANDBOX_CPU,     /* computes on CPUs, and reads and writes its cache */
	GW_SANDBOX_DRIVERS, /* its devices have drivers, which open device files and talk to daemons of this machine */
	GW_SANDBOX_HTTP,    /* answers HTTP on a socket that it has; makes no threads and opens no file */
};

struct gw_sandbox {
	enum gw_sandbox_mode mode;
	enum gw_sandbox_kind kind;
	bool pins_threads;     /* threads may be bound to processors; those of other processes of this user then too */
	const char *cache_dir; /* the directory in which files may be made; NULL = none */
	bool cache_tree;       /* and directories, below it */
	const char *index_dir; /* one below which files may be read; NULL = none */
};

#endif
