/* Part of ggwire in builds with AddressSanitizer: its leak checker stops all threads from a process of its own, which
 * the sandbox of a worker does not let it start. What a worker runs is checked for leaks in tests/server, outside of
 * one. */
#include <sanitizer/lsan_interface.h>
#include <sys/prctl.h>

__attribute__((visibility("default"))) int __lsan_is_turned_off(void)
{
	/* 2 with a filter, or an error if the filter refuses the question. */
	return prctl(PR_GET_SECCOMP) != 0;
}
