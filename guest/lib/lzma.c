/* SPDX-License-Identifier: MIT */
/* The LZMA decoder, small before fast. Names are the specification's. */
#include "lib/lzma.h"

#define NR_STATES 12u
#define NR_SLOTS 64u
#define END_MODEL 14u
#define NR_DISTANCES (1u + 128u - END_MODEL)
#define ALIGN_BITS 4u
#define MIN_MATCH 2u
#define CONTEXT_BITS 3u /* lc: of the byte before */

struct lengths {
	uint16_t choice, choice2;
	uint16_t low[8], mid[8], high[256];
};

/* Nothing but probabilities: all of them start in the middle. */
static struct {
	uint16_t literal[1u << CONTEXT_BITS][0x300];
	uint16_t is_match[NR_STATES], is_rep[NR_STATES], is_rep_g0[NR_STATES];
	uint16_t is_rep_g1[NR_STATES], is_rep_g2[NR_STATES];
	uint16_t is_rep0_long[NR_STATES];
	uint16_t slot[4][NR_SLOTS];
	uint16_t distance[NR_DISTANCES], align[1u << ALIGN_BITS];
	struct lengths match, rep;
} probs;

struct decoder {
	const uint8_t *in, *in_end;
	uint8_t *raw;
	size_t at, raw_bytes;
	uint32_t range, code;
	uint32_t state, rep[4];
	bool bad;
};

static void normalize(struct decoder *d)
{
	if (d->range >> 24)
		return;
	d->range <<= 8;
	d->code <<= 8;
	if (d->in < d->in_end)
		d->code |= *d->in++;
	else
		d->bad = true;
}

static uint32_t bit(struct decoder *d, uint16_t *prob)
{
	uint32_t bound = (d->range >> 11) * *prob, one = d->code >= bound;

	if (one) {
		d->range -= bound;
		d->code -= bound;
		*prob -= *prob >> 5;
	} else {
		d->range = bound;
		*prob += (2048u - *prob) >> 5;
	}
	normalize(d);
	return one;
}

static uint32_t direct_bits(struct decoder *d, uint32_t nr)
{
	uint32_t value = 0, one;

	while (nr--) {
		d->range >>= 1;
		one = d->code >= d->range;
		if (one)
			d->code -= d->range;
		normalize(d);
		value = value << 1 | one;
	}
	return value;
}

static uint32_t tree(struct decoder *d, uint16_t *prob, uint32_t nr)
{
	uint32_t m = 1, i;

	for (i = 0; i < nr; i++)
		m = m << 1 | bit(d, &prob[m]);
	return m - (1u << nr);
}

static uint32_t reverse_tree(struct decoder *d, uint16_t *prob, uint32_t nr)
{
	uint32_t m = 1, value = 0, i, one;

	for (i = 0; i < nr; i++) {
		one = bit(d, &prob[m]);
		m = m << 1 | one;
		value |= one << i;
	}
	return value;
}

static uint32_t length(struct decoder *d, struct lengths *l)
{
	if (!bit(d, &l->choice))
		return MIN_MATCH + tree(d, l->low, 3);
	if (!bit(d, &l->choice2))
		return MIN_MATCH + 8 + tree(d, l->mid, 3);
	return MIN_MATCH + 16 + tree(d, l->high, 8);
}

static uint32_t distance(struct decoder *d, uint32_t bytes)
{
	uint32_t set = bytes - MIN_MATCH < 3 ? bytes - MIN_MATCH : 3;
	uint32_t slot = tree(d, probs.slot[set], 6), value, nr;

	if (slot < 4)
		return slot;
	nr = (slot >> 1) - 1;
	value = (2 | (slot & 1)) << nr;
	if (slot < END_MODEL)
		return value +
		       reverse_tree(d, probs.distance + value - slot, nr);
	value += direct_bits(d, nr - ALIGN_BITS) << ALIGN_BITS;
	return value + reverse_tree(d, probs.align, ALIGN_BITS);
}

