/* SPDX-License-Identifier: MIT */
/* What a page must be, and what it is instead. */
#include "drive/verify_page.h"

#include <string.h>

/* The page that was being written when the guest froze: its next visit, or
 * part this one and part that. */
static bool is_in_flight(const struct oracle *o, uint64_t gfn, uint64_t visit,
			 uint64_t next, const uint8_t *page, uint8_t *scratch)
{
	return oracle_page_ok(o, gfn, next, page) ||
	       oracle_is_torn(o, gfn, visit, next, page, scratch,
			      scratch + ABI_PAGE_BYTES);
}

enum verify_verdict verify_work_page(const struct verify_rules *rules,
				     uint64_t gfn, const uint8_t *page,
				     uint8_t *scratch, struct finding *ret)
{
	const struct oracle *o = rules->expect.o;
	struct oracle_finding f;
	uint64_t index = 0, visit, other;

	oracle_index(o, gfn, &index);
	visit = expect_visit(&rules->expect, index);
	if (oracle_page_ok(o, gfn, visit, page))
		return VERIFY_GOOD;
	if (rules->in_flight_allowed &&
	    expect_in_flight(&rules->expect, index, &other) &&
	    is_in_flight(o, gfn, visit, other, page, scratch))
		return VERIFY_IN_FLIGHT;
	oracle_classify(o, gfn, visit, page, scratch, &f);
	/* Over a change of order visits are not numbered one by one. */
	other = expect_before(&rules->expect, index);
	if (f.kind == ORACLE_FLIPPED && f.nr_bits > ORACLE_FLIP_BITS &&
	    oracle_is_torn(o, gfn, visit, other, page, scratch,
			   scratch + ABI_PAGE_BYTES)) {
		f.kind = ORACLE_TORN;
		f.found = other;
	}
	*ret = (struct finding){
		.gfn = gfn,
		.kind = f.kind,
		.where = FINDING_WORK,
		.found = f.found,
		.behind = f.behind,
		.first_offset = f.first_offset,
		.nr_bytes = f.nr_bytes,
	};
	return VERIFY_BAD;
}

static bool is_blank(const uint8_t *page)
{
	return !oracle_walk_zero((uint8_t *)page, 0, ABI_PAGE_BYTES, true);
}

/* A page is not what it should be: extent, and a class if a stamp tells. */
static void describe(uint64_t gfn, const uint8_t *page, const uint8_t *want,
		     struct finding *ret)
{
	struct oracle_stamp stamp;
	uint64_t visit;
	uint32_t epoch, i;

	*ret = (struct finding){ .gfn = gfn, .kind = ORACLE_FLIPPED };
	for (i = 0; i < ABI_PAGE_BYTES; i++) {
		if (page[i] == want[i])
			continue;
		if (!ret->nr_bytes++)
			ret->first_offset = i;
	}
	memcpy(&stamp, page, sizeof(stamp));
	if (oracle_stamp_read(stamp, &ret->found, &visit, &epoch))
		ret->kind = ORACLE_MISPLACED;
	else if (is_blank(page))
		ret->kind = ORACLE_ZEROED;
}

enum verify_verdict verify_free_page(const struct verify_rules *rules,
				     uint64_t gfn, const uint8_t *page,
				     uint8_t *scratch, struct finding *ret)
{
	if (is_blank(page))
		return VERIFY_GOOD;
	memset(scratch, 0, ABI_PAGE_BYTES);
	describe(gfn, page, scratch, ret);
	ret->where = FINDING_FREE;
	return VERIFY_BAD;
}

/* The gfn of the image's page that @page equals; 0 = none. */
static uint64_t find_in_image(const struct elf_image *image,
			      const uint8_t *page)
{
	uint64_t gpa;

	for (gpa = image->gpa; gpa < image->gpa + image->bytes;
	     gpa += ABI_PAGE_BYTES) {
		const uint8_t *other = elf_image_page(image, gpa);

		if (other && !memcmp(other, page, ABI_PAGE_BYTES))
			return gpa >> ABI_PAGE_SHIFT;
	}
	return 0;
}

enum verify_verdict verify_image_page(const struct verify_rules *rules,
				      uint64_t gfn, const uint8_t *page,
				      uint8_t *scratch, struct finding *ret)
{
	const struct elf_image *image = &rules->image;
	const uint8_t *want = elf_image_page(image, gfn << ABI_PAGE_SHIFT);

	if (!memcmp(page, want, ABI_PAGE_BYTES))
		return VERIFY_GOOD;
	describe(gfn, page, want, ret);
	ret->where = FINDING_IMAGE;
	if (ret->kind == ORACLE_FLIPPED) {
		ret->found = find_in_image(image, page);
		if (ret->found)
			ret->kind = ORACLE_MISPLACED;
	}
	return VERIFY_BAD;
}
