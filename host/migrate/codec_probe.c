/* SPDX-License-Identifier: MIT */
/*
 * Is it worth trying? Two looks, the cheap one first.
 *
 * Bytes that do not come equally often can be coded in fewer bits. Those that
 * do may still be strings that come again (a table of random keys, twice): a
 * search for matches that skips more and more finds the long ones.
 */
#include <lz4.h>

#include <stdlib.h>

#include "migrate/codec_ops.h"

/* 8 bytes out of each 128: 256 of a page. */
#define STRIDE_BYTES 128u
#define LOOK_BYTES 8u
#define ACCELERATION 8

struct codec_probe {
	uint8_t *out; /* what the search writes; nobody reads it */
	uint64_t words[]; /* its state */
};

struct codec_probe *codec_probe_create(size_t max_bytes)
{
	struct codec_probe *p;

	p = calloc(1, sizeof(*p) + (size_t)LZ4_sizeofState());
	if (!p)
		return NULL;
	p->out = malloc(max_bytes);
	if (p->out)
		return p;
	free(p);
	return NULL;
}

void codec_probe_destroy(struct codec_probe *p)
{
	if (!p)
		return;
	free(p->out);
	free(p);
}

/*
 * The sum of the squared counts of n bytes is n + n (n - 1) / 256 on average if
 * all values are equally likely, with a deviation of n / 11. Eight of these
 * above it, it is something else; and what stays below has at most one bit in
 * ten to win.
 */
static bool all_alike(const uint8_t *from, size_t bytes)
{
	uint16_t count[256] = { 0 };
	uint64_t squares = 0, n = 0;
	size_t at, i;

	for (at = 0; at + LOOK_BYTES <= bytes; at += STRIDE_BYTES)
		for (i = 0; i < LOOK_BYTES; i++, n++)
			/* (c + 1)^2 - c^2 */
			squares += 2u * count[from[at + i]]++ + 1u;
	return squares <= n + n * n / 256 + 8 * n / 11;
}

bool codec_probe_random(struct codec_probe *p, const void *from, size_t bytes)
{
	size_t room = bytes - bytes / 16;

	return all_alike(from, bytes) && room &&
	       !LZ4_compress_fast_extState(p->words, from, (char *)p->out,
					   (int)bytes, (int)room, ACCELERATION);
}
