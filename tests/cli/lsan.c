/* Part of ggwire in builds with AddressSanitizer. Its leak checker stops all threads from a separate process, which a
 * worker's sandbox forbids. tests/device checks the worker's code for leaks outside of the sandbox. */
#include <sanitizer/lsan_interface.h>
#include <sys/prctl.h>

__attribute__((visibility("default"))) int __lsan_is_turned_off(void)
{
	/* 2 with a filter, or an error if the filter refuses prctl. */
	return prctl(PR_GET_SECCOMP) != 0;
}
