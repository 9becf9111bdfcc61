#include "daemon/sandbox/environment.h"

#include <stdlib.h>
#include <string.h>

extern char **environ;

/* For every process: the loader's, the C library's, the log's, and those of checking builds. */
static const char *const general[] = {
	"LD_LIBRARY_PATH",
	"LD_PRELOAD",
	"GLIBC_TUNABLES",
	"MALLOC_*",
	"LANG",
	"LC_*",
	"TZ",
	"GGML_RPC_DEBUG",
	"ASAN_OPTIONS",
	"LSAN_OPTIONS",
	"TSAN_OPTIONS",
	"UBSAN_OPTIONS",
	"GCOV_*",
	"LLVM_PROFILE_FILE",
};

/* For devices: ggml's and ggwire's own settings, those of drivers and of math and threading libraries, and the
 * directories in which drivers keep compiled kernels. */
static const char *const devices[] = {
	"HOME",
	"XDG_CACHE_HOME",
	"GGML_*",
	"GGWIRE_*",
	/* CUDA */
	"CUDA_*",
	"CUBLAS_*",
	"CUBLASLT_*",
	"NVIDIA_*",
	/* ROCm */
	"HIP_*",
	"ROCR_*",
	"ROCM_*",
	"ROCBLAS_*",
	"HIPBLAS*",
	"TENSILE_*",
	"HSA_*",
	"AMD_*",
	"GPU_*",
	/* Vulkan and Mesa, and where their loaders look for drivers */
	"XDG_CONFIG_DIRS",
	"XDG_DATA_DIRS",
	"DRI_PRIME",
	"VK_*",
	"MESA_*",
	"RADV_*",
	"ANV_*",
	"NVK_*",
	"INTEL_*",
	"AMDVLK_*",
	/* SYCL, Level Zero, OpenCL */
	"ONEAPI_*",
	"SYCL_*",
	"UR_*",
	"ZE_*",
	"ZES_*",
	"NEO_*",
	"OCL_ICD_*",
	/* others that ggml has backends for */
	"ASCEND_*",
	"MUSA_*",
	"HEXAGON_*",
	/* threads and matrices on CPUs */
	"OMP_*",
	"GOMP_*",
	"KMP_*",
	"OPENBLAS_*",
	"BLIS_*",
	"MKL_*",
	/* RDMA */
	"IBV_*",
	"RDMAV_*",
	"MLX4_*",
	"MLX5_*",
};

static const char *const secrets[] = {"KEY", "TOKEN", "SECRET", "PASS", "CRED"};

static bool matches(const char *pattern, const char *name, size_t len)
{
	size_t n = strlen(pattern);
	if (pattern[n - 1] == '*')
		return len >= n - 1 && strncmp(pattern, name, n - 1) == 0;
	return n == len && strncmp(pattern, name, n) == 0;
}

static bool is_among(const char *const *patterns, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (matches(patterns[i], name, len))
			return true;
	return false;
}

static bool is_secret(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (memmem(name, len, secrets[i], strlen(secrets[i])))
			return true;
	return false;
}

static bool is_named(const char *list, const char *name, size_t len)
{
	while (*list) {
		size_t n = strcspn(list, ",");
		if (n == len && strncmp(list, name, len) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

bool gw_environment_passes(const char *name, size_t len, bool for_devices, const char *also)
{
	if (is_named(also, name, len))
		return true;
	if (is_secret(name, len))
		return false;
	return is_among(general, sizeof(general) / sizeof(general[0]), name, len) ||
	       (for_devices && is_among(devices, sizeof(devices) / sizeof(devices[0]), name, len));
}

char **gw_environment_new(bool for_devices, const char *also)
{
	static char no_backtrace[] = "GGML_NO_BACKTRACE=1";
	size_t n = 0, kept = 0;
	while (environ[n])
		n++;
	char **out = calloc(n + 2, sizeof(*out));
	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (gw_environment_passes(environ[i], strcspn(environ[i], "="), for_devices, also))
			out[kept++] = environ[i];
	if (!getenv("GGML_NO_BACKTRACE"))
		out[kept++] = no_backtrace;
	return out;
}
