/* SPDX-License-Identifier: MIT */
/* Compressed runs on the target. */
#include "migrate/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* More than all packed runs of a batch can have: see wire.h. */
#define BUFFER_BYTES (WIRE_MAX_BATCH_PAGES * (size_t)WIRE_PAGE_BYTES)

/* Of a job: which buffer it reads, and where its pages are. */
static uint64_t tag_of(unsigned int which, uint64_t gfn)
{
	return gfn << 1 | which;
}

static int take(struct unpacker *u, const struct compress_result *r,
		struct error *err)
{
	u->nr_jobs[r->tag & 1]--;
	compress_release(u->pool, r);
	if (!r->rc)
		return 0;
	return error_set(err, -EPROTO,
			 "%u compressed pages from gfn 0x%" PRIx64
			 " on are damaged: %s",
			 r->nr_pages, r->tag >> 1,
			 r->rc == -EBADMSG ? "their checksum is wrong"
					   : "they do not decompress");
}

/* Until buffer @which is free. */
static int await(struct unpacker *u, unsigned int which, struct error *err)
{
	struct compress_result result;
	int rc = 0;

	while (!rc && u->nr_jobs[which] &&
	       compress_collect(u->pool, &result, true))
		rc = take(u, &result, err);
	return rc;
}

int unpack_finish(struct unpacker *u, struct error *err)
{
	int rc = u->pool ? await(u, 0, err) : 0;

	return !rc && u->pool ? await(u, 1, err) : rc;
}

void unpack_exit(struct unpacker *u)
{
	struct error ignored = { "" };

	/* Each error ends a wait: as many waits as there are jobs at most. */
	while (u->pool && u->nr_jobs[0] + u->nr_jobs[1])
		unpack_finish(u, &ignored);
	free(u->buffer[0]);
	free(u->buffer[1]);
	*u = (struct unpacker){ .pool = NULL };
}

int unpack_begin(struct unpacker *u, struct error *err)
{
	unsigned int which = !u->which;

	if (!u->buffer[which])
		u->buffer[which] = malloc(BUFFER_BYTES);
	if (!u->buffer[which])
		return -ENOMEM;
	u->which = which;
	u->used = 0;
	return await(u, which, err);
}

uint8_t *unpack_room(struct unpacker *u, const struct wire_run *run)
{
	uint8_t *at = u->buffer[u->which] + u->used;

	u->used += run->stored_bytes;
	return at;
}

int unpack_run(struct unpacker *u, const struct wire_run *run, uint8_t *hva,
	       const uint8_t *packed, struct error *err)
{
	const struct compress_job job = {
		.tag = tag_of(u->which, run->gfn),
		.pages = hva,
		.nr_pages = run->count,
		.packed = packed,
		.packed_bytes = run->stored_bytes,
		.check = run->check,
	};
	struct compress_result result;
	int rc = 0, taken;

	do {
		taken = compress_submit(u->pool, &job);
		if (!taken)
			u->nr_jobs[u->which]++;
		while (!rc &&
		       compress_collect(u->pool, &result, taken == -EAGAIN))
			rc = take(u, &result, err);
	} while (!rc && taken == -EAGAIN);
	return rc ? rc : taken;
}
