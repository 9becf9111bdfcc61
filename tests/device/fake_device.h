/* A device with memory that this process cannot see, and which defers all work until somebody waits for it. Memory that
 * is freed or reused too early shows in the results. */
#ifndef GW_TESTS_SERVER_FAKE_DEVICE_H
#define GW_TESTS_SERVER_FAKE_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <ggml-backend.h>

struct fake {
	bool async;          /* uploads are asynchronous too */
	bool plain_2d;       /* has no 2D transfers */
	bool fails;          /* graphs fail */
	bool occupies;       /* the thread that launches a graph computes it at once, in a few milliseconds */
	atomic_bool held;    /* with occupies: a graph does not finish until this is false or ten seconds have passed */
	atomic_bool overdue; /* the ten seconds have passed */
	bool keeps_extra;    /* initialising a tensor attaches state to it */
	bool no_backend;     /* creating a backend fails */
	size_t n_uploads;    /* total */
	size_t n_waits;      /* total, without those that had nothing to wait for */
	size_t max_upload;   /* bytes of the largest upload so far */
	size_t n_backends;   /* currently alive */
	size_t n_buffers;    /* currently alive */
};

/* Returns the only fake device and resets its state. It computes SQR of F32 rows, and wants 64 bytes after quantized
 * tensors. */
ggml_backend_dev_t fake_device(struct fake **state);

#endif
