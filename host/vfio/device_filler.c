/* SPDX-License-Identifier: MIT */
/* State that means nothing, in any amount. */
#include "vfio/device_filler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bitmap.h"
#include "base/clock.h"

/* What is not made good after a pause, as if nobody had looked for longer. */
#define MAX_OWED_NS NSEC_PER_SEC

uint64_t filler_chunk_bytes(const struct filler *f, uint64_t chunk)
{
	uint64_t left = f->bytes - chunk * FILLER_CHUNK_BYTES;

	return left < FILLER_CHUNK_BYTES ? left : FILLER_CHUNK_BYTES;
}

static void make_chunk(struct filler *f, uint64_t chunk)
{
	uint8_t *at = f->data + chunk * FILLER_CHUNK_BYTES;
	uint64_t bytes = filler_chunk_bytes(f, chunk), i;
	struct filler_stamp stamp = { chunk, 0 };
	uint64_t word = chunk * 0x9e3779b97f4a7c15ull;

	for (i = sizeof(stamp); i + sizeof(word) <= bytes; i += sizeof(word)) {
		word = word * 6364136223846793005ull + 1442695040888963407ull;
		memcpy(at + i, &word, sizeof(word));
	}
	memcpy(at, &stamp, sizeof(stamp));
}

int filler_init(struct filler *f, uint64_t bytes, uint64_t rate_bytes_per_s)
{
	uint64_t words;
	void *p;

	memset(f, 0, sizeof(*f));
	if (bytes > 1ull << 40)
		return -ENOMEM;
	f->bytes = (bytes + 63) & ~63ull;
	f->nr_chunks = (f->bytes + FILLER_CHUNK_BYTES - 1) / FILLER_CHUNK_BYTES;
	f->rate_bytes_per_s = rate_bytes_per_s;
	words = BITMAP_WORDS(f->nr_chunks);
	f->dirty = calloc(words ? words : 1, sizeof(uint64_t));
	if (!f->dirty)
		return -ENOMEM;
	if (!f->bytes)
		return 0;
	p = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		free(f->dirty);
		return -ENOMEM;
	}
	madvise(p, f->bytes, MADV_HUGEPAGE);
	madvise(p, f->bytes, MADV_DONTDUMP);
	f->data = p;
	filler_reset(f);
	return 0;
}

void filler_exit(struct filler *f)
{
	if (f->data)
		munmap(f->data, f->bytes);
	free(f->dirty);
	memset(f, 0, sizeof(*f));
}

void filler_reset(struct filler *f)
{
	uint64_t i;

	for (i = 0; i < f->nr_chunks; i++)
		make_chunk(f, i);
	f->changes = 0;
	f->next = 0;
	f->owed_bytes = 0;
	f->last_ns = clock_now_ns();
	filler_mark_all(f);
}

static void change_chunk(struct filler *f, uint64_t chunk)
{
	uint8_t *at = f->data + chunk * FILLER_CHUNK_BYTES;
	struct filler_stamp stamp;

	memcpy(&stamp, at, sizeof(stamp));
	stamp.changes++;
	memcpy(at, &stamp, sizeof(stamp));
	f->changes++;
	if (!bitmap_test(f->dirty, chunk)) {
		bitmap_set(f->dirty, chunk);
		f->nr_dirty++;
	}
}

void filler_change(struct filler *f, uint64_t now_ns, bool running)
{
	uint64_t ns = now_ns - f->last_ns, nr;

	f->last_ns = now_ns;
	if (!running || !f->rate_bytes_per_s || !f->nr_chunks)
		return;
	if (ns > MAX_OWED_NS)
		ns = MAX_OWED_NS;
	f->owed_bytes += (uint64_t)((double)f->rate_bytes_per_s * (double)ns /
				    (double)NSEC_PER_SEC);
	nr = f->owed_bytes / FILLER_CHUNK_BYTES;
	f->owed_bytes %= FILLER_CHUNK_BYTES;
	/* Once around changes them all: more is not more to save. */
	if (nr > f->nr_chunks)
		nr = f->nr_chunks;
	while (nr--) {
		change_chunk(f, f->next);
		f->next = (f->next + 1) % f->nr_chunks;
	}
}

void filler_mark_all(struct filler *f)
{
	if (f->nr_chunks)
		bitmap_set_range(f->dirty, 0, f->nr_chunks);
	f->nr_dirty = f->nr_chunks;
}

uint64_t filler_dirty_bytes(const struct filler *f)
{
	uint64_t bytes = f->nr_dirty * FILLER_CHUNK_BYTES;
	uint64_t last = f->nr_chunks - 1;

	if (f->nr_chunks && bitmap_test(f->dirty, last))
		bytes -= FILLER_CHUNK_BYTES - filler_chunk_bytes(f, last);
	return bytes;
}
