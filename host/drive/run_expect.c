/* SPDX-License-Identifier: MIT */
/*
 * What the guest said of itself before the migration, and must still say after
 * it: a target is not believed on its own word what it has to be checked for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/guest_view.h"
#include "drive/run_internal.h"

#define CHUNK_BYTES (256u << 10)

int run_expect_learn(struct run *r, struct error *err)
{
	struct guest_view view;
	int rc;

	if (r->source.blind)
		return 0;
	rc = guest_view_read(&r->source.ram, r->source.control_gpa,
			     r->source.control_bytes, &view, err);

	if (rc)
		return rc;
	r->expected = view.control;
	guest_view_exit(&view);
	return 0;
}

void run_expect_final(struct run *r)
{
	struct counters all = r->source_count;
	struct abi_vcpu vcpu[ABI_MAX_VCPUS];
	unsigned int i;

	/* The DMA engines' lie behind the vCPUs'. */
	all.nr_vcpus += r->expected.nr_dma;
	if (counters_read(&all, vcpu))
		return;
	for (i = 0; i < all.nr_vcpus; i++)
		r->final_steps[i] = vcpu[i].steps;
}

static const char *differing_part(const struct abi_control *a,
				  const struct abi_control *b)
{
	if (a->nr_vcpus != b->nr_vcpus)
		return "number of vCPUs";
	if (a->nr_dma != b->nr_dma)
		return "number of DMA engines";
	if (memcmp(&a->epoch, &b->epoch, sizeof(a->epoch)))
		return "epoch";
	if (a->check != b->check ||
	    memcmp(a->tempo, b->tempo, sizeof(a->tempo)))
		return "workload's settings";
	if (a->image_gpa != b->image_gpa || a->image_bytes != b->image_bytes)
		return "image's place";
	if (a->nr_ram != b->nr_ram || memcmp(a->ram, b->ram, sizeof(a->ram)))
		return "account of RAM";
	return NULL;
}

void run_expect_check(struct run *r, const struct guest_view *view, bool frozen,
		      struct run_integrity *in)
{
	const char *part = differing_part(&r->expected, &view->control);
	unsigned int i;

	if (in->contradiction[0] || r->source.blind)
		return;
	if (part) {
		snprintf(in->contradiction, sizeof(in->contradiction),
			 "the guest's %s is not what it was on the source",
			 part);
		return;
	}
	for (i = 0; i < guest_view_workers(&view->control); i++) {
		uint64_t steps = view->vcpu[i].steps;
		bool dma = i >= view->control.nr_vcpus;

		if (steps >= r->final_steps[i] &&
		    (!frozen || steps == r->final_steps[i]))
			continue;
		snprintf(in->contradiction, sizeof(in->contradiction),
			 "%s %u counts %llu steps where the source ended "
			 "with %llu",
			 dma ? "DMA engine" : "vCPU",
			 dma ? i - view->control.nr_vcpus : i,
			 (unsigned long long)steps,
			 (unsigned long long)r->final_steps[i]);
		return;
	}
}

static int compare_page(const uint8_t *source, const uint8_t *target,
			uint64_t gpa, struct findings *ret)
{
	static const uint8_t zero[ABI_PAGE_BYTES];
	struct finding f = {
		.gfn = gpa / ABI_PAGE_BYTES,
		.kind = memcmp(target, zero, sizeof(zero)) ? ORACLE_FLIPPED
							   : ORACLE_ZEROED,
		.where = FINDING_PRIVATE,
	};
	uint32_t i;

	if (!memcmp(source, target, ABI_PAGE_BYTES))
		return 0;
	for (i = 0; i < ABI_PAGE_BYTES; i++) {
		if (source[i] == target[i])
			continue;
		if (!f.nr_bytes++)
			f.first_offset = i;
	}
	return findings_add(ret, &f);
}

static int compare_range(struct run *r, uint64_t gpa, uint64_t bytes,
			 uint8_t *buf, struct run_integrity *in,
			 struct findings *found)
{
	uint8_t *source = buf, *target = buf + CHUNK_BYTES;
	uint64_t at, n, page;
	int rc;

	for (at = 0; at < bytes; at += n) {
		n = bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES;
		rc = ram_read(&r->source.ram, gpa + at, source, n);
		if (!rc)
			rc = ram_read(&r->target.ram, gpa + at, target, n);
		for (page = 0; !rc && page < n; page += ABI_PAGE_BYTES)
			rc = compare_page(source + page, target + page,
					  gpa + at + page, found);
		if (rc)
			return rc;
		in->compared_bytes += n;
	}
	return 0;
}

/* Both stand still: what no oracle knows must be the same on both. */
int run_expect_compare(struct run *r, struct run_integrity *in,
		       struct error *err)
{
	const struct abi_control *c = &r->expected;
	struct findings found = FINDINGS_INIT;
	uint8_t *buf;
	uint32_t i;
	int rc;

	if (r->source.blind)
		return 0;
	buf = malloc(2 * (size_t)CHUNK_BYTES);

	if (!buf)
		return error_set(err, -ENOMEM, "no memory");
	rc = compare_range(r, r->source.control_gpa,
			   ABI_ALIGN_PAGE(r->source.control_bytes), buf, in,
			   &found);
	for (i = 0; !rc && i < c->nr_ram; i++)
		if (c->ram[i].kind == ABI_RAM_PRIVATE ||
		    c->ram[i].kind == ABI_RAM_FIRMWARE)
			rc = compare_range(r, c->ram[i].gpa, c->ram[i].bytes,
					   buf, in, &found);
	if (!rc)
		rc = findings_sort(&found);
	if (!rc)
		rc = findings_merge(&in->findings, &found);
	findings_exit(&found);
	free(buf);
	return rc ? error_set(err, rc,
			      "cannot compare the guest's own memory "
			      "on both sides")
		  : 0;
}
