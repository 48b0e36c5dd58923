/* SPDX-License-Identifier: MIT */
/*
 * Codec "lz4": one block, and a checksum that the format does not have.
 *
 * Levels up to 2 are the quick encoder, below 1 ever more so ("acceleration");
 * from 3 on it is the thorough one.
 */
#include <lz4.h>
#include <lz4hc.h>
#include <xxhash.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/codec_ops.h"

#define CHECK_BYTES sizeof(XXH32_canonical_t)

struct lz4_state {
	int level;
	/* The encoder's, in as many 8 bytes as it takes. */
	uint64_t words[];
};

static bool thorough(int level)
{
	return level >= LZ4HC_CLEVEL_MIN;
}

static size_t bound(size_t bytes)
{
	return (size_t)LZ4_compressBound((int)bytes) + CHECK_BYTES;
}

static void *create(enum codec_direction direction, int level, size_t max_bytes)
{
	struct lz4_state *s;
	size_t bytes = 0;

	if (direction == CODEC_COMPRESS)
		bytes = (size_t)(thorough(level) ? LZ4_sizeofStateHC()
						 : LZ4_sizeofState());
	s = calloc(1, sizeof(*s) + bytes);
	if (s)
		s->level = level;
	return s;
}

static void destroy(enum codec_direction direction, void *state)
{
	free(state);
}

static int compress_block(void *state, const void *from, size_t bytes, void *to,
			  size_t room, size_t *ret_bytes)
{
	struct lz4_state *s = state;
	XXH32_canonical_t check;
	int n;

	if (room <= CHECK_BYTES)
		return -ENOSPC;
	room -= CHECK_BYTES;
	if (thorough(s->level))
		n = LZ4_compress_HC_extStateHC(s->words, from, to, (int)bytes,
					       (int)room, s->level);
	else
		n = LZ4_compress_fast_extState(s->words, from, to, (int)bytes,
					       (int)room,
					       s->level < 1 ? 1 - s->level : 1);
	if (n <= 0)
		return -ENOSPC;
	XXH32_canonicalFromHash(&check, XXH32(from, bytes, 0));
	memcpy((char *)to + n, &check, sizeof(check));
	*ret_bytes = (size_t)n + CHECK_BYTES;
	return 0;
}

static int decompress_block(void *state, const void *from, size_t bytes,
			    void *to, size_t to_bytes)
{
	XXH32_canonical_t check;
	int n;

	if (bytes <= CHECK_BYTES)
		return -EPROTO;
	bytes -= CHECK_BYTES;
	n = LZ4_decompress_safe(from, to, (int)bytes, (int)to_bytes);
	if (n < 0 || (size_t)n != to_bytes)
		return -EPROTO;
	memcpy(&check, (const char *)from + bytes, sizeof(check));
	return XXH32(to, to_bytes, 0) == XXH32_hashFromCanonical(&check)
		       ? 0
		       : -EPROTO;
}

const struct codec_ops codec_lz4_ops = {
	.bound = bound,
	.create = create,
	.destroy = destroy,
	.compress = compress_block,
	.decompress = decompress_block,
};
