/* The sizes and alignments that ggml got first. ggml asks twice: when it plans a buffer, and when it places tensors in
 * it. It aborts if a number has grown in between (ggml_tallocr_alloc, ggml_backend_tensor_alloc), as it can if the
 * connection was lost and another server answers. Thread-safe; its lock is a leaf. */
#ifndef GW_BACKEND_ANSWERS_TOLD_H
#define GW_BACKEND_ANSWERS_TOLD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"

/* At this many numbers the older half is dropped; a graph asks some thousand questions. */
#define GW_TOLD_MAX 65536

struct gw_told {
	atomic_bool any; /* ggml got a number since gw_told_clear, whether or not it is entered here */
	pthread_mutex_t lock;
	struct gw_map now, before; /* hash of a question -> the number */
};

void gw_told_init(struct gw_told *t);

/* The first number that ggml got for this query. Without one, number, which then becomes the first. */
size_t gw_told_first(struct gw_told *t, const void *question, size_t size, size_t number);

/* Drops everything: no plan depends on it. */
void gw_told_clear(struct gw_told *t);

#endif
