/* SPDX-License-Identifier: MIT */
/* Lists of bad pages. */
#include "drive/findings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/guest_view.h"

void findings_exit(struct findings *f)
{
	free(f->item);
	*f = (struct findings)FINDINGS_INIT;
}

static int findings_reserve(struct findings *f, size_t more)
{
	size_t room = f->room ? f->room : 16;
	struct finding *item;

	while (room - f->nr < more)
		room *= 2;
	if (room == f->room)
		return 0;
	item = reallocarray(f->item, room, sizeof(*item));
	if (!item)
		return -ENOMEM;
	f->item = item;
	f->room = room;
	return 0;
}

int findings_add(struct findings *f, const struct finding *item)
{
	int r = findings_reserve(f, 1);

	if (!r)
		f->item[f->nr++] = *item;
	return r;
}

/* Stable merge of the sorted halves @a and @b into @to. */
static void merge_halves(struct finding *to, const struct finding *a,
			 size_t nr_a, const struct finding *b, size_t nr_b)
{
	while (nr_a || nr_b) {
		if (nr_a && (!nr_b || a->gfn <= b->gfn)) {
			*to++ = *a++;
			nr_a--;
		} else {
			*to++ = *b++;
			nr_b--;
		}
	}
}

/* Of neighbours with one gfn the first stays. */
static void drop_repeated(struct findings *f)
{
	size_t from, to = 0;

	for (from = 0; from < f->nr; from++)
		if (!to || f->item[to - 1].gfn != f->item[from].gfn)
			f->item[to++] = f->item[from];
	f->nr = to;
}

/* Bottom-up merge sort: qsort() is not stable, and who came first matters. */
int findings_sort(struct findings *f)
{
	struct finding *from = f->item, *to;
	size_t width, at;

	if (f->nr < 2)
		return 0;
	to = reallocarray(NULL, f->room, sizeof(*to));
	if (!to)
		return -ENOMEM;
	for (width = 1; width < f->nr; width *= 2) {
		for (at = 0; at < f->nr; at += 2 * width) {
			size_t left = f->nr - at;
			size_t nr_a = left < width ? left : width;
			size_t nr_b = left - nr_a < width ? left - nr_a : width;

			merge_halves(to + at, from + at, nr_a, from + at + nr_a,
				     nr_b);
		}
		f->item = to;
		to = from;
		from = f->item;
	}
	free(to);
	drop_repeated(f);
	return 0;
}

const struct finding *findings_at(const struct findings *f, uint64_t gfn)
{
	size_t low = 0, high = f->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->item[mid].gfn < gfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low < f->nr && f->item[low].gfn == gfn ? &f->item[low] : NULL;
}

int findings_merge(struct findings *f, const struct findings *later)
{
	size_t nr = f->nr;
	int r = findings_reserve(f, later->nr);

	if (r)
		return r;
	if (later->nr)
		memcpy(f->item + nr, later->item,
		       later->nr * sizeof(f->item[0]));
	f->nr += later->nr;
	r = findings_sort(f);
	if (r)
		f->nr = nr;
	return r;
}

static struct finding from_bad(const struct abi_bad *b)
{
	struct finding f = {
		.gfn = b->gfn,
		.kind = b->kind,
		.where = FINDING_WORK,
		.found = b->found,
		.first_offset = b->first_offset,
		.nr_bytes = b->nr_bytes,
	};

	if (f.kind == ORACLE_STALE && b->found < b->expected_visit)
		f.behind = b->expected_visit - b->found;
	return f;
}

int findings_from_guest(struct findings *f, const struct guest_view *view,
			uint64_t *ret_unlisted)
{
	struct findings own = FINDINGS_INIT;
	uint64_t unlisted = 0;
	uint32_t i, j;
	int r = 0;

	for (i = 0; i < view->control.nr_vcpus; i++) {
		const struct abi_bad_log *log = &view->bad[i];

		for (j = 0; !r && j < ABI_BAD_ENTRIES && j < log->nr; j++) {
			struct finding item = from_bad(&log->entry[j]);

			r = findings_add(&own, &item);
		}
		unlisted += log->nr - j;
	}
	if (!r)
		r = findings_merge(f, &own);
	if (!r)
		*ret_unlisted = unlisted;
	findings_exit(&own);
	return r;
}

void findings_count(const struct findings *f,
		    uint64_t ret_bad[ORACLE_NR_CLASSES])
{
	size_t i;

	memset(ret_bad, 0, ORACLE_NR_CLASSES * sizeof(ret_bad[0]));
	for (i = 0; i < f->nr; i++)
		ret_bad[f->item[i].kind]++;
}

const char *finding_where_name(enum finding_where where)
{
	static const char *const name[] = { "work", "free", "image",
					    "private" };

	return name[where];
}
