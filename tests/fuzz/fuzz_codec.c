/* SPDX-License-Identifier: MIT */
/*
 * Damages compressed pages at random, and looks at what the decoders do: they
 * take it or refuse it, and write nowhere else. Memory is exactly as large as
 * the decoder is told, and a sanitizer watches it; without one, a canary does.
 * Usage: fuzz_codec [--seconds N] [--seed N].
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "migrate/codec.h"

#define PAGE 4096u
#define CANARY_BYTES 64u

struct fuzz {
	uint64_t random;
	struct codec_context *in[CODEC_NR], *out[CODEC_NR];
	uint8_t page[CODEC_MAX_BYTES];
	uint8_t packed[2 * CODEC_MAX_BYTES];
	uint64_t taken, refused;
};

static uint64_t draw(struct fuzz *f)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return f->random;
}

/* Random bytes, runs and repetitions, by turns. */
static void fill(struct fuzz *f, size_t bytes)
{
	size_t at = 0, n;

	while (at < bytes) {
		uint8_t value = (uint8_t)draw(f);
		uint64_t kind = draw(f) % 3;

		for (n = draw(f) % 300; n && at < bytes; n--, at++)
			f->page[at] = kind == 0	  ? (uint8_t)draw(f)
				      : kind == 1 ? value
				      : at > 200  ? f->page[at - 200]
						  : 7;
	}
}

static size_t damage(struct fuzz *f, size_t bytes)
{
	uint64_t times = 1 + draw(f) % 4;

	while (times--)
		switch (draw(f) % 4) {
		case 0:
			f->packed[draw(f) % bytes] ^=
				(uint8_t)(1 << draw(f) % 8);
			break;
		case 1:
			f->packed[draw(f) % bytes] = (uint8_t)draw(f);
			break;
		case 2:
			bytes = 1 + draw(f) % bytes;
			break;
		default:
			/* Where a format keeps its sizes. */
			f->packed[draw(f) % (bytes < 16 ? bytes : 16)] =
				draw(f) % 2 ? 0xff : (uint8_t)draw(f);
		}
	return bytes;
}

static void decode(struct fuzz *f, size_t i, size_t bytes, size_t to_bytes)
{
	uint8_t *from = malloc(bytes), *to = malloc(to_bytes + CANARY_BYTES);
	size_t at;
	int rc;

	if (!from || !to)
		abort();
	memcpy(from, f->packed, bytes);
	memset(to + to_bytes, 0x5a, CANARY_BYTES);
	rc = codec_decompress(f->out[i], from, bytes, to, to_bytes);
	if (rc && rc != -EPROTO)
		abort();
	for (at = 0; at < CANARY_BYTES; at++)
		if (to[to_bytes + at] != 0x5a)
			abort();
	f->taken += !rc;
	f->refused += !!rc;
	free(to);
	free(from);
}

static void round_of(struct fuzz *f)
{
	size_t i = draw(f) % codec_nr, n;
	size_t bytes = PAGE * (1 + draw(f) % 16);

	fill(f, bytes);
	if (codec_compress(f->in[i], f->page, bytes, f->packed,
			   sizeof(f->packed), &n))
		abort();
	n = damage(f, n);
	decode(f, draw(f) % 8 ? i : draw(f) % codec_nr, n,
	       draw(f) % 4 ? bytes : PAGE * (1 + draw(f) % 16));
}

static uint64_t argument(int argc, char **argv, const char *name,
			 uint64_t other)
{
	int i;

	for (i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return strtoull(argv[i + 1], NULL, 10);
	return other;
}

int main(int argc, char **argv)
{
	uint64_t end_ns = clock_now_ns() +
			  argument(argc, argv, "--seconds", 10) * NSEC_PER_SEC;
	static struct fuzz f;
	size_t i;

	f.random = argument(argc, argv, "--seed", clock_now_ns()) | 1;
	printf("seed %" PRIu64 "\n", f.random);
	for (i = 0; i < codec_nr; i++)
		if (codec_create(&codecs[i], CODEC_COMPRESS, 1, CODEC_MAX_BYTES,
				 &f.in[i]) ||
		    codec_create(&codecs[i], CODEC_DECOMPRESS, 0,
				 CODEC_MAX_BYTES, &f.out[i]))
			return 99;
	while (clock_now_ns() < end_ns)
		round_of(&f);
	for (i = 0; i < codec_nr; i++) {
		codec_destroy(f.in[i]);
		codec_destroy(f.out[i]);
	}
	printf("%" PRIu64 " taken, %" PRIu64 " refused\n", f.taken, f.refused);
	return f.refused ? 0 : 1;
}
