/* SPDX-License-Identifier: MIT */
/* Codec "zlib". */
#include <zlib.h>

#include <errno.h>
#include <stdlib.h>

#include "migrate/codec_ops.h"

static size_t bound(size_t bytes)
{
	/* Not compressBound(): that is for the library's own window and memory
	 * level. Source: deflateBound() in zlib's deflate.c, the conservative
	 * upper bound, and 6 bytes around it. */
	return bytes + ((bytes + 7) >> 3) + ((bytes + 63) >> 6) + 5 + 6;
}

/*
 * deflateReset() clears the hash table, 64 KiB as the library has it: as much
 * as 16 pages, for each of them. A window of 8 KiB holds one page and what the
 * library keeps free; 8192 hash chains are two for each place in it; and the
 * 4096 symbols of memory level 6 are a page without a single match.
 */
static int deflate_start(z_stream *z, int level, size_t max_bytes)
{
	int window = max_bytes > 4096 ? MAX_WBITS : 13;
	int memory = max_bytes > 4096 ? 8 : 6;

	return deflateInit2(z, level, Z_DEFLATED, window, memory,
			    Z_DEFAULT_STRATEGY);
}

static void *create(enum codec_direction direction, int level, size_t max_bytes)
{
	z_stream *z = calloc(1, sizeof(*z));
	int rc;

	if (!z)
		return NULL;
	if (direction == CODEC_COMPRESS)
		rc = deflate_start(z, level, max_bytes);
	else
		rc = inflateInit(z);
	if (rc == Z_OK)
		return z;
	free(z);
	return NULL;
}

static void destroy(enum codec_direction direction, void *state)
{
	if (direction == CODEC_COMPRESS)
		deflateEnd(state);
	else
		inflateEnd(state);
	free(state);
}

static int compress_block(void *state, const void *from, size_t bytes, void *to,
			  size_t room, size_t *ret_bytes)
{
	z_stream *z = state;

	if (deflateReset(z) != Z_OK)
		return -ENOSPC;
	z->next_in = (Bytef *)from;
	z->avail_in = (uInt)bytes;
	z->next_out = to;
	z->avail_out = (uInt)room;
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return -ENOSPC;
	*ret_bytes = room - z->avail_out;
	return 0;
}

static int decompress_block(void *state, const void *from, size_t bytes,
			    void *to, size_t to_bytes)
{
	z_stream *z = state;

	if (inflateReset(z) != Z_OK)
		return -EPROTO;
	z->next_in = (Bytef *)from;
	z->avail_in = (uInt)bytes;
	z->next_out = to;
	z->avail_out = (uInt)to_bytes;
	if (inflate(z, Z_FINISH) != Z_STREAM_END)
		return -EPROTO;
	return z->avail_in || z->avail_out ? -EPROTO : 0;
}

const struct codec_ops codec_zlib_ops = {
	.bound = bound,
	.create = create,
	.destroy = destroy,
	.compress = compress_block,
	.decompress = decompress_block,
};
