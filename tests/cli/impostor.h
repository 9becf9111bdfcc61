/* Programs that may answer instead of an RPC server. Each runs in a separate process on a loopback port. */
#ifndef GW_TESTS_CLI_IMPOSTOR_H
#define GW_TESTS_CLI_IMPOSTOR_H

#include <sys/types.h>

enum impostor_kind {
	IMPOSTOR_HTTP,     /* a web server: replies 400 to everything */
	IMPOSTOR_SILENT,   /* accepts and sends nothing */
	IMPOSTOR_HANG_UP,  /* accepts and closes */
	IMPOSTOR_RESET,    /* accepts and resets */
	IMPOSTOR_FUTURE,   /* speaks protocol 9.0.0 */
	IMPOSTOR_STEERING, /* a ggwire server whose texts contain terminal escapes and break JSON */
	IMPOSTOR_MUTE,     /* the same, but answers only HELLO and EXT_INFO */
	IMPOSTOR_LYING,    /* a stock server whose tensors are zeros, whatever clients write */
	IMPOSTOR_LEAVING,  /* the same, but disconnects after EXT_INFO */
};

struct impostor {
	pid_t pid;
	char endpoint[64];
};

void impostor_start(struct impostor *i, enum impostor_kind kind);
void impostor_stop(struct impostor *i);

#endif
