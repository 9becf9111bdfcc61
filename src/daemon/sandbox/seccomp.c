/* The filter of system calls. Without drivers it names what is needed; everything else looks like a call that the
 * kernel does not have, so that the C library falls back on an older one. With drivers it names what is dangerous,
 * because there is no list of what they call. */
#include "daemon/sandbox/seccomp.h"

#ifdef GGWIRE_SECCOMP

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/sandbox/calls.h"

#define DENY SCMP_ACT_ERRNO(EPERM)
#define ABSENT SCMP_ACT_ERRNO(ENOSYS)
#define ANY UINT32_MAX

/* Adds a rule. A call that does not exist here needs none (EDOM, and names that are not known), nor does one for which
 * that is the default (EACCES) or done already (EEXIST). */
static bool add(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned n, const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR)
		return true;
	int rc = seccomp_rule_add_array(ctx, action, number, n, args);
	return rc == 0 || rc == -EDOM || rc == -EACCES || rc == -EEXIST;
}

static bool add_one(scmp_filter_ctx ctx, uint32_t action, const char *name, struct scmp_arg_cmp arg)
{
	return add(ctx, action, name, 1, &arg);
}

static bool add_all(scmp_filter_ctx ctx, uint32_t action, const struct gw_sandbox_calls *calls)
{
	bool ok = true;
	for (size_t i = 0; i < calls->n_names && ok; i++)
		ok = add(ctx, action, calls->names[i], 0, NULL);
	for (size_t i = 0; i < calls->n_values && ok; i++)
		ok = add_one(ctx, action, calls->values[i].call,
			SCMP_CMP(calls->values[i].argument, SCMP_CMP_MASKED_EQ, ANY, calls->values[i].value));
	return ok;
}

/* Processes: clone makes threads only, signals go to this process only. clone3 has its flags in memory, where a filter
 * cannot look; the C library goes on with clone when there is none. */
static bool allow_threads(scmp_filter_ctx ctx)
{
	return add_one(ctx, SCMP_ACT_ALLOW, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) &&
	       add_one(ctx, DENY, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) &&
	       add(ctx, ABSENT, "clone3", 0, NULL);
}

static bool allow_own_signals(scmp_filter_ctx ctx)
{
	static const char *const names[] = {"kill", "tgkill"};
	const scmp_datum_t self = (scmp_datum_t)getpid();
	bool ok = true;
	for (size_t i = 0; i < 2 && ok; i++)
		ok = add_one(ctx, SCMP_ACT_ALLOW, names[i], SCMP_A0(SCMP_CMP_EQ, self, 0)) &&
		     add_one(ctx, DENY, names[i], SCMP_A0(SCMP_CMP_NE, self, 0));
	return ok;
}

/* What changes other processes; for the caller itself it is harmless. */
static bool deny_others(scmp_filter_ctx ctx, bool pins_threads)
{
	bool ok = add_one(ctx, DENY, "setpriority", SCMP_A0(SCMP_CMP_NE, PRIO_PROCESS, 0)) &&
		  add_one(ctx, DENY, "setpriority", SCMP_A1(SCMP_CMP_NE, 0, 0)) &&
		  add_one(ctx, DENY, "personality", SCMP_A0(SCMP_CMP_NE, UINT32_MAX, 0));
	/* A thread has a number of its own, which a filter cannot tell from another process's. */
	if (!pins_threads)
		ok = ok && add_one(ctx, DENY, "sched_setaffinity", SCMP_A0(SCMP_CMP_NE, 0, 0));
	for (size_t i = 0; i < gw_sandbox_n_own_only && ok; i++)
		ok = add_one(ctx, DENY, gw_sandbox_own_only[i], SCMP_A0(SCMP_CMP_NE, 0, 0));
	return ok;
}

