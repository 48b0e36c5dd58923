/* SPDX-License-Identifier: MIT */
/*
 * The codecs that make pages smaller, in one table.
 *
 * A codec turns 1..CODEC_MAX_BYTES into a self-contained string of bytes and
 * back. Every one of them has a checksum of the content in it, so that damage
 * is found here and does not become a guest's memory, as far as it goes:
 *
 *   zlib         zlib's own format, RFC 1950 (Adler-32, which is weak: one
 *                flipped bit in 10000 of a page of text goes unnoticed; see
 *                codec_check())
 *   libdeflate   the same format, by another encoder and decoder: what either
 *                of the two wrote, the other one reads
 *   zstd         one frame, RFC 8878, with its checksum (XXH64, 4 bytes)
 *   lz4          one block, then XXH32 of the content, little-endian, 4 bytes
 *
 * To hold for all input, hostile input too: never a byte is written beyond
 * what the caller gave room for, and never more memory is taken than the
 * context had when it was created, whatever sizes the input claims.
 */
#ifndef VMFERRY_MIGRATE_CODEC_H
#define VMFERRY_MIGRATE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At most so much at once: 16 pages. */
#define CODEC_MAX_BYTES 65536u

/* Their numbers are sent: they never change. 0 is no codec. */
enum codec_id {
	CODEC_NONE = 0,
	CODEC_ZLIB = 1,
	CODEC_LIBDEFLATE = 2,
	CODEC_ZSTD = 3,
	CODEC_LZ4 = 4,
	CODEC_NR,
};

struct codec_ops;

/* What a person may choose from. */
struct codec {
	const char *name; /* "zlib", "libdeflate", "zstd", "lz4" */
	const struct codec_ops *ops; /* of codec.c alone */
	enum codec_id id;
	int level_min, level_max; /* the higher, the smaller and slower */
	int level_default;
};

/* All of them by enum codec_id - 1. */
extern const struct codec codecs[];
extern const size_t codec_nr; /* CODEC_NR - 1 */

/* NULL: there is none of that name or number. */
const struct codec *codec_by_name(const char *name);
const struct codec *codec_by_id(uint32_t id);

/**
 * codec_bound() - room that codec_compress() never exceeds.
 * @bytes: of the input, 1..CODEC_MAX_BYTES.
 *
 * More than @bytes: what cannot be compressed grows a little.
 */
size_t codec_bound(const struct codec *codec, size_t bytes);

/* What one thread needs to run a codec; none of them is shared. */
struct codec_context;

enum codec_direction { CODEC_COMPRESS, CODEC_DECOMPRESS };

/**
 * codec_create() - a context for one thread and one direction.
 * @level: @codec->level_min..level_max; of no matter for CODEC_DECOMPRESS.
 * @max_bytes: of the uncompressed side of one call, 1..CODEC_MAX_BYTES. State
 *	is made for it: small ones are quicker to start anew for each call.
 *
 * Nothing is allocated after this (but by zstd, should the sizes of its input
 * differ much for long).
 *
 * Return: 0, -EINVAL for @level or @max_bytes out of range, -ENOMEM.
 */
int codec_create(const struct codec *codec, enum codec_direction direction,
		 int level, size_t max_bytes,
		 struct codec_context **ret_context);
void codec_destroy(struct codec_context *context); /* may be NULL */

/**
 * codec_compress() - make @bytes smaller.
 * @from: must not change meanwhile: an encoder that reads a byte twice and
 *	finds it changed may write what no decoder reads. See compress.h.
 * @bytes: 1..max_bytes of the context.
 * @to: apart from @from.
 * @room: at @to. With less than codec_bound() the codec gives up as soon as
 *	it runs out, or a few bytes before: so one asks for "smaller than that,
 *	or not at all".
 * @ret_bytes: written to @to; untouched on failure.
 *
 * The same input gives the same output.
 *
 * Return: 0; -ENOSPC: does not fit in @room; @to holds anything then.
 */
int codec_compress(struct codec_context *context, const void *from,
		   size_t bytes, void *to, size_t room, size_t *ret_bytes);

/**
 * codec_decompress() - the content again, from bytes of a peer.
 * @from: @bytes of it, hostile.
 * @to: room for @to_bytes.
 * @to_bytes: what has to come out, exactly; 1..max_bytes of the context.
 *
 * Refused: input that ends early or goes on behind its end, that gives fewer
 * or more bytes than @to_bytes, whose checksum is wrong, or that is none of
 * this codec's. A bomb costs no more than @to_bytes.
 *
 * Return: 0 or -EPROTO; @to holds anything then.
 */
int codec_decompress(struct codec_context *context, const void *from,
		     size_t bytes, void *to, size_t to_bytes);

/**
 * codec_check() - of a packed string, to be sent beside it.
 *
 * What the formats have does not find all damage: Adler-32 lets some through.
 * And a decoder need not run over what is damaged. Packed bytes do not change
 * while they are sent (the pages may), so they can have one.
 *
 * Return: the low half of XXH3_64bits() of them.
 */
uint32_t codec_check(const void *packed, size_t bytes);

/**
 * codec_probe() - would trying to compress this be a waste?
 * @from: @bytes of a stable copy, whole pages.
 *
 * Looks at samples: bytes of all values alike, and no string that comes twice.
 * Costs below a microsecond a page, and a tenth of that if the first look says
 * no. Wrong now and then: in what is sent, never in whether it is right.
 *
 * Context: as codec_compress(): one of CODEC_COMPRESS.
 * Return: true: random, as far as can be seen.
 */
bool codec_probe(struct codec_context *context, const void *from, size_t bytes);

#endif
