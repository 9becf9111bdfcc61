/* The looks that `ggwire doctor` takes, each of which adds its lines to the findings. */
#ifndef GW_CLI_DOCTOR_CHECKS_H
#define GW_CLI_DOCTOR_CHECKS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/doctor/findings.h"
#include "cli/doctor/sources.h"

/* The way to a server, as far as it was gone. */
struct gw_doctor_path {
	bool connected;       /* over TCP: local and netdev are known */
	uint8_t local[16];    /* this end's address, IPv4 as ::ffff:a.b.c.d */
	char local_text[64];  /* the same for people */
	char netdev[32];      /* the interface that has it; "" = not found */
	bool loopback;        /* it is this machine itself */
	double round_trip_ms; /* 0: not measured */
	double bytes_per_s;   /* measured; 0: not */
};

/* ggml.c: loads the ggml in dir, or with NULL the one that `ggwire serve` would find, into this process: which it is,
 * and whether its private structs are known. False if it cannot be used. Call it once. */
bool gw_doctor_ggml(const char *dir, struct gw_findings *f);

/* The devices that `ggwire serve` would lend with that ggml. Starts a process; blocks for seconds at most. */
void gw_doctor_devices(const char *dir, struct gw_findings *f);

/* plugins.c: where programs look for backends whose ggml is in dir: there, or below it in a directory that
 * distributions have for backends alone. */
void gw_doctor_backends(const char *dir, char out[PATH_MAX]);

/* The plug-in that programs would load. ggml must be loaded. backend_dirs are where ggml looks, NULL at the
 * end. Loads plug-ins in processes of their own; blocks for seconds at most. */
void gw_doctor_plugins(const char *const *backend_dirs, struct gw_findings *f);

/* The same for programs whose ggml and backends are in dir. ours is a plug-in of ggwire's that could be put there, or
 * NULL. */
void gw_doctor_host_plugins(const char *dir, const char *ours, struct gw_findings *f);

/* doctor_rdma.c: library, devices, ports, GIDs, and which entry a connection from path's address would use. path may be
 * NULL. library_error says why libibverbs cannot be used, or is NULL. */
void gw_doctor_rdma(const struct gw_sources *s, const struct gw_doctor_path *path, const char *library_error,
	struct gw_findings *f);

/* What to do about a cause (enum gw_upgrade_cause) for which a connection was not upgraded, or NULL. */
const char *gw_doctor_upgrade_advice(unsigned cause);

/* tls.c: the library, and the user's key file. */
void gw_doctor_tls(struct gw_findings *f);
/* build.c: the optional parts that this build lacks and this machine could use. */
void gw_doctor_build(const struct gw_sources *s, struct gw_findings *f);

/* doctor_system.c */
void gw_doctor_governor(const struct gw_sources *s, struct gw_findings *f);
void gw_doctor_sockets(const struct gw_sources *s, const struct gw_doctor_path *path, struct gw_findings *f);
void gw_doctor_memlock(const struct gw_sources *s, struct gw_findings *f);

/* doctor_path.c: goes to the server, and fills *path. */
void gw_doctor_server(const char *endpoint, double timeout_s, struct gw_doctor_path *path, struct gw_findings *f);

#endif
