/* Which system calls a sandboxed process may make: the tables that the filter is built from (daemon/sandbox/seccomp.c).
 * Names are those of libseccomp; one that a machine's libseccomp or architecture does not have is passed over. */
#ifndef GW_DAEMON_SANDBOX_CALLS_H
#define GW_DAEMON_SANDBOX_CALLS_H

#include <stddef.h>
#include <stdint.h>

/* An argument with one of its values. The kernel looks at the lower half of these. */
struct gw_sandbox_value {
	const char *call;
	unsigned argument; /* 0 is the first */
	uint32_t value;
};

/* Two arguments with values that belong together: an option of a socket. */
struct gw_sandbox_option {
	uint32_t level, name;
};

struct gw_sandbox_calls {
	const char *const *names; /* whatever their arguments are */
	size_t n_names;
	const struct gw_sandbox_value *values; /* these values only */
	size_t n_values;
};

/* For every process without drivers; what is neither here nor in the table of its kind is refused. */
extern const struct gw_sandbox_calls gw_sandbox_common_calls;

/* For a worker whose devices are CPUs, and for the indexer. */
extern const struct gw_sandbox_calls gw_sandbox_cpu_calls;

/* For the process that serves HTTP. */
extern const struct gw_sandbox_calls gw_sandbox_http_calls;

/* Options of sockets that may be set without drivers. */
extern const struct gw_sandbox_option gw_sandbox_options[];
extern const size_t gw_sandbox_n_options;

/* Refused in any case. There is no list of what drivers call, so with drivers everything except these is allowed. */
extern const struct gw_sandbox_calls gw_sandbox_denied_calls;

/* The first argument is a process or a thread, 0 being the caller, which alone is allowed. */
extern const char *const gw_sandbox_own_only[];
extern const size_t gw_sandbox_n_own_only;

#endif
