#include "device/weights/model_hash.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "device/weights/gguf.h"
#include "wire/extension.h"

/* Small enough to be in the processor's cache still when it is hashed. */
#define PIECE ((size_t)256 << 10)
#define MAX_THREADS 64
#define TICK_NS 250000000L

struct job {
	const struct gw_model_file *file;
	struct gw_model_index *index;
	atomic_size_t next;   /* entry */
	atomic_ullong done;   /* bytes */
	atomic_int errnum;    /* the first failure's; 0 = none */
	pthread_mutex_t lock; /* of active */
	pthread_cond_t idle;
	unsigned active;
};

enum gw_status gw_model_index_plan(const struct gw_model_file *file, struct gw_model_index *out, struct gw_error *err)
{
	struct gw_model_index index = {.has_xxh3 = gw_xxh3_available()};
	struct gw_gguf gguf;

	if (!gw_model_file_stamp(file, &index.stamp))
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "cannot read its size and time");
	enum gw_status st = gw_gguf_read(file->fd, index.stamp.size, &gguf, err);
	if (st != GW_OK)
		return st;
	index.entries = calloc(gguf.n ? gguf.n : 1, sizeof(*index.entries));
	if (!index.entries) {
		gw_gguf_free(&gguf);
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < gguf.n; i++)
		if (gguf.tensors[i].size >= GW_EXT_XXH3_MIN)
			index.entries[index.n++] =
				(struct gw_model_entry){gguf.tensors[i].offset, gguf.tensors[i].size, {0}};
	gw_gguf_free(&gguf);
	*out = index;
	return GW_OK;
}

uint64_t gw_model_index_bytes(const struct gw_model_index *index)
{
	uint64_t total = 0;

	for (size_t i = 0; i < index->n; i++)
		total += index->entries[i].size;
	return total;
}

/* 0 or an errno. */
static int hash_entry(struct job *job, struct gw_model_entry *e, uint8_t *piece)
{
	struct gw_digest digest;
	uint64_t at = e->offset, end = e->offset + e->size;
	int errnum = 0;

	gw_digest_begin(&digest, true, job->index->has_xxh3);
	while (at < end && !errnum && !atomic_load(&job->errnum)) {
		size_t want = end - at < PIECE ? (size_t)(end - at) : PIECE;
		ssize_t n = pread(job->file->fd, piece, want, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errnum = n < 0 ? errno : EIO;
			break;
		}
		gw_digest_update(&digest, piece, (size_t)n);
		at += (uint64_t)n;
		atomic_fetch_add(&job->done, (unsigned long long)n);
	}
	e->sums = gw_digest_end(&digest);
	/* Only for want of memory. */
	if (e->sums.has_xxh3 != job->index->has_xxh3)
		errnum = ENOMEM;
	return errnum;
}

static void hash_some(struct job *job)
{
	int errnum = ENOMEM, none = 0;
	uint8_t *piece = malloc(PIECE);

	if (piece) {
		errnum = 0;
		for (size_t i; !errnum && (i = atomic_fetch_add(&job->next, 1)) < job->index->n;)
			errnum = hash_entry(job, &job->index->entries[i], piece);
		free(piece);
	}
	if (errnum)
		atomic_compare_exchange_strong(&job->errnum, &none, errnum);
}

static void *thread_main(void *arg)
{
	struct job *job = arg;

	hash_some(job);
	pthread_mutex_lock(&job->lock);
	job->active--;
	pthread_cond_signal(&job->idle);
	pthread_mutex_unlock(&job->lock);
	return NULL;
}

static struct timespec soon(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += TICK_NS;
	if (at.tv_nsec >= 1000000000L) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000L;
	}
	return at;
}

static void wait_and_tick(struct job *job, gw_model_tick tick, void *user)
{
	pthread_mutex_lock(&job->lock);
	while (job->active > 0) {
		struct timespec at = soon();
		if (pthread_cond_timedwait(&job->idle, &job->lock, &at) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&job->lock);
		tick(atomic_load(&job->done), user);
		pthread_mutex_lock(&job->lock);
	}
	pthread_mutex_unlock(&job->lock);
}

static void run(struct job *job, unsigned n_threads, gw_model_tick tick, void *user)
{
	pthread_t threads[MAX_THREADS];
	unsigned n = 0;

	pthread_mutex_lock(&job->lock);
	while (n < n_threads && n < MAX_THREADS && n < job->index->n &&
		pthread_create(&threads[n], NULL, thread_main, job) == 0)
		n++;
	job->active = n;
	pthread_mutex_unlock(&job->lock);
	if (n == 0)
		hash_some(job);
	wait_and_tick(job, tick, user);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

enum gw_status gw_model_index_hash(const struct gw_model_file *file, unsigned n_threads, gw_model_tick tick, void *user,
	struct gw_model_index *index, struct gw_error *err)
{
	struct job job = {
		.file = file, .index = index, .lock = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER};
	struct gw_model_stamp now;

	run(&job, n_threads, tick, user);
	int errnum = atomic_load(&job.errnum);
	if (errnum)
		return gw_error_errno(err, GW_ERR_SYSTEM, errnum, "cannot be read");
	if (!gw_model_file_stamp(file, &now) || now.size != index->stamp.size || now.mtime_ns != index->stamp.mtime_ns)
		return gw_error_set(err, GW_ERR_INVALID, "the file changed while it was hashed");
	return GW_OK;
}
