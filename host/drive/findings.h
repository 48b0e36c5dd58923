/* SPDX-License-Identifier: MIT */
/* Bad pages: lists of them, and how several lists become one count. */
#ifndef VMFERRY_DRIVE_FINDINGS_H
#define VMFERRY_DRIVE_FINDINGS_H

#include <stddef.h>
#include <stdint.h>

#include "classify.h"

struct guest_view;

enum finding_where {
	FINDING_WORK, /* working set */
	FINDING_FREE, /* RAM that must be zero */
	FINDING_IMAGE, /* the guest's read-only segments */
	FINDING_PRIVATE, /* its stacks, tables, control area: not as on the
			  * source */
};

struct finding {
	uint64_t gfn;
	enum oracle_class kind;
	enum finding_where where;
	uint64_t found; /* as in struct oracle_finding */
	uint64_t behind; /* stale: visits lost; 0 = not known */
	uint32_t first_offset; /* first wrong byte */
	uint32_t nr_bytes; /* wrong bytes */
};

struct findings {
	struct finding *item;
	size_t nr;
	size_t room;
};

#define FINDINGS_INIT                                                          \
	{                                                                      \
		NULL, 0, 0                                                     \
	}

void findings_exit(struct findings *f);
/* 0 or -ENOMEM. */
int findings_add(struct findings *f, const struct finding *item);
/* Sorts by gfn; of several with one gfn only the earliest added stays.
 * 0, or -ENOMEM (@f is then as it was). */
int findings_sort(struct findings *f);
/* The finding at @gfn, or NULL. @f must be sorted. */
const struct finding *findings_at(const struct findings *f, uint64_t gfn);

/**
 * findings_merge() - add what a later look found.
 * @f: sorted before and after.
 *
 * A gfn that is in @f already keeps its first class: it counts once.
 *
 * Return: 0 or -ENOMEM (@f is then as it was).
 */
int findings_merge(struct findings *f, const struct findings *later);

/**
 * findings_from_guest() - what the guest found by itself.
 * @f: merged into, as by findings_merge().
 * @ret_unlisted: pages found beyond the room of the guest's logs.
 */
int findings_from_guest(struct findings *f, const struct guest_view *view,
			uint64_t *ret_unlisted);

/* Number of findings of each class. */
void findings_count(const struct findings *f,
		    uint64_t ret_bad[ORACLE_NR_CLASSES]);

const char *finding_where_name(enum finding_where where);

#endif
