#include "daemon/sandbox/landlock.h"

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<linux/landlock.h>) && defined(SYS_landlock_create_ruleset)

#include <linux/landlock.h>

/* Rights by the version that brought them; headers may be older than the kernel. */
#define READ (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define CHANGE                                                                                          \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
		(UINT64_C(1) << 14) /* TRUNCATE, version 3 */)
#define NEVER                                                                                                 \
	(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |         \
		LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
		LANDLOCK_ACCESS_FS_MAKE_SYM | (UINT64_C(1) << 13) /* REFER, version 2 */)
#define CHANGE_TREE (LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR)
/* Of a file that is not a directory. */
#define OF_FILES                                                                                     \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
		(UINT64_C(1) << 14))

/* struct landlock_ruleset_attr as of version 6, whatever the headers know of it. */
struct attributes {
	uint64_t files;
	uint64_t ports;
	uint64_t scopes;
};

static uint64_t files_known(int version)
{
	uint64_t known = (UINT64_C(1) << 13) - 1;
	return version >= 3 ? known | 3 << 13 : version == 2 ? known | 1 << 13 : known;
}

static int ruleset(int version)
{
	struct attributes a = {
		.files = (READ | CHANGE | NEVER) & files_known(version),
		.ports = 3,  /* bind, connect */
		.scopes = 3, /* abstract Unix sockets, signals */
	};
	size_t size = version >= 6 ? sizeof(a) : version >= 4 ? offsetof(struct attributes, scopes) : sizeof(a.files);
	return (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
}

/* Allows rights below a path, or on it if it is a file. What is not there needs no rule. */
static void allow(int rules, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights};
	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0)) {
		rule.allowed_access &= OF_FILES;
		syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	}
	close(rule.parent_fd);
}

/* Below the directories of all libraries that are loaded: backends and drivers load more from there. */
static void allow_libraries(int rules)
{
	char line[PATH_MAX + 128], last[PATH_MAX] = "";
	FILE *maps = fopen("/proc/self/maps", "re");
	if (!maps)
		return;
	while (fgets(line, sizeof(line), maps)) {
		char *path = strchr(line, '/');
		char *slash = path ? strrchr(path, '/') : NULL;
		if (!slash || slash == path || !strstr(slash, ".so"))
			continue;
		*slash = 0;
		if (strcmp(path, last) == 0 || strlen(path) >= sizeof(last))
			continue;
		strcpy(last, path);
		allow(rules, path, READ);
	}
	fclose(maps);
}

/* Files and directories below a directory that an environment variable names, or below a part of it. */
static void allow_below(
	int rules, const char *base, const char *part, const char *const *names, size_t n, uint64_t rights)
{
	char path[PATH_MAX];
	for (size_t i = 0; base && base[0] && i < n; i++)
		if (snprintf(path, sizeof(path), "%s%s/%s", base, part, names[i]) < (int)sizeof(path))
			allow(rules, path, rights);
}

/* The caches in which drivers keep compiled kernels. */
static void allow_driver_caches(int rules, uint64_t rights)
{
	static const char *const in_home[] = {".nv"};
	static const char *const in_cache[] = {
		"mesa_shader_cache", "mesa_shader_cache_db", "nvidia", "comgr", "radv_builtin_shaders64"};
	const char *home = getenv("HOME");
	const char *cache = getenv("XDG_CACHE_HOME");
	allow_below(rules, home, "", in_home, sizeof(in_home) / sizeof(in_home[0]), rights);
	allow_below(rules, home, "/.cache", in_cache, sizeof(in_cache) / sizeof(in_cache[0]), rights);
	allow_below(rules, cache, "", in_cache, sizeof(in_cache) / sizeof(in_cache[0]), rights);
}

/* Device files, and what drivers keep. */
static void allow_drivers(int rules, uint64_t change)
{
	static const char *const files[] = {"/dev/dri", "/dev/kfd", "/dev/shm", "/dev/infiniband", "/dev/nvidiactl",
		"/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset", "/dev/nvidia-caps",
		"/dev/nvidia-caps-imex-channels", "/dev/accel", "/dev/udmabuf", "/dev/dma_heap", "/dev/dxg",
		"/run/nvidia-persistenced", "/tmp/nvidia-mps"};
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		allow(rules, files[i], READ | change);
	for (int i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/dev/nvidia%d", i);
		allow(rules, path, READ | change);
	}
	allow_driver_caches(rules, READ | change);
}

static void allow_all(int rules, const struct gw_sandbox *sandbox, int version)
{
	/* Of /etc and /proc only what says how the system is made. */
	static const char *const system[] = {"/usr", "/lib", "/lib64", "/opt", "/nix/store", "/run/opengl-driver",
		"/etc/ld.so.cache", "/etc/localtime", "/etc/vulkan", "/etc/OpenCL", "/etc/glvnd", "/etc/drirc",
		"/etc/libibverbs.d", "/etc/nvidia", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
		"/proc/filesystems", "/proc/devices", "/proc/modules", "/proc/version", "/proc/driver", "/proc/sys",
		"/sys", "/dev/zero", "/dev/random", "/dev/urandom"};
	uint64_t change = CHANGE & files_known(version);
	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		allow(rules, system[i], READ);
	allow(rules, "/dev/null", READ | change);
	allow_libraries(rules);
	if (sandbox->kind == GW_SANDBOX_DRIVERS)
		allow_drivers(rules, change);
	if (sandbox->index_dir)
		allow(rules, sandbox->index_dir, READ);
	if (sandbox->cache_dir)
		allow(rules, sandbox->cache_dir, READ | change | (sandbox->cache_tree ? CHANGE_TREE : 0));
}

int gw_sandbox_landlock(const struct gw_sandbox *sandbox)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 1)
		return 0;
	int rules = ruleset(version);
	if (rules < 0)
		return 0;
	if (sandbox->kind != GW_SANDBOX_HTTP)
		allow_all(rules, sandbox, version);
	bool ok = syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	close(rules);
	return ok ? version : 0;
}

#else

int gw_sandbox_landlock(const struct gw_sandbox *sandbox)
{
	(void)sandbox;
	return 0;
}

#endif
