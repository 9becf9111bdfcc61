#include "device/weights/models.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "device/weights/model_files.h"
#include "device/weights/model_index.h"

/* Where an entry is, as the value of a map. */
struct place {
	uint32_t file;
	uint32_t entry;
};

enum state {
	WAITING, /* no index yet */
	USABLE,
	DISTRUSTED,
};

struct indexed {
	enum state state;
	struct gw_model_index index; /* of USABLE and DISTRUSTED */
};

struct gw_models {
	pthread_mutex_t lock; /* of all below but files */
	struct gw_model_files files;
	char *index_dir;
	struct indexed *indexed; /* files.n */
	struct gw_map by_fnv;
	struct gw_map by_xxh3; /* by the lower half */
};

static uint64_t pack(struct place place)
{
	return (uint64_t)place.file << 32 | place.entry;
}

static struct place unpack(uint64_t value)
{
	return (struct place){(uint32_t)(value >> 32), (uint32_t)value};
}

enum gw_status gw_models_open(const char *list, const char *index_dir, struct gw_models **out, struct gw_error *err)
{
	struct gw_models *m = calloc(1, sizeof(*m));
	enum gw_status st = GW_ERR_NOMEM;

	if (!m)
		goto no_memory;
	pthread_mutex_init(&m->lock, NULL);
	m->index_dir = strdup(index_dir);
	if (!m->index_dir)
		goto close;
	st = gw_model_files_open(list, NULL, &m->files, err);
	if (st != GW_OK)
		goto close;
	st = GW_ERR_NOMEM;
	m->indexed = calloc(m->files.n ? m->files.n : 1, sizeof(*m->indexed));
	if (!m->indexed)
		goto close;
	*out = m;
	return GW_OK;

close:
	gw_models_close(m);
no_memory:
	return st == GW_ERR_NOMEM ? gw_error_set(err, st, "out of memory") : st;
}

void gw_models_close(struct gw_models *m)
{
	if (!m)
		return;
	for (size_t i = 0; m->indexed && i < m->files.n; i++)
		gw_model_index_free(&m->indexed[i].index);
	free(m->indexed);
	gw_map_free(&m->by_fnv);
	gw_map_free(&m->by_xxh3);
	gw_model_files_close(&m->files);
	free(m->index_dir);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* Enters a file's tensors, if there is an index by now. */
static void try_load(struct gw_models *m, size_t file)
{
	struct indexed *in = &m->indexed[file];

	if (gw_model_index_load(&m->files.files[file], m->index_dir, &in->index) != GW_OK)
		return;
	in->state = USABLE;
	for (size_t i = 0; i < in->index.n; i++) {
		uint64_t place = pack((struct place){(uint32_t)file, (uint32_t)i});
		const struct gw_sums *sums = &in->index.entries[i].sums;
		if (gw_map_put_u64(&m->by_fnv, sums->fnv, place) != GW_OK ||
			(sums->has_xxh3 && gw_map_put_u64(&m->by_xxh3, sums->xxh3.low, place) != GW_OK))
			return;
	}
}

static void load_new(struct gw_models *m)
{
	for (size_t i = 0; i < m->files.n; i++)
		if (m->indexed[i].state == WAITING)
			try_load(m, i);
}

static void distrust(struct gw_models *m, size_t file, const char *why)
{
	if (m->indexed[file].state != USABLE)
		return;
	m->indexed[file].state = DISTRUSTED;
	gw_log_warn("model %s %s: it is not used until the server is restarted", m->files.files[file].path, why);
}

/* The entry, if it is there and its file is as it was. */
static const struct gw_model_entry *look_up(struct gw_models *m, const struct gw_sums *sums, size_t *file)
{
	struct gw_model_stamp now;
	uint64_t value;
	bool found = sums->has_xxh3 ? gw_map_find_u64(&m->by_xxh3, sums->xxh3.low, &value)
				    : gw_map_find_u64(&m->by_fnv, sums->fnv, &value);
	if (!found)
		return NULL;
	struct place place = unpack(value);
	const struct indexed *in = &m->indexed[place.file];
	const struct gw_model_entry *e = &in->index.entries[place.entry];
	if (in->state != USABLE || !gw_sums_agree(&e->sums, sums))
		return NULL;
	if (!gw_model_file_stamp(&m->files.files[place.file], &now) || now.size != in->index.stamp.size ||
		now.mtime_ns != in->index.stamp.mtime_ns) {
		distrust(m, place.file, "has changed");
		return NULL;
	}
	*file = place.file;
	return e;
}

enum gw_status gw_models_find(struct gw_models *m, const struct gw_sums *sums, struct gw_model_hit *out)
{
	pthread_mutex_lock(&m->lock);
	const struct gw_model_entry *e = look_up(m, sums, &out->file);
	if (!e) {
		load_new(m);
		e = look_up(m, sums, &out->file);
	}
	if (e) {
		out->size = e->size;
		gw_blob_begin(&out->blob, m->files.files[out->file].fd, e->offset, e->size, &e->sums);
	}
	pthread_mutex_unlock(&m->lock);
	return e ? GW_OK : GW_ERR_NOT_FOUND;
}

void gw_models_distrust(struct gw_models *m, const struct gw_model_hit *hit)
{
	pthread_mutex_lock(&m->lock);
	distrust(m, hit->file, "holds other bytes than when it was hashed");
	pthread_mutex_unlock(&m->lock);
}
