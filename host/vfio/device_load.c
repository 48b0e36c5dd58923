/* SPDX-License-Identifier: MIT */
/* Loading: a parser of records that may come by the byte. */
#include "vfio/device_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bitmap.h"
#include "vfio/device_priv.h"

_Static_assert(sizeof(struct device_core) <= LOAD_SMALL_BYTES, "fits");

int device_load_begin(struct vfio_device *d)
{
	struct device_load *l = &d->load;
	uint64_t words = BITMAP_WORDS(d->filler.nr_chunks);

	memset(l, 0, sizeof(*l));
	l->active = true;
	l->chunks_seen = calloc(words ? words : 1, sizeof(uint64_t));
	l->core = calloc(1, sizeof(*l->core));
	l->hash = XXH3_createState();
	if (!l->chunks_seen || !l->core || !l->hash) {
		device_load_abort(l);
		return -ENOMEM;
	}
	XXH3_64bits_reset(l->hash);
	return 0;
}

void device_load_abort(struct device_load *l)
{
	free(l->chunks_seen);
	free(l->core);
	XXH3_freeState(l->hash);
	memset(l, 0, sizeof(*l));
}

static struct filler_stamp stamp_of(const struct filler *f, uint64_t chunk)
{
	struct filler_stamp stamp;

	memcpy(&stamp, f->data + chunk * FILLER_CHUNK_BYTES, sizeof(stamp));
	return stamp;
}

/* The chunks of the FILL that is coming in; 0 = it does not fit. */
static uint64_t fill_chunks(const struct filler *f,
			    const struct stream_header *h)
{
	uint64_t nr = h->bytes / FILLER_CHUNK_BYTES +
		      !!(h->bytes % FILLER_CHUNK_BYTES);
	uint64_t last = h->arg + nr - 1;

	if (!nr || h->arg >= f->nr_chunks || nr > f->nr_chunks - h->arg)
		return 0;
	if ((nr - 1) * FILLER_CHUNK_BYTES + filler_chunk_bytes(f, last) !=
	    h->bytes)
		return 0;
	return nr;
}

static int begin_fill(struct vfio_device *d)
{
	struct device_load *l = &d->load;
	uint64_t chunk = l->record.arg;
	uint64_t nr = fill_chunks(&d->filler, &l->record);

	if (!nr)
		return -EINVAL;
	l->to = d->filler.data + chunk * FILLER_CHUNK_BYTES;
	for (; nr; nr--, chunk++)
		if (bitmap_test(l->chunks_seen, chunk))
			l->changes -= stamp_of(&d->filler, chunk).changes;
	return 0;
}

static int end_fill(struct vfio_device *d)
{
	struct device_load *l = &d->load;
	uint64_t chunk = l->record.arg;
	uint64_t nr = fill_chunks(&d->filler, &l->record);

	for (; nr; nr--, chunk++) {
		struct filler_stamp stamp = stamp_of(&d->filler, chunk);

		if (stamp.chunk != chunk &&
		    !device_has_fault(d, FAULT_ACCEPTS_CORRUPT_STREAM))
			return -EINVAL;
		l->changes += stamp.changes;
		if (bitmap_test(l->chunks_seen, chunk))
			continue;
		bitmap_set(l->chunks_seen, chunk);
		l->nr_chunks_seen++;
	}
	return 0;
}

static bool small_record(struct device_load *l, size_t bytes)
{
	l->to = l->small;
	return l->record.bytes == bytes && !l->record.arg;
}

/* The header is whole: may such a record come now, and where does it go? */
static int begin_record(struct vfio_device *d)
{
	struct device_load *l = &d->load;
	bool fits = false;

	if (l->last_seen || (l->record.record == STREAM_HEAD) == l->head_seen)
		return -EINVAL;
	switch (l->record.record) {
	case STREAM_HEAD:
		fits = small_record(l, sizeof(struct stream_head));
		break;
	case STREAM_FILL:
		fits = !l->core_seen && !begin_fill(d);
		break;
	case STREAM_CORE:
		fits = !l->core_seen &&
		       small_record(l, sizeof(struct device_core));
		break;
	case STREAM_MEMORY:
		fits = l->core_seen && !l->memory_seen && !l->record.arg &&
		       l->record.bytes == ABI_DMA_MEMORY_BYTES;
		l->to = d->memory;
		break;
	case STREAM_LAST:
		fits = l->core_seen &&
		       small_record(l, sizeof(struct stream_last));
		l->digest = XXH3_64bits_digest(l->hash);
		break;
	}
	if (!fits)
		return -EINVAL;
	XXH3_64bits_update(l->hash, &l->record, sizeof(l->record));
	return 0;
}

