/* SPDX-License-Identifier: MIT */
/* DMA logging: what was written is reported, nothing else, once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "vfio/check_priv.h"

#define NEEDS (CHECK_DESTRUCTIVE | CHECK_NEEDS_LOGGING)
#define BOTH (USER_DMA_READABLE | USER_DMA_WRITEABLE)
#define NR_PAGES (ENGINE_NR_PAGES + 1)
#define MAP_WORDS ((NR_PAGES + 63) / 64)

static const struct mig_logging_range all = { ENGINE_BASE, ENGINE_BYTES };

static bool start(struct check_run *r)
{
	return check_ok(r, r->port->log_start(r, 4096, &all, 1),
			"DMA_LOGGING_START");
}

static bool report(struct check_run *r, uint64_t iova, uint64_t length,
		   uint64_t page_size, uint64_t *map)
{
	return check_ok(r, r->port->log_report(r, iova, length, page_size, map),
			"DMA_LOGGING_REPORT");
}

/* Some pages written, the engine at rest; the pages before, and the report. */
struct written {
	uint8_t *before;
	uint64_t map[MAP_WORDS];
};

static bool write_pages(struct check_run *r, struct written *w)
{
	memset(w, 0, sizeof(*w));
	w->before = malloc(ENGINE_BYTES);
	if (!w->before) {
		check_skip(r, "no memory");
		return false;
	}
	if (!check_engine_init(r, false, BOTH) || !start(r))
		return false;
	memcpy(w->before, r->memory.hva, ENGINE_BYTES);
	return check_engine_control(r, ABI_DMA_CONTROL_RUN) &&
	       check_engine_wait(r, 24) && check_engine_control(r, 0);
}

static bool changed(const struct check_run *r, const struct written *w,
		    uint64_t page)
{
	return memcmp(w->before + page * 4096, r->memory.hva + page * 4096,
		      4096);
}

/* @invented: pages that are reported, and were not written; else the reverse.*/
static void compare(struct check_run *r, bool invented)
{
	struct written w;
	uint64_t i, nr = 0, first = 0;

	if (!write_pages(r, &w) ||
	    !report(r, ENGINE_BASE, ENGINE_BYTES, 4096, w.map))
		goto free;
	for (i = 0; i < NR_PAGES; i++) {
		bool dirty = bitmap_test(w.map, i);

		if (dirty == changed(r, &w, i) || dirty != invented)
			continue;
		if (!nr++)
			first = i;
	}
	check_that(r, !nr, "%llu pages %s, the first at 0x%llx",
		   (unsigned long long)nr,
		   invented ? "were reported and not written"
			    : "were written and not reported",
		   (unsigned long long)(ENGINE_BASE + first * 4096));
free:
	free(w.before);
}

static void run_complete(struct check_run *r, const struct check_case *c)
{
	compare(r, false);
}

static void run_exact(struct check_run *r, const struct check_case *c)
{
	compare(r, true);
}

static void run_cleared(struct check_run *r, const struct check_case *c)
{
	struct written w;
	uint64_t again[MAP_WORDS] = { 0 };

	if (write_pages(r, &w) &&
	    report(r, ENGINE_BASE, ENGINE_BYTES, 4096, w.map) &&
	    report(r, ENGINE_BASE, ENGINE_BYTES, 4096, again))
		check_that(r, !bitmap_count(again, NR_PAGES),
			   "%llu pages are reported again",
			   (unsigned long long)bitmap_count(again, NR_PAGES));
	free(w.before);
}

/* A report of larger pages names each that holds a smaller one. */
static void run_large_pages(struct check_run *r, const struct check_case *c)
{
	struct written w;
	uint64_t map[1] = { 0 }, i;

	if (!write_pages(r, &w) ||
	    !report(r, ENGINE_BASE, ENGINE_NR_PAGES * 4096ull, 65536, map))
		goto free;
	for (i = 0; i < ENGINE_NR_PAGES; i++)
		if (changed(r, &w, i) &&
		    !check_that(r, bitmap_test(map, i / 16),
				"page %llu is dirty, its 64 KiB are not",
				(unsigned long long)i))
			break;
	if (!r->decided)
		check_that(r, !(map[0] >> (ENGINE_NR_PAGES / 16)),
			   "bits are set behind the range: 0x%llx",
			   (unsigned long long)map[0]);
free:
	free(w.before);
}

/* The upper half by itself, counted from its own begin; the lower one waits.
 * Pages that are missing or too many are found above: most must be right. */
