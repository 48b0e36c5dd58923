/* SPDX-License-Identifier: MIT */
/* Codec "libdeflate": the format of codec "zlib". */
#include <libdeflate.h>

#include <errno.h>

#include "migrate/codec_ops.h"

static size_t bound(size_t bytes)
{
	/* The same for all levels: NULL means any. */
	return libdeflate_zlib_compress_bound(NULL, bytes);
}

static void *create(enum codec_direction direction, int level, size_t max_bytes)
{
	if (direction == CODEC_COMPRESS)
		return libdeflate_alloc_compressor(level);
	return libdeflate_alloc_decompressor();
}

static void destroy(enum codec_direction direction, void *state)
{
	if (direction == CODEC_COMPRESS)
		libdeflate_free_compressor(state);
	else
		libdeflate_free_decompressor(state);
}

static int compress_block(void *state, const void *from, size_t bytes, void *to,
			  size_t room, size_t *ret_bytes)
{
	size_t n = libdeflate_zlib_compress(state, from, bytes, to, room);

	if (!n)
		return -ENOSPC;
	*ret_bytes = n;
	return 0;
}

static int decompress_block(void *state, const void *from, size_t bytes,
			    void *to, size_t to_bytes)
{
	size_t read, written;

	if (libdeflate_zlib_decompress_ex(state, from, bytes, to, to_bytes,
					  &read,
					  &written) != LIBDEFLATE_SUCCESS)
		return -EPROTO;
	return read != bytes || written != to_bytes ? -EPROTO : 0;
}

const struct codec_ops codec_libdeflate_ops = {
	.bound = bound,
	.create = create,
	.destroy = destroy,
	.compress = compress_block,
	.decompress = decompress_block,
};