/* Every family but those that do not leave the machine. */
static bool deny_networks(scmp_filter_ctx ctx)
{
	for (scmp_datum_t family = 0; family <= AF_NETLINK; family++) {
		if (family == AF_UNIX || family == AF_NETLINK)
			continue;
		if (!add_one(ctx, DENY, "socket", SCMP_A0(SCMP_CMP_EQ, family, 0)))
			return false;
	}
	return add_one(ctx, DENY, "socket", SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0));
}

static bool build_for_drivers(scmp_filter_ctx ctx, bool pins_threads)
{
	return add_all(ctx, DENY, &gw_sandbox_denied_calls) && allow_threads(ctx) && allow_own_signals(ctx) &&
	       deny_others(ctx, pins_threads) && deny_networks(ctx);
}

static bool allow_options(scmp_filter_ctx ctx)
{
	bool ok = true;
	for (size_t i = 0; i < gw_sandbox_n_options && ok; i++) {
		const struct scmp_arg_cmp args[] = {
			SCMP_A1(SCMP_CMP_MASKED_EQ, ANY, gw_sandbox_options[i].level),
			SCMP_A2(SCMP_CMP_MASKED_EQ, ANY, gw_sandbox_options[i].name),
		};
		ok = add(ctx, SCMP_ACT_ALLOW, "setsockopt", 2, args);
	}
	return ok;
}

/* Makes the most dangerous calls fail as forbidden, not as missing, to help whoever looks for the cause. */
static bool deny_known(scmp_filter_ctx ctx, const struct gw_sandbox_calls *allowed)
{
	static const char *const more[] = {"socket", "socketpair", "connect", "bind"};
	bool ok = true;
	for (size_t i = 0; i < gw_sandbox_denied_calls.n_names && ok; i++) {
		const char *name = gw_sandbox_denied_calls.names[i];
		bool is_allowed = false;
		for (size_t k = 0; k < allowed->n_names; k++)
			is_allowed |= strcmp(allowed->names[k], name) == 0;
		ok = is_allowed || add(ctx, DENY, name, 0, NULL);
	}
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]) && ok; i++)
		ok = add(ctx, DENY, more[i], 0, NULL);
	return ok;
}

static bool build_from(scmp_filter_ctx ctx, const struct gw_sandbox_calls *allowed, bool threads)
{
	return add_all(ctx, SCMP_ACT_ALLOW, &gw_sandbox_common_calls) && add_all(ctx, SCMP_ACT_ALLOW, allowed) &&
	       allow_options(ctx) && allow_own_signals(ctx) && (!threads || allow_threads(ctx)) &&
	       deny_known(ctx, allowed);
}

static bool build(scmp_filter_ctx ctx, enum gw_sandbox_kind kind, bool pins_threads)
{
	/* Threads that a driver has started already are bound too. */
	if (seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1))
		return false;
#if SCMP_VER_MAJOR > 2 || (SCMP_VER_MAJOR == 2 && SCMP_VER_MINOR >= 5)
	/* A tree: a few steps for each call instead of a hundred. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
#endif
	switch (kind) {
	case GW_SANDBOX_CPU:
		return build_from(ctx, &gw_sandbox_cpu_calls, true) &&
		       (!pins_threads || add(ctx, SCMP_ACT_ALLOW, "sched_setaffinity", 0, NULL));
	case GW_SANDBOX_HTTP:
		return build_from(ctx, &gw_sandbox_http_calls, false);
	default:
		return build_for_drivers(ctx, pins_threads);
	}
}

bool gw_sandbox_seccomp(enum gw_sandbox_kind kind, bool pins_threads)
{
	scmp_filter_ctx ctx = seccomp_init(kind == GW_SANDBOX_DRIVERS ? SCMP_ACT_ALLOW : ABSENT);
	if (!ctx)
		return false;
	bool ok = build(ctx, kind, pins_threads) && !seccomp_load(ctx);
	seccomp_release(ctx);
	return ok;
}

#else

bool gw_sandbox_seccomp(enum gw_sandbox_kind kind, bool pins_threads)
{
	(void)kind;
	(void)pins_threads;
	return false;
}

#endif
