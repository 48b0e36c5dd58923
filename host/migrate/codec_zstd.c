/* SPDX-License-Identifier: MIT */
/* Codec "zstd": one frame with its checksum. */
#include <zstd.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/codec_ops.h"

static size_t bound(size_t bytes)
{
	/* The library's does not count the checksum. */
	return ZSTD_compressBound(bytes) + 4;
}

/* The tables are made at the first call, for what that one compresses: have it
 * now, with the largest that will come. */
static int warm_up(ZSTD_CCtx *z, size_t max_bytes)
{
	size_t room = bound(max_bytes), n;
	char *from = calloc(1, max_bytes), *to = malloc(room);

	n = from && to ? ZSTD_compress2(z, to, room, from, max_bytes)
		       : (size_t)-1;
	free(to);
	free(from);
	return ZSTD_isError(n) ? -ENOMEM : 0;
}

static void *create(enum codec_direction direction, int level, size_t max_bytes)
{
	ZSTD_CCtx *z;

	if (direction == CODEC_DECOMPRESS)
		return ZSTD_createDCtx();
	z = ZSTD_createCCtx();
	if (!z)
		return NULL;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel,
						level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)) ||
	    warm_up(z, max_bytes)) {
		ZSTD_freeCCtx(z);
		return NULL;
	}
	return z;
}

static void destroy(enum codec_direction direction, void *state)
{
	if (direction == CODEC_COMPRESS)
		ZSTD_freeCCtx(state);
	else
		ZSTD_freeDCtx(state);
}

static int compress_block(void *state, const void *from, size_t bytes, void *to,
			  size_t room, size_t *ret_bytes)
{
	size_t n = ZSTD_compress2(state, to, room, from, bytes);

	if (ZSTD_isError(n))
		return -ENOSPC;
	*ret_bytes = n;
	return 0;
}

/*
 * What we write and nothing else that the library would take: not several
 * frames, frames to skip, one without a checksum, or one that does not say
 * what comes out of it. Source: RFC 8878, section 3.1.1.1: bit 2 of the
 * descriptor, behind the magic number, is the checksum's.
 */
static int check_frame(const uint8_t *from, size_t bytes, size_t to_bytes)
{
	static const uint8_t magic[] = { 0x28, 0xb5, 0x2f, 0xfd };

	if (bytes < sizeof(magic) + 1 || memcmp(from, magic, sizeof(magic)) ||
	    !(from[4] & 4))
		return -EPROTO;
	if (ZSTD_getFrameContentSize(from, bytes) != to_bytes ||
	    ZSTD_findFrameCompressedSize(from, bytes) != bytes)
		return -EPROTO;
	return 0;
}

static int decompress_block(void *state, const void *from, size_t bytes,
			    void *to, size_t to_bytes)
{
	if (check_frame(from, bytes, to_bytes))
		return -EPROTO;
	return ZSTD_decompressDCtx(state, to, to_bytes, from, bytes) == to_bytes
		       ? 0
		       : -EPROTO;
}

const struct codec_ops codec_zstd_ops = {
	.bound = bound,
	.create = create,
	.destroy = destroy,
	.compress = compress_block,
	.decompress = decompress_block,
};