static bool head_valid(const struct vfio_device *d,
		       const struct stream_head *head)
{
	return head->magic == STREAM_MAGIC && head->version == STREAM_VERSION &&
	       head->core_bytes == sizeof(struct device_core) &&
	       head->filler_bytes == d->filler.bytes;
}

static bool core_valid(const struct device_core *c)
{
	const struct abi_dma_regs *r = &c->regs;
	bool busy = r->status == ABI_DMA_RUNNING || r->status == ABI_DMA_HELD ||
		    r->status == ABI_DMA_STOPPING;

	return r->magic == ABI_DMA_MAGIC && r->version == ABI_DMA_VERSION &&
	       r->nr_vectors == ABI_DMA_NR_VECTORS &&
	       r->status <= ABI_DMA_ERROR && !r->release &&
	       (!busy || abi_dma_regs_valid(r)) && c->irq_unanswered <= 1 &&
	       c->released <= 1 && device_pci_valid(&c->pci);
}

static int end_last(struct vfio_device *d)
{
	struct device_load *l = &d->load;
	struct stream_last last;

	memcpy(&last, l->small, sizeof(last));
	l->last_seen = true;
	if (device_has_fault(d, FAULT_ACCEPTS_CORRUPT_STREAM))
		return 0;
	return last.hash == l->digest && last.changes == l->changes &&
			       l->nr_chunks_seen == d->filler.nr_chunks
		       ? 0
		       : -EINVAL;
}

static int end_record(struct vfio_device *d)
{
	struct device_load *l = &d->load;
	struct stream_head head;

	switch (l->record.record) {
	case STREAM_HEAD:
		memcpy(&head, l->small, sizeof(head));
		l->head_seen = true;
		return head_valid(d, &head) ? 0 : -EINVAL;
	case STREAM_FILL:
		return end_fill(d);
	case STREAM_CORE:
		memcpy(l->core, l->small, sizeof(struct device_core));
		l->core_seen = true;
		/* An older stream's, or none at all. */
		memset(d->memory, 0, ABI_DMA_MEMORY_BYTES);
		return core_valid(l->core) ? 0 : -EINVAL;
	case STREAM_MEMORY:
		l->memory_seen = true;
		return 0;
	default:
		return end_last(d);
	}
}

/* Takes some of @data; at least a byte, unless it fails. */
static int load_some(struct vfio_device *d, const uint8_t *data, size_t bytes,
		     size_t *ret_taken)
{
	struct device_load *l = &d->load;
	size_t head = sizeof(l->record), n = bytes;
	int rc = 0;

	if (l->header_have < head) {
		if (n > head - l->header_have)
			n = head - l->header_have;
		memcpy((uint8_t *)&l->record + l->header_have, data, n);
		l->header_have += n;
		l->have = 0;
		if (l->header_have == head)
			rc = begin_record(d);
	} else {
		if (n > l->record.bytes - l->have)
			n = (size_t)(l->record.bytes - l->have);
		memcpy(l->to + l->have, data, n);
		/* The copy: the client may share the original. */
		XXH3_64bits_update(l->hash, l->to + l->have, n);
		l->have += n;
		if (l->have == l->record.bytes) {
			l->header_have = 0;
			rc = end_record(d);
		}
	}
	*ret_taken = n;
	return rc;
}

int device_load_write(struct vfio_device *d, const void *data, size_t bytes)
{
	struct device_load *l = &d->load;
	const uint8_t *at = data;
	size_t n;

	while (bytes && !l->failed) {
		if (load_some(d, at, bytes, &n))
			l->failed = true;
		at += n;
		bytes -= n;
	}
	return l->failed ? -EINVAL : 0;
}

int device_load_finish(struct vfio_device *d)
{
	struct device_load *l = &d->load;
	bool whole = l->last_seen && !l->header_have;

	if (l->failed ||
	    (!whole && !device_has_fault(d, FAULT_ACCEPTS_SHORT_STREAM)))
		return -EINVAL;
	if (l->core_seen) {
		memcpy(&d->core, l->core, sizeof(d->core));
		d->engine.seeked = false;
		d->filler.changes = l->changes;
	}
	if (device_has_fault(d, FAULT_LOSES_STATE))
		memset(d->memory, 0, ABI_DMA_MEMORY_BYTES);
	device_load_abort(l);
	return 0;
}
