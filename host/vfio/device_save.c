/* SPDX-License-Identifier: MIT */
/* Saving: records made as they are read. */
#include "vfio/device_save.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "base/bitmap.h"
#include "vfio/device_priv.h"
#include "vfio/device_stream.h"

_Static_assert(sizeof(struct stream_header) + sizeof(struct device_core) <=
		       SAVE_SMALL_BYTES,
	       "the largest record that is made");

int device_save_begin(struct vfio_device *d)
{
	struct device_save *s = &d->save;
	uint64_t initial = d->params.initial_bytes;

	memset(s, 0, sizeof(*s));
	s->hash = XXH3_createState();
	if (!s->hash)
		return -ENOMEM;
	XXH3_64bits_reset(s->hash);
	s->active = true;
	s->initial_chunks =
		initial / FILLER_CHUNK_BYTES + !!(initial % FILLER_CHUNK_BYTES);
	if (s->initial_chunks > d->filler.nr_chunks)
		s->initial_chunks = d->filler.nr_chunks;
	filler_mark_all(&d->filler);
	return 0;
}

void device_save_stop(struct vfio_device *d)
{
	d->save.stopped = true;
}

void device_save_end(struct device_save *s)
{
	XXH3_freeState(s->hash);
	memset(s, 0, sizeof(*s));
}

static void make_record(struct device_save *s, uint32_t record,
			const void *payload, size_t bytes)
{
	const struct stream_header h = { record, (uint32_t)bytes, 0 };

	memcpy(s->small, &h, sizeof(h));
	memcpy(s->small + sizeof(h), payload, bytes);
	s->small_at = 0;
	s->small_bytes = sizeof(h) + bytes;
}

static void make_run(struct device_save *s, uint32_t record, uint64_t arg,
		     const uint8_t *data, uint64_t bytes)
{
	const struct stream_header h = { record, (uint32_t)bytes, arg };

	memcpy(s->small, &h, sizeof(h));
	s->small_at = 0;
	s->small_bytes = sizeof(h);
	s->run = data;
	s->run_bytes = bytes;
}

/* A FILL of the first dirty chunks below @limit. */
static bool make_fill(struct vfio_device *d, uint64_t limit)
{
	struct filler *f = &d->filler;
	uint64_t first = bitmap_next(f->dirty, limit, 0), end, i, bytes = 0;

	if (first >= limit)
		return false;
	if (limit - first > STREAM_FILL_CHUNKS)
		limit = first + STREAM_FILL_CHUNKS;
	end = bitmap_next_clear(f->dirty, limit, first);
	for (i = first; i < end; i++) {
		bitmap_clear(f->dirty, i);
		bytes += filler_chunk_bytes(f, i);
	}
	f->nr_dirty -= end - first;
	make_run(&d->save, STREAM_FILL, first,
		 f->data + first * FILLER_CHUNK_BYTES, bytes);
	return true;
}

static bool memory_is_zero(const struct vfio_device *d)
{
	return !d->memory[0] &&
	       !memcmp(d->memory, d->memory + 1, ABI_DMA_MEMORY_BYTES - 1);
}

static bool make_last(struct vfio_device *d)
{
	struct device_save *s = &d->save;
	const struct stream_last last = { XXH3_64bits_digest(s->hash),
					  d->filler.changes };

	if (s->ended && !device_has_fault(d, FAULT_DATA_AFTER_END))
		return false;
	/* The fault: more after each end. */
	s->ended = !s->ended;
	if (!s->ended || device_has_fault(d, FAULT_SHORT_STREAM))
		return false;
	make_record(s, STREAM_LAST, &last, sizeof(last));
	s->unhashed = true;
	return true;
}

