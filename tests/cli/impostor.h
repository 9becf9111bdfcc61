/* What may answer where an RPC server is expected. Each runs in a process of its own on a loopback port. */
#ifndef GW_TESTS_CLI_IMPOSTOR_H
#define GW_TESTS_CLI_IMPOSTOR_H

#include <sys/types.h>

enum impostor_kind {
	IMPOSTOR_HTTP,     /* a web server: answers anything with 400 */
	IMPOSTOR_SILENT,   /* accepts and says nothing */
	IMPOSTOR_HANG_UP,  /* accepts and closes */
	IMPOSTOR_RESET,    /* accepts and resets */
	IMPOSTOR_FUTURE,   /* speaks protocol 9.0.0 */
	IMPOSTOR_STEERING, /* a ggwire server whose texts steer terminals and break JSON */
	IMPOSTOR_MUTE,     /* the same, which answers HELLO and EXT_INFO, and nothing later */
	IMPOSTOR_LYING,    /* a stock server whose tensors are zeros whatever is written */
	IMPOSTOR_LEAVING,  /* the same, which leaves after EXT_INFO */
};

struct impostor {
	pid_t pid;
	char endpoint[64];
};

void impostor_start(struct impostor *i, enum impostor_kind kind);
void impostor_stop(struct impostor *i);

#endif
