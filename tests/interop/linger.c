/* Preloaded into stock programs: llama.cpp prints from a thread that it does not wait for, and in one run of seven on a
 * busy machine (40 of llama-completion, no server) exits before that thread is through. With this, in none of 40. */
#include <stdlib.h>
#include <unistd.h>

static void linger(void)
{
	usleep(200000);
}

/* Registered first, and so called last. */
__attribute__((constructor)) static void linger_arrange(void)
{
	atexit(linger);
}
