/* Sizes and alignments as ggml was first told them. ggml asks twice: when it plans a buffer, and when it places tensors
 * in it. It aborts if a number has grown in between (ggml_tallocr_alloc, ggml_backend_tensor_alloc), as it can where
 * the connection was lost and another server answers. Thread-safe; its lock is a leaf. */
#ifndef GW_BACKEND_TOLD_H
#define GW_BACKEND_TOLD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"

/* With this many answers the older half of them is forgotten; a graph asks some thousand questions. */
#define GW_TOLD_MAX 65536

struct gw_told {
	atomic_bool any; /* something was told since gw_told_clear, entered here or not */
	pthread_mutex_t lock;
	struct gw_map now, before; /* hash of a question -> the number */
};

void gw_told_init(struct gw_told *t);

/* The number that was told first in answer to this question; from now on number, if there was none. */
size_t gw_told_first(struct gw_told *t, const void *question, size_t size, size_t number);

/* Forgets everything, when no plan can be based on it any more. */
void gw_told_clear(struct gw_told *t);

#endif
