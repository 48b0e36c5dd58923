/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a page that is not what the oracle says.
 *
 * Pure, like oracle.h; slow is fine here, a bad page is rare.
 */
#ifndef VMFERRY_ABI_CLASSIFY_H
#define VMFERRY_ABI_CLASSIFY_H

#include "oracle.h"

enum oracle_class {
	ORACLE_OK = 0,
	ORACLE_STALE = 1, /* an older visit of this page */
	ORACLE_ZEROED = 2, /* all zero where data should be */
	ORACLE_MISPLACED = 3, /* a visit of another page */
	ORACLE_TORN = 4, /* part one visit, part another */
	ORACLE_FLIPPED = 5, /* bits that no visit explains */
	ORACLE_FUTURE = 6, /* a visit that has not happened yet */
	ORACLE_NR_CLASSES = 7,
};

struct oracle_finding {
	enum oracle_class kind;
	uint64_t found; /* the visit found (stale, future, torn: the other
			 * half); the gfn whose page this is (misplaced) */
	uint64_t behind; /* stale: visits lost; 0 = from an earlier epoch */
	uint32_t first_offset; /* first wrong byte */
	uint32_t nr_bytes; /* wrong bytes */
	uint32_t nr_bits; /* wrong bits */
};

/* Up to this many wrong bits are flips, whatever else they could be. */
#define ORACLE_FLIP_BITS 4u

/* Every byte of @page is visit @a's or visit @b's, and both occur. */
static inline bool oracle_is_torn(const struct oracle *o, uint64_t gfn,
				  uint64_t a, uint64_t b, const uint8_t *page,
				  uint8_t *scratch_a, uint8_t *scratch_b)
{
	bool from_a = false, from_b = false;
	size_t i;

	oracle_page(o, gfn, a, scratch_a);
	oracle_page(o, gfn, b, scratch_b);
	for (i = 0; i < ABI_PAGE_BYTES; i++) {
		bool is_a = page[i] == scratch_a[i];
		bool is_b = page[i] == scratch_b[i];

		if (!is_a && !is_b)
			return false;
		from_a |= is_a && !is_b;
		from_b |= is_b && !is_a;
	}
	return from_a && from_b;
}

/* How far back the other half of a torn page is looked for. */
#define ORACLE_TORN_VISITS 8u

/* Return: true and the other visit, if @page is part @visit, part another. */
static inline bool oracle_find_torn(const struct oracle *o, uint64_t gfn,
				    uint64_t visit, const uint8_t *page,
				    uint8_t *a, uint8_t *b, uint64_t *ret_other)
{
	uint64_t back;

	for (back = 1; back <= ORACLE_TORN_VISITS && back <= visit; back++) {
		*ret_other = visit - back;
		if (oracle_is_torn(o, gfn, visit, *ret_other, page, a, b))
			return true;
	}
	*ret_other = visit + 1;
	return oracle_is_torn(o, gfn, visit, *ret_other, page, a, b);
}

/* Is a stamp of @at_epoch (16 bits, as it stands there) from before @o? */
static inline bool oracle_epoch_before(const struct oracle *o,
				       uint32_t at_epoch)
{
	uint32_t ago = (o->epoch - at_epoch) & 0xffff;

	return ago && ago < 0x8000;
}

/**
 * oracle_classify() - name the damage of one page.
 * @o: valid parameters.
 * @gfn: the page's place.
 * @visit: its last visit.
 * @page: ABI_PAGE_BYTES, 8-aligned, not changing meanwhile.
 * @scratch: two pages, 64-aligned.
 * @ret: the finding; kind ORACLE_OK if the page is right.
 *
 * A page all zero counts as zeroed, also where an older visit was all zero
 * (content=zero): the bytes are the same, and only one name can be given.
 */
static inline void oracle_classify(const struct oracle *o, uint64_t gfn,
				   uint64_t visit, const void *page,
				   void *scratch, struct oracle_finding *ret)
{
	const uint8_t *p = page;
	uint8_t *a = scratch, *b = a + ABI_PAGE_BYTES;
	struct oracle_finding f = { .kind = ORACLE_FLIPPED };
	struct oracle_stamp stamp;
	uint64_t at_gfn = 0, at_visit = 0, other;
	uint32_t at_epoch = 0, i;
	bool blank = true, stamped;

	oracle_page(o, gfn, visit, a);
	for (i = 0; i < ABI_PAGE_BYTES; i++) {
		blank &= !p[i];
		if (p[i] == a[i])
			continue;
		if (!f.nr_bytes)
			f.first_offset = i;
		f.nr_bytes++;
		f.nr_bits += (uint32_t)__builtin_popcount(p[i] ^ a[i]);
	}
	__builtin_memcpy(&stamp, page, sizeof(stamp));
	stamped = oracle_stamp_read(stamp, &at_gfn, &at_visit, &at_epoch);

	if (!f.nr_bytes) {
		f.kind = ORACLE_OK;
	} else if (blank) {
		f.kind = ORACLE_ZEROED;
	} else if (stamped && at_epoch == (o->epoch & 0xffff) &&
		   oracle_page_ok(o, at_gfn, at_visit, page)) {
		f.found = at_visit;
		if (at_gfn != gfn) {
			f.kind = ORACLE_MISPLACED;
			f.found = at_gfn;
		} else if (at_visit < visit) {
			f.kind = ORACLE_STALE;
			f.behind = visit - at_visit;
		} else {
			f.kind = ORACLE_FUTURE;
		}
	} else if (f.nr_bits <= ORACLE_FLIP_BITS) {
		f.kind = ORACLE_FLIPPED;
	} else if (oracle_find_torn(o, gfn, visit, p, a, b, &other)) {
		f.kind = ORACLE_TORN;
		f.found = other;
	} else if (stamped && oracle_epoch_before(o, at_epoch)) {
		/* Another epoch's parameters are not known: its stamp counts. */
		f.kind = at_gfn == gfn ? ORACLE_STALE : ORACLE_MISPLACED;
		f.found = at_gfn == gfn ? at_visit : at_gfn;
	} else if (stamped && at_gfn != gfn &&
		   at_epoch == (o->epoch & 0xffff)) {
		f.kind = ORACLE_MISPLACED;
		f.found = at_gfn;
	}
	*ret = f;
}

/* Names as they stand in `integrity.bad` and on the console. */
static inline const char *oracle_class_name(enum oracle_class kind)
{
	static const char *const name[ORACLE_NR_CLASSES] = {
		"ok",	"stale",   "zeroed", "misplaced",
		"torn", "flipped", "future",
	};

	return (unsigned)kind < ORACLE_NR_CLASSES ? name[kind] : "unknown";
}

#endif