static void run_window(struct check_run *r, const struct check_case *c)
{
	const uint64_t half = ENGINE_NR_PAGES / 2;
	struct written w;
	uint64_t map[1] = { 0 }, i, nr = 0, right = 0, low;

	if (!write_pages(r, &w) ||
	    !report(r, ENGINE_BASE + half * 4096, half * 4096, 4096, map) ||
	    !report(r, ENGINE_BASE, ENGINE_BYTES, 4096, w.map))
		goto free;
	for (i = 0; i < half; i++) {
		if (!changed(r, &w, half + i))
			continue;
		nr++;
		right += map[0] >> i & 1;
	}
	if (!check_that(r, 2 * right >= nr,
			"of %llu dirty pages %llu are where they should be",
			(unsigned long long)nr, (unsigned long long)right))
		goto free;
	low = bitmap_count(w.map, half);
	check_that(r, low > 0, "the other half is not reported any more");
free:
	free(w.before);
}

/* Off and on again: from nothing. */
static void run_restart(struct check_run *r, const struct check_case *c)
{
	struct written w;

	if (write_pages(r, &w) &&
	    check_ok(r, r->port->log_stop(r), "DMA_LOGGING_STOP") && start(r) &&
	    report(r, ENGINE_BASE, ENGINE_BYTES, 4096, w.map))
		check_that(r, !bitmap_count(w.map, NR_PAGES),
			   "pages of the time before are reported");
	free(w.before);
}

/* The last report, once the device has stopped. */
static void run_stopped(struct check_run *r, const struct check_case *c)
{
	struct written w;
	uint64_t i, missed = 0;

	memset(&w, 0, sizeof(w));
	w.before = malloc(ENGINE_BYTES);
	if (!w.before || !check_engine_init(r, false, BOTH) || !start(r))
		goto free;
	memcpy(w.before, r->memory.hva, ENGINE_BYTES);
	if (!check_engine_control(r, ABI_DMA_CONTROL_RUN) ||
	    !check_engine_wait(r, 24) || !check_enter(r, MIG_STATE_STOP_COPY))
		goto free;
	if (r->port->log_report(r, ENGINE_BASE, ENGINE_BYTES, 4096, w.map)) {
		check_that(r, false, "no report in STOP_COPY");
		goto free;
	}
	for (i = 0; i < NR_PAGES; i++)
		missed += changed(r, &w, i) && !bitmap_test(w.map, i);
	/* Whether pages are missed at all is asked above: here, all of them. */
	check_that(r, bitmap_count(w.map, NR_PAGES) > missed,
		   "%llu pages were written before it stopped and are not "
		   "reported",
		   (unsigned long long)missed);
free:
	free(w.before);
}

static void run_quiet(struct check_run *r, const struct check_case *c)
{
	uint64_t map[MAP_WORDS] = { 0 };

	if (check_engine_map(r, false, BOTH) && start(r) &&
	    report(r, ENGINE_BASE, ENGINE_BYTES, 4096, map))
		check_that(r, !bitmap_count(map, NR_PAGES),
			   "%llu pages of an idle device's",
			   (unsigned long long)bitmap_count(map, NR_PAGES));
}

static void run_twice(struct check_run *r, const struct check_case *c)
{
	if (start(r))
		check_refused(r, r->port->log_start(r, 4096, &all, 1),
			      "a second DMA_LOGGING_START");
}

static void run_off(struct check_run *r, const struct check_case *c)
{
	uint64_t map[MAP_WORDS] = { 0 };

	if (!check_refused(r,
			   r->port->log_report(r, ENGINE_BASE, ENGINE_BYTES,
					       4096, map),
			   "a report before logging was started") ||
	    !start(r) || !check_ok(r, r->port->log_stop(r), "DMA_LOGGING_STOP"))
		return;
	check_refused(
		r, r->port->log_report(r, ENGINE_BASE, ENGINE_BYTES, 4096, map),
		"a report after logging was stopped");
}

static void refuse_ranges(struct check_run *r,
			  const struct mig_logging_range *ranges, uint32_t nr,
			  const char *what)
{
	int rc = r->port->log_start(r, 4096, ranges, nr);

	check_refused(r, rc, what);
}

static void run_overlap(struct check_run *r, const struct check_case *c)
{
	static const struct mig_logging_range ranges[] = {
		{ 0x100000, 0x10000 }, { 0x108000, 0x10000 }
	};

	refuse_ranges(r, ranges, 2, "a start with ranges that overlap");
}

