/* SPDX-License-Identifier: MIT */
/* The table of codecs, and what they have in common: see codec.h. */
#include "migrate/codec.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "migrate/codec_ops.h"

const struct codec codecs[] = {
	{ "zlib", &codec_zlib_ops, CODEC_ZLIB, 0, 9, 1 },
	{ "libdeflate", &codec_libdeflate_ops, CODEC_LIBDEFLATE, 0, 12, 1 },
	{ "zstd", &codec_zstd_ops, CODEC_ZSTD, -5, 19, 1 },
	{ "lz4", &codec_lz4_ops, CODEC_LZ4, -5, 12, 1 },
};
const size_t codec_nr = sizeof(codecs) / sizeof(codecs[0]);
_Static_assert(sizeof(codecs) / sizeof(codecs[0]) == CODEC_NR - 1, "codecs");

struct codec_context {
	const struct codec *codec;
	enum codec_direction direction;
	size_t max_bytes;
	void *state;
	struct codec_probe *probe; /* CODEC_COMPRESS */
};

const struct codec *codec_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < codec_nr; i++)
		if (!strcmp(codecs[i].name, name))
			return &codecs[i];
	return NULL;
}

const struct codec *codec_by_id(uint32_t id)
{
	return id > CODEC_NONE && id < CODEC_NR ? &codecs[id - 1] : NULL;
}

size_t codec_bound(const struct codec *codec, size_t bytes)
{
	return codec->ops->bound(bytes);
}

int codec_create(const struct codec *codec, enum codec_direction direction,
		 int level, size_t max_bytes,
		 struct codec_context **ret_context)
{
	struct codec_context *x;

	if (!max_bytes || max_bytes > CODEC_MAX_BYTES)
		return -EINVAL;
	if (direction == CODEC_COMPRESS &&
	    (level < codec->level_min || level > codec->level_max))
		return -EINVAL;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->codec = codec;
	x->direction = direction;
	x->max_bytes = max_bytes;
	x->state = codec->ops->create(direction, level, max_bytes);
	if (!x->state)
		goto fail;
	if (direction == CODEC_COMPRESS) {
		x->probe = codec_probe_create(max_bytes);
		if (!x->probe)
			goto fail;
	}
	*ret_context = x;
	return 0;
fail:
	codec_destroy(x);
	return -ENOMEM;
}

void codec_destroy(struct codec_context *x)
{
	if (!x)
		return;
	if (x->state)
		x->codec->ops->destroy(x->direction, x->state);
	codec_probe_destroy(x->probe);
	free(x);
}

int codec_compress(struct codec_context *x, const void *from, size_t bytes,
		   void *to, size_t room, size_t *ret_bytes)
{
	assert(x->direction == CODEC_COMPRESS);
	assert(bytes && bytes <= x->max_bytes);
	if (!room)
		return -ENOSPC;
	return x->codec->ops->compress(x->state, from, bytes, to, room,
				       ret_bytes);
}

int codec_decompress(struct codec_context *x, const void *from, size_t bytes,
		     void *to, size_t to_bytes)
{
	assert(x->direction == CODEC_DECOMPRESS);
	assert(to_bytes && to_bytes <= x->max_bytes);
	/* No codec of ours makes as much of so little: 0 bytes included. And
	 * the libraries count in 32 bits. */
	if (!bytes || bytes > codec_bound(x->codec, x->max_bytes))
		return -EPROTO;
	return x->codec->ops->decompress(x->state, from, bytes, to, to_bytes);
}

uint32_t codec_check(const void *packed, size_t bytes)
{
	return (uint32_t)XXH3_64bits(packed, bytes);
}

bool codec_probe(struct codec_context *x, const void *from, size_t bytes)
{
	assert(bytes && bytes <= x->max_bytes);
	return codec_probe_random(x->probe, from, bytes);
}
