/* Devices of several real servers, and tensors on them that are added up as ggml's meta backend has it done. */
#ifndef GW_TESTS_BACKEND_RANKS_H
#define GW_TESTS_BACKEND_RANKS_H

#include <ggml-backend.h>
#include <ggml.h>

#include "daemon/serving.h"

#define RANKS_MAX 16

struct rank {
	ggml_backend_t backend;
	ggml_backend_buffer_t buffer;
	struct ggml_context *context;
	struct ggml_tensor *whole, *tensor; /* the first elements of whole */
};

struct ranks {
	size_t n;
	struct rank rank[RANKS_MAX];
	void *comm;
};

/* Starts n servers with the CPU device, each with these options (NULL at the end, or NULL). They listen at the address
 * in the environment's GGWIRE_TEST_HOST, or on the loopback interface. */
void ranks_serve(struct serving *servers, size_t n, const char *const *options);

/* The same, with a key that the servers require and this process has: links are encrypted. */
void ranks_serve_tls(struct serving *servers, size_t n);

/* A stream of work for server which[i] as rank i, with room for so many elements each; not connected yet. */
void ranks_open(struct ranks *r, struct serving *servers, const size_t *which, size_t n, size_t elements);
void ranks_close(struct ranks *r);

/* The same for servers at these endpoints. */
void ranks_open_at(struct ranks *r, const char (*endpoints)[GW_ENDPOINT_MAX], size_t n, size_t elements);

/* Connects the ranks; false if they cannot be. */
bool ranks_connect(struct ranks *r);

/* Ends their connection; ranks_connect can follow. */
void ranks_reset(struct ranks *r);

/* The tensors have n elements from now on, and all count. */
void ranks_resize(struct ranks *r, size_t n);

/* Has the servers add up. False if the plug-in refuses. */
bool ranks_reduce(struct ranks *r);

#endif