static void run_unaligned(struct check_run *r, const struct check_case *c)
{
	static const struct mig_logging_range begin = { 0x100100, 0x10000 };
	static const struct mig_logging_range length = { 0x100000, 0x10100 };

	refuse_ranges(r, &begin, 1, "a range that begins inside of a page");
	if (!r->decided)
		refuse_ranges(r, &length, 1, "a range that ends inside of one");
}

static void run_wrap(struct check_run *r, const struct check_case *c)
{
	static const struct mig_logging_range range = { 0xfffffffffffff000ull,
							0x2000 };

	refuse_ranges(r, &range, 1, "a range that wraps around");
}

static void run_empty(struct check_run *r, const struct check_case *c)
{
	static const struct mig_logging_range range = { 0x100000, 0 };

	refuse_ranges(r, &range, 1, "a range of no bytes");
}

static void run_many(struct check_run *r, const struct check_case *c)
{
	uint32_t nr = MIG_LOGGING_MAX_RANGES + 1, i;
	struct mig_logging_range *ranges = calloc(nr, sizeof(*ranges));

	if (!ranges)
		return check_skip(r, "no memory");
	for (i = 0; i < nr; i++)
		ranges[i] = (struct mig_logging_range){ (i + 1) * 0x10000ull,
							0x1000 };
	refuse_ranges(r, ranges, nr, "a start with 257 ranges");
	free(ranges);
}

#define TEXT "linux/vfio.h, DMA_LOGGING_"

const struct check_case check_dirty_cases[] = {
	CHECK_CASE("dirty.complete",
		   TEXT "REPORT: all pages that the device wrote", CHECK_MUST,
		   NEEDS | CHECK_NEEDS_ENGINE, run_complete),
	CHECK_CASE("dirty.exact",
		   TEXT "REPORT: no others, at the page size that was "
			"agreed on",
		   CHECK_SHOULD, NEEDS | CHECK_NEEDS_ENGINE, run_exact),
	CHECK_CASE("dirty.cleared",
		   TEXT "REPORT: what was reported is forgotten", CHECK_SHOULD,
		   NEEDS | CHECK_NEEDS_ENGINE, run_cleared),
	CHECK_CASE("dirty.large-pages",
		   TEXT "REPORT: the page size of a report may be another",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_ENGINE, run_large_pages),
	CHECK_CASE("dirty.window", TEXT "REPORT: of a part of the ranges",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_ENGINE, run_window),
	CHECK_CASE("dirty.restart", TEXT "STOP: the log is gone", CHECK_SHOULD,
		   NEEDS | CHECK_NEEDS_ENGINE, run_restart),
	CHECK_CASE("dirty.stopped",
		   TEXT
		   "REPORT: what was written before the device stopped can be "
		   "had after it has",
		   CHECK_MUST,
		   NEEDS | CHECK_NEEDS_ENGINE | CHECK_NEEDS_MIGRATION,
		   run_stopped),
	CHECK_CASE("dirty.quiet",
		   TEXT "REPORT: a device that is idle wrote nothing",
		   CHECK_SHOULD, NEEDS, run_quiet),
	CHECK_CASE("dirty.twice", TEXT "START: not while it is on", CHECK_MUST,
		   NEEDS, run_twice),
	CHECK_CASE("dirty.off", TEXT "REPORT: only while it is on", CHECK_MUST,
		   NEEDS, run_off),
	CHECK_CASE("dirty.overlap",
		   TEXT "START: ranges do not overlap (deployed "
			"vfio-user servers do not read them)",
		   CHECK_DIFFERS, NEEDS | CHECK_NEEDS_V2, run_overlap),
	CHECK_CASE("dirty.unaligned", TEXT "START: ranges are whole pages",
		   CHECK_DIFFERS, NEEDS | CHECK_NEEDS_V2, run_unaligned),
	CHECK_CASE("dirty.wrap", TEXT "START: ranges do not wrap around",
		   CHECK_DIFFERS, NEEDS | CHECK_NEEDS_V2, run_wrap),
	CHECK_CASE("dirty.empty-range", TEXT "START: a range has bytes",
		   CHECK_DIFFERS, NEEDS | CHECK_NEEDS_V2, run_empty),
	CHECK_CASE("dirty.many", TEXT "START: E2BIG beyond 256 ranges",
		   CHECK_DIFFERS, NEEDS | CHECK_NEEDS_V2, run_many),
};
const size_t check_dirty_nr =
	sizeof(check_dirty_cases) / sizeof(check_dirty_cases[0]);
