/* A device whose memory this process cannot see and whose work is done late: not before somebody waits for it. What is
 * freed or reused too early shows. */
#ifndef GW_TESTS_SERVER_FAKE_DEVICE_H
#define GW_TESTS_SERVER_FAKE_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <ggml-backend.h>

struct fake {
	bool async;          /* uploads are asynchronous too */
	bool plain_2d;       /* has no 2D transfers of its own */
	bool fails;          /* graphs fail */
	bool occupies;       /* graphs are computed at once by the thread that launches them, in some milliseconds */
	atomic_bool held;    /* with occupies: a graph is not done before this is false, or ten seconds have passed */
	atomic_bool overdue; /* they have */
	bool keeps_extra;    /* initialising a tensor hangs something on it */
	bool no_backend;     /* cannot be initialised */
	size_t n_uploads;    /* so far */
	size_t n_waits;      /* so far, with something to wait for */
	size_t max_upload;   /* bytes of the largest upload so far */
	size_t n_backends;   /* alive */
	size_t n_buffers;    /* alive */
};

/* There is one; its state is reset. It computes SQR of F32 rows, and wants 64 bytes behind quantized tensors. */
ggml_backend_dev_t fake_device(struct fake **state);

#endif
