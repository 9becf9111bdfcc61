/* Preloaded into stock programs. llama.cpp prints from a thread that it does not join: on a busy machine one run in
 * seven (of 40 runs of llama-completion without a server) exits before that thread has printed everything. With this
 * library, none of 40 does. */
#include <stdlib.h>
#include <unistd.h>

static void linger(void)
{
	usleep(200000);
}

/* The first handler registered runs last. */
__attribute__((constructor)) static void linger_arrange(void)
{
	atexit(linger);
}