/* What goes out once nothing changes any more, behind the filler. */
static bool make_rest(struct vfio_device *d)
{
	struct device_save *s = &d->save;

	if (!s->core_done) {
		s->core_done = true;
		make_record(s, STREAM_CORE, &d->core, sizeof(d->core));
		return true;
	}
	if (!s->memory_done) {
		s->memory_done = true;
		if (!memory_is_zero(d)) {
			make_run(s, STREAM_MEMORY, 0, d->memory,
				 ABI_DMA_MEMORY_BYTES);
			return true;
		}
	}
	return make_last(d);
}

/* In pre-copy: the first part, a pause, and then what is dirty. */
static bool make_precopy(struct vfio_device *d)
{
	struct device_save *s = &d->save;

	if (!s->initial_done) {
		if (make_fill(d, s->initial_chunks))
			return true;
		s->initial_done = true;
		if (!device_has_fault(d, FAULT_PRECOPY_GROWS))
			return false;
	}
	if (make_fill(d, d->filler.nr_chunks))
		return true;
	if (!device_has_fault(d, FAULT_PRECOPY_GROWS) || !d->filler.nr_chunks)
		return false;
	filler_mark_all(&d->filler);
	return make_fill(d, d->filler.nr_chunks);
}

static bool make_next(struct vfio_device *d)
{
	struct device_save *s = &d->save;
	const struct stream_head head = { STREAM_MAGIC, STREAM_VERSION,
					  sizeof(struct device_core),
					  d->filler.bytes };

	if (!s->head_done) {
		s->head_done = true;
		make_record(s, STREAM_HEAD, &head, sizeof(head));
		return true;
	}
	if (!s->stopped)
		return make_precopy(d);
	return make_fill(d, d->filler.nr_chunks) || make_rest(d);
}

/* Copies from @from; both sides go on. */
static size_t take(struct device_save *s, uint8_t *to, const uint8_t *from,
		   uint64_t left, size_t bytes)
{
	if (bytes > left)
		bytes = (size_t)left;
	memcpy(to, from, bytes);
	if (!s->unhashed)
		XXH3_64bits_update(s->hash, to, bytes);
	return bytes;
}

size_t device_save_read(struct vfio_device *d, void *data, size_t bytes)
{
	struct device_save *s = &d->save;
	uint8_t *to = data;
	size_t done = 0, n;

	while (done < bytes) {
		if (s->small_at < s->small_bytes) {
			n = take(s, to + done, s->small + s->small_at,
				 s->small_bytes - s->small_at, bytes - done);
			s->small_at += n;
		} else if (s->run_bytes) {
			n = take(s, to + done, s->run, s->run_bytes,
				 bytes - done);
			s->run += n;
			s->run_bytes -= n;
		} else if (!make_next(d)) {
			break;
		} else {
			n = 0;
		}
		done += n;
	}
	return done;
}

uint64_t device_save_left(const struct vfio_device *d)
{
	const struct device_save *s = &d->save;
	const uint64_t header = sizeof(struct stream_header);
	uint64_t bytes = s->small_bytes - s->small_at + s->run_bytes;
	uint64_t filler =
		s->active ? filler_dirty_bytes(&d->filler) : d->filler.bytes;

	if (s->ended)
		return bytes;
	bytes += filler +
		 filler / (STREAM_FILL_CHUNKS * FILLER_CHUNK_BYTES) * header +
		 (filler ? header : 0);
	if (!s->head_done)
		bytes += header + sizeof(struct stream_head);
	if (!s->core_done)
		bytes += header + sizeof(struct device_core);
	if (!s->memory_done && !memory_is_zero(d))
		bytes += header + ABI_DMA_MEMORY_BYTES;
	return bytes + header + sizeof(struct stream_last);
}

uint64_t device_save_pending(const struct vfio_device *d)
{
	const struct device_save *s = &d->save;

	if (s->stopped)
		return device_save_left(d);
	return s->small_bytes - s->small_at + s->run_bytes +
	       filler_dirty_bytes(&d->filler) +
	       (s->head_done ? 0
			     : sizeof(struct stream_header) +
				       sizeof(struct stream_head));
}
