/* SPDX-License-Identifier: MIT */
/* Checks of the guest's account of RAM. */
#include "drive/guest_account.h"

#include <errno.h>

#include "drive/guest_view.h"

static int check_range(const struct abi_control *c, uint32_t i,
		       struct error *err)
{
	const struct abi_ram_range *r = &c->ram[i];

	if (!r->bytes || (r->gpa | r->bytes) % ABI_PAGE_BYTES ||
	    r->gpa > (1ull << (ORACLE_GFN_BITS + ABI_PAGE_SHIFT)) ||
	    r->bytes > (1ull << (ORACLE_GFN_BITS + ABI_PAGE_SHIFT)) - r->gpa)
		return error_set(err, -EPROTO,
				 "range %u of the guest's account of RAM is "
				 "malformed",
				 i);
	if (r->kind < ABI_RAM_FREE || r->kind > ABI_RAM_FIRMWARE)
		return error_set(err, -EPROTO,
				 "range %u of the guest's account of RAM is "
				 "of kind %u",
				 i, r->kind);
	if (i && r->gpa < c->ram[i - 1].gpa + c->ram[i - 1].bytes)
		return error_set(err, -EPROTO,
				 "range %u of the guest's account of RAM lies "
				 "before the end of the one before",
				 i);
	return 0;
}

/* First byte at or after @gpa and before @end that no range of @kind (0 =
 * any) holds; @end if there is none. */
static uint64_t account_gap(const struct abi_control *c, uint32_t kind,
			    uint64_t gpa, uint64_t end)
{
	uint32_t i;

	for (i = 0; i < c->nr_ram && gpa < end; i++) {
		const struct abi_ram_range *r = &c->ram[i];

		if (kind && r->kind != kind)
			continue;
		if (gpa - r->gpa < r->bytes)
			gpa = r->gpa + r->bytes;
	}
	return gpa < end ? gpa : end;
}

/* The work ranges are disjoint, as are the epoch's: if the epoch's lie within
 * them and both have the same size, they are the same pages. */
static int check_work(const struct guest_view *view, struct error *err)
{
	const struct abi_control *c = &view->control;
	const struct oracle *o = &c->epoch;
	uint64_t work = 0;
	uint32_t i;

	for (i = 0; i < c->nr_ram; i++)
		if (c->ram[i].kind == ABI_RAM_WORK)
			work += c->ram[i].bytes;
	if (work != (view->has_epoch ? o->nr_pages * ABI_PAGE_BYTES : 0))
		return error_set(err, -EPROTO,
				 "the guest accounts for %llu bytes of working "
				 "set, its epoch has %llu pages",
				 (unsigned long long)work,
				 (unsigned long long)o->nr_pages);
	for (i = 0; view->has_epoch && i < o->nr_ranges; i++) {
		uint64_t gpa = o->range[i].gfn << ABI_PAGE_SHIFT;
		uint64_t end = gpa + (o->range[i].nr_pages << ABI_PAGE_SHIFT);

		if (account_gap(c, ABI_RAM_WORK, gpa, end) != end)
			return error_set(err, -EPROTO,
					 "the guest's account of RAM does not "
					 "list range %u of its working set",
					 i);
	}
	return 0;
}

int guest_account_check(const struct guest_view *view, struct error *err)
{
	const struct abi_control *c = &view->control;
	uint32_t i;
	int r;

	if (c->nr_ram > ABI_MAX_RAM_RANGES)
		return error_set(err, -EPROTO,
				 "the guest's account of RAM has %u ranges",
				 c->nr_ram);
	for (i = 0; i < c->nr_ram; i++) {
		r = check_range(c, i, err);
		if (r)
			return r;
	}
	return check_work(view, err);
}

int guest_account_matches(const struct guest_view *view, const struct ram *ram,
			  struct error *err)
{
	const struct abi_control *c = &view->control;
	uint32_t i;

	for (i = 0; i < c->nr_ram; i++)
		if (!ram_covers(ram, c->ram[i].gpa, c->ram[i].bytes))
			return error_set(err, -EPROTO,
					 "the guest lists RAM at 0x%llx that "
					 "the machine does not have",
					 (unsigned long long)c->ram[i].gpa);
	for (i = 0; i < ram->nr_regions; i++) {
		uint64_t at = ram->region[i].gpa;
		uint64_t end = at + ram->region[i].bytes;

		while ((at = account_gap(c, 0, at, end)) != end) {
			if (at - view->gpa >= view->bytes)
				return error_set(err, -EPROTO,
						 "the guest does not list the "
						 "machine's RAM at 0x%llx",
						 (unsigned long long)at);
			at = view->gpa + view->bytes;
		}
	}
	return 0;
}

uint64_t guest_account_control_bytes(const struct guest_view *view)
{
	uint64_t end = view->gpa + view->bytes;
	uint64_t at, bytes = 0;

	for (at = view->gpa; at < end; at += ABI_PAGE_BYTES)
		if (account_gap(&view->control, 0, at, end) == at)
			bytes += ABI_PAGE_BYTES;
	return bytes;
}

const char *guest_account_kind_name(uint32_t kind)
{
	static const char *const name[] = {
		"unknown", "free", "work", "image", "private", "firmware",
	};

	return kind <= ABI_RAM_FIRMWARE ? name[kind] : name[0];
}