static void literal(struct decoder *d)
{
	uint32_t before = d->at ? d->raw[d->at - 1] : 0;
	uint16_t *prob = probs.literal[before >> (8 - CONTEXT_BITS)];
	uint32_t symbol = 1, expected, one;

	if (d->state >= 7) {
		/* After a match, its next byte says which it is not. */
		expected = d->raw[d->at - d->rep[0] - 1];
		do {
			uint32_t want = expected >> 7 & 1;

			expected <<= 1;
			one = bit(d, &prob[((1 + want) << 8) + symbol]);
			symbol = symbol << 1 | one;
			if (one != want)
				break;
		} while (symbol < 0x100);
	}
	while (symbol < 0x100)
		symbol = symbol << 1 | bit(d, &prob[symbol]);
	d->raw[d->at++] = (uint8_t)symbol;
	if (d->state < 4)
		d->state = 0;
	else
		d->state -= d->state < 10 ? 3 : 6;
}

/* One of the last four distances comes first. Return: bytes to copy. */
static uint32_t repeat(struct decoder *d)
{
	uint32_t s = d->state, i = 0, found;

	d->state = s < 7 ? 8 : 11;
	if (!bit(d, &probs.is_rep_g0[s])) {
		if (bit(d, &probs.is_rep0_long[s]))
			return length(d, &probs.rep);
		d->state = s < 7 ? 9 : 11;
		return 1;
	}
	i = 1;
	if (bit(d, &probs.is_rep_g1[s]))
		i = 2 + bit(d, &probs.is_rep_g2[s]);
	found = d->rep[i];
	for (; i; i--)
		d->rep[i] = d->rep[i - 1];
	d->rep[0] = found;
	return length(d, &probs.rep);
}

static uint32_t match(struct decoder *d)
{
	uint32_t bytes = length(d, &probs.match), i;

	d->state = d->state < 7 ? 7 : 10;
	for (i = 3; i; i--)
		d->rep[i] = d->rep[i - 1];
	d->rep[0] = distance(d, bytes);
	return bytes;
}

static void copy(struct decoder *d, uint32_t bytes)
{
	/* The end mark is a distance too, of 4 GiB. */
	if (d->rep[0] >= d->at || bytes > d->raw_bytes - d->at) {
		d->bad = true;
		return;
	}
	for (; bytes; bytes--, d->at++)
		d->raw[d->at] = d->raw[d->at - d->rep[0] - 1];
}

bool lzma_unpack(const uint8_t *packed, size_t packed_bytes, uint8_t *raw,
		 size_t raw_bytes)
{
	struct decoder d = {
		.in = packed + 5,
		.in_end = packed + packed_bytes,
		.raw = raw,
		.raw_bytes = raw_bytes,
		.range = UINT32_MAX,
	};
	uint16_t *prob = (uint16_t *)&probs;
	size_t i;

	if (packed_bytes < 5 || packed[0])
		return false;
	for (i = 1; i < 5; i++)
		d.code = d.code << 8 | packed[i];
	for (i = 0; i < sizeof(probs) / sizeof(*prob); i++)
		prob[i] = 1024;
	while (!d.bad && d.at < raw_bytes) {
		if (!bit(&d, &probs.is_match[d.state]))
			literal(&d);
		else if (bit(&d, &probs.is_rep[d.state]))
			copy(&d, repeat(&d));
		else
			copy(&d, match(&d));
	}
	return !d.bad;
}

static uint32_t check_byte(uint32_t crc, uint8_t byte)
{
	uint32_t i;

	crc ^= (uint32_t)byte << 24;
	for (i = 0; i < 8; i++)
		crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7u : 0);
	return crc;
}

uint32_t lzma_check(const uint8_t *raw, size_t bytes)
{
	uint32_t crc = 0;
	size_t i;

	for (i = 0; i < bytes; i++)
		crc = check_byte(crc, raw[i]);
	for (; bytes; bytes >>= 8)
		crc = check_byte(crc, (uint8_t)bytes);
	return ~crc;
}
