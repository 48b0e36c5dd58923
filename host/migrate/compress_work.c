/* SPDX-License-Identifier: MIT */
/* What a worker does with a request, whatever engine brought it. */
#include <errno.h>
#include <string.h>

#include "migrate/compress_priv.h"
#include "migrate/copy.h"

/*
 * It is sent packed only if that saves 1 part in 32: to unpack costs the other
 * side more than to receive so little.
 */
static size_t worth(size_t bytes)
{
	return bytes - bytes / 32;
}

static void pack(struct worker *w, const struct request *request,
		 struct compress_result *result)
{
	struct compress *c = w->c;
	size_t bytes = (size_t)request->job.nr_pages * COMPRESS_PAGE_BYTES;
	uint8_t *to = c->buffers + request->buffer * c->buffer_bytes;
	size_t packed;

	copy_racy(w->copy, request->job.pages, bytes);
	if (!c->p.no_probe && codec_probe(w->codec, w->copy, bytes)) {
		tally_add(&w->probed_pages, request->job.nr_pages);
		tally_add(&w->raw_pages, request->job.nr_pages);
		return;
	}
	if (codec_compress(w->codec, w->copy, bytes, to, worth(bytes),
			   &packed)) {
		tally_add(&w->raw_pages, request->job.nr_pages);
		return;
	}
	result->packed = to;
	result->packed_bytes = packed;
	/* Here it is in the cache, and no thread waits for it. */
	result->check = codec_check(to, packed);
	tally_add(&w->in_bytes, bytes);
	tally_add(&w->out_bytes, packed);
}

static void unpack(struct worker *w, const struct request *request,
		   struct compress_result *result)
{
	size_t bytes = (size_t)request->job.nr_pages * COMPRESS_PAGE_BYTES;

	result->packed = request->job.packed;
	result->packed_bytes = request->job.packed_bytes;
	result->check = request->job.check;
	if (codec_check(request->job.packed, request->job.packed_bytes) !=
	    request->job.check)
		result->rc = -EBADMSG;
	else
		result->rc = codec_decompress(w->codec, request->job.packed,
					      request->job.packed_bytes,
					      request->job.pages, bytes);
	tally_add(&w->in_bytes, request->job.packed_bytes);
	if (!result->rc)
		tally_add(&w->out_bytes, bytes);
}

void worker_serve(struct worker *w, const struct request *request,
		  struct compress_result *result)
{
	memset(result, 0, sizeof(*result));
	result->tag = request->job.tag;
	result->pages = request->job.pages;
	result->nr_pages = request->job.nr_pages;
	result->buffer = request->buffer;
	tally_add(&w->requests, 1);
	tally_add(&w->pages, request->job.nr_pages);
	if (w->c->p.direction == CODEC_COMPRESS)
		pack(w, request, result);
	else
		unpack(w, request, result);
}
