/* SPDX-License-Identifier: MIT */
/* Dropping dirty bits on purpose. */
#include "machine/skip_dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "classify.h"
#include "control.h"

struct skip_dirty {
	const struct guestmem *mem;
	const struct abi_control *control;
	const struct abi_vcpu *vcpu;
	const struct oracle_log *log;
	struct oracle oracle;
	uint64_t count, random;
	uint32_t first_worker; /* whose pages may be dropped, and the next */
	/* By index in the working set: visit on the target + 1; 0 = unknown
	 * or torn. */
	uint64_t *sent;
	uint64_t *gfn; /* dropped so far */
	uint64_t nr_gfns;
	uint8_t page[3 * ABI_PAGE_BYTES] __attribute__((aligned(64)));
};

static uint64_t ram_pages(const struct guestmem *mem)
{
	uint64_t pages = 0;
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++)
		if (mem->region[i].is_ram)
			pages += mem->region[i].bytes / ABI_PAGE_BYTES;
	return pages;
}

/* The guest's own word on what it does, checked: each word is read once, for
 * the guest may be running. */
static int read_epoch(struct skip_dirty *s)
{
	const struct guestmem_region *r = guestmem_region(s->mem, "control");
	const volatile struct abi_control *c = r ? (const void *)r->hva : NULL;
	uint32_t offset, logs;

	if (!c || c->magic != ABI_CONTROL_MAGIC || c->version != ABI_VERSION)
		return -EINVAL;
	s->control = (const void *)r->hva;
	memcpy(&s->oracle, &s->control->epoch, sizeof(s->oracle));
	offset = c->vcpu_offset;
	logs = c->log_offset;
	if (!oracle_valid(&s->oracle) || offset % 64 || logs % 8 ||
	    s->oracle.nr_pages > ram_pages(s->mem))
		return -EINVAL;
	s->vcpu = guestmem_at(s->mem, r->gpa + offset,
			      s->oracle.nr_vcpus * sizeof(struct abi_vcpu));
	s->log = guestmem_at(s->mem, r->gpa + logs,
			     s->oracle.nr_vcpus * sizeof(struct oracle_log));
	return s->vcpu && s->log ? 0 : -EINVAL;
}

int skip_dirty_create(const struct guestmem *mem, uint64_t count, uint64_t seed,
		      bool dma, struct skip_dirty **ret_skip)
{
	struct skip_dirty *s = aligned_alloc(64, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	s->mem = mem;
	s->count = count;
	s->random = seed;
	rc = read_epoch(s);
	if (!rc && dma)
		s->first_worker = s->control->nr_vcpus;
	/* The vCPUs have all of it. */
	if (!rc && s->first_worker >= s->oracle.nr_vcpus)
		rc = -EINVAL;
	if (!rc) {
		s->sent = calloc(s->oracle.nr_pages, sizeof(*s->sent));
		s->gfn = calloc(count, sizeof(*s->gfn));
		if (!s->sent || !s->gfn)
			rc = -ENOMEM;
	}
	if (rc) {
		skip_dirty_destroy(s);
		return rc;
	}
	*ret_skip = s;
	return 0;
}

void skip_dirty_destroy(struct skip_dirty *s)
{
	if (!s)
		return;
	free(s->sent);
	free(s->gfn);
	free(s);
}

void skip_dirty_page_sent(struct skip_dirty *s, uint64_t gfn, const void *page)
{
	struct oracle_stamp stamp;
	uint64_t index, at_gfn, visit;
	uint32_t epoch;

	if (!oracle_index(&s->oracle, gfn, &index))
		return;
	s->sent[index] = 0;
	if (!page)
		return;
	memcpy(&stamp, page, sizeof(stamp));
	if (oracle_stamp_read(stamp, &at_gfn, &visit, &epoch) &&
	    at_gfn == gfn && oracle_page_ok(&s->oracle, gfn, visit, page))
		s->sent[index] = visit + 1;
}

/* Would the page be stale on the target, and nothing but stale? */
static bool qualifies(struct skip_dirty *s, uint64_t gfn)
{
	struct oracle_history history;
	struct oracle_finding finding;
	uint64_t index, visit, next;
	uint32_t vcpu;

	if (!oracle_index(&s->oracle, gfn, &index) || !s->sent[index])
		return false;
	vcpu = oracle_owner(&s->oracle, index);
	if (vcpu < s->first_worker)
		return false;
	oracle_history_init(&history, &s->oracle, vcpu, &s->log[vcpu],
			    s->vcpu[vcpu].steps);
	visit = oracle_history_visit(&history, index);
	if (s->sent[index] - 1 >= visit ||
	    oracle_history_next(&history, &next) == index)
		return false;
	oracle_page(&s->oracle, gfn, s->sent[index] - 1, s->page);
	oracle_classify(&s->oracle, gfn, visit, s->page,
			s->page + ABI_PAGE_BYTES, &finding);
	return finding.kind == ORACLE_STALE;
}

/* A page of the region to look from: where the working set lies, one of it. */
static uint64_t random_start(struct skip_dirty *s,
			     const struct guestmem_region *r)
{
	uint64_t pages = r->bytes / ABI_PAGE_BYTES, bit;

	s->random = oracle_mix(s->random + 0x9e3779b97f4a7c15ull);
	bit = oracle_gfn(&s->oracle, s->random % s->oracle.nr_pages) -
	      r->gpa / ABI_PAGE_BYTES;
	return bit < pages ? bit : s->random % pages;
}

/* One of the set bits, from a random one on, that qualifies. */
static bool pick(struct skip_dirty *s, const struct guestmem_region *r,
		 uint64_t *bitmap)
{
	uint64_t pages = r->bytes / ABI_PAGE_BYTES, bit, turn;
	uint64_t start = random_start(s, r);

	for (turn = 0; turn < 2; turn++) {
		uint64_t end = turn ? start : pages;

		bit = bitmap_next(bitmap, end, turn ? 0 : start);
		for (; bit < end; bit = bitmap_next(bitmap, end, bit + 1)) {
			uint64_t gfn = r->gpa / ABI_PAGE_BYTES + bit;

			if (!qualifies(s, gfn))
				continue;
			bitmap_clear(bitmap, bit);
			s->gfn[s->nr_gfns++] = gfn;
			return true;
		}
	}
	return false;
}

/* The guest is paused: its logs stay as they are looked at here. */
static bool logs_make_sense(const struct skip_dirty *s)
{
	uint32_t i;

	for (i = 0; i < s->oracle.nr_vcpus; i++)
		if (!oracle_log_valid(&s->oracle, i, &s->log[i],
				      s->vcpu[i].steps))
			return false;
	return true;
}

void skip_dirty_final(struct skip_dirty *s, unsigned int region,
		      uint64_t *bitmap)
{
	/* A new epoch since: what was sent means nothing any more. */
	if (memcmp(&s->oracle, &s->control->epoch, sizeof(s->oracle)) ||
	    !logs_make_sense(s))
		return;
	while (s->nr_gfns < s->count &&
	       pick(s, &s->mem->region[region], bitmap))
		;
}

json_t *skip_dirty_gfns(const struct skip_dirty *s)
{
	json_t *list = json_array();
	uint64_t i;

	for (i = 0; i < s->nr_gfns; i++)
		json_array_append_new(list,
				      json_integer((json_int_t)s->gfn[i]));
	return list;
}
