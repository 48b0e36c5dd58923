/* SPDX-License-Identifier: MIT */
/* A measurement of a preallocation, for the result and for people. */
#include <inttypes.h>
#include <math.h>

#include "base/units.h"
#include "report/table.h"
#include "tools/prealloc_sample.h"
#include "tools/sample_memory.h"

/* With more, a table of them helps nobody. */
#define SHOWN_THREADS 16u

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *threads_json(const struct prealloc_result *r)
{
	json_t *pages = json_array(), *start = json_array();
	json_t *first = json_array(), *finish = json_array();
	unsigned int i;

	for (i = 0; i < r->nr_threads; i++) {
		const struct prealloc_thread *t = &r->thread[i];

		json_array_append_new(pages, integer(t->pages));
		json_array_append_new(start, json_real(ms(t->start_ns)));
		json_array_append_new(first, json_real(ms(t->first_ns)));
		json_array_append_new(finish, json_real(ms(t->end_ns)));
	}
	return json_pack("{s:o, s:o, s:o, s:o}", "pages", pages, "start_ms",
			 start, "first_ms", first, "finish_ms", finish);
}

static const char *failure_name(const struct prealloc_sample *s)
{
	static const char *const names[] = {
		[PREALLOC_FINE] = "",
		[PREALLOC_BUS] = "sigbus",
		[PREALLOC_FAULT] = "efault",
		[PREALLOC_POISON] = "poison",
	};

	return s->unmapped ? "mmap" : names[s->result.failure];
}

static void explain_nulls(const struct prealloc_sample *s,
			  struct result *result)
{
	if (isnan(s->rate_bytes_per_s)) {
		result_warn_null(result, "rate_bytes_per_s",
				 "not all pages could be had");
		result_warn_null(result, "work_bytes_per_s",
				 "not all pages could be had");
	}
	if (s->result.nr_threads < 2) {
		result_warn_null(result, "start_spread_ms",
				 "fewer than two threads");
		result_warn_null(result, "finish_spread_ms",
				 "fewer than two threads");
	}
}

static json_t *failure_json(const struct prealloc_sample *s,
			    struct result *result)
{
	if (!s->failure[0])
		return json_null();
	if (s->unmapped)
		result_warn_null(result, "failure.offset",
				 "there was no mapping");
	return json_pack("{s:s, s:o, s:o}", "how", failure_name(s), "offset",
			 s->unmapped ? json_null()
				     : integer(s->result.failed_offset),
			 "sentence", result_string(s->failure));
}

json_t *prealloc_sample_json(const struct prealloc_sample *s,
			     struct result *result)
{
	const struct prealloc_result *r = &s->result;
	json_t *o = json_pack(
		"{s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:{s:I, s:I}, s:o}",
		"backing", backing_names[s->backing], "page_bytes",
		(json_int_t)s->page_bytes, "method",
		prealloc_method_names[s->config.method], "threads",
		(json_int_t)r->nr_threads, "elapsed_ms",
		json_real(ms(r->elapsed_ns)), "rate_bytes_per_s",
		result_number(s->rate_bytes_per_s), "work_bytes_per_s",
		result_number(s->work_bytes_per_s), "created_ms",
		json_real(ms(r->created_ns)), "start_spread_ms",
		result_number(s->start_spread_ms), "finish_spread_ms",
		result_number(s->finish_spread_ms), "mapped_bytes",
		integer(r->mapped_bytes), "memory",
		sample_resident(s->smaps.bytes_4k, s->smaps.bytes_2m,
				s->smaps.bytes_1g),
		"faults", "minor", (json_int_t)r->minor_faults, "major",
		(json_int_t)r->major_faults, "per_thread", threads_json(r));

	explain_nulls(s, result);
	json_object_set_new(o, "failure", failure_json(s, result));
	return o;
}

static void print_threads(const struct prealloc_result *r, FILE *f)
{
	static const struct table_column columns[] = {
		{ "thread", TABLE_RIGHT },   { "pages", TABLE_RIGHT },
		{ "begins", TABLE_RIGHT },   { "first page", TABLE_RIGHT },
		{ "finishes", TABLE_RIGHT },
	};
	char text[UNITS_TEXT_BYTES];
	struct table *t;
	unsigned int i;

	if (r->nr_threads > SHOWN_THREADS || r->nr_threads < 2 ||
	    table_create(NULL, columns, 5, &t))
		return;
	for (i = 0; i < r->nr_threads; i++) {
		const struct prealloc_thread *w = &r->thread[i];

		table_cell(t, "%u", i);
		table_cell(t, "%" PRIu64, w->pages);
		table_cell(t, "%s",
			   units_format_time(text, (double)w->start_ns));
		table_cell(t, "%s",
			   w->first_ns ? units_format_time(text,
							   (double)w->first_ns)
				       : "-");
		table_cell(t, "%s", units_format_time(text, (double)w->end_ns));
	}
	table_print(t, f);
	table_destroy(t);
}

/* "of 2 MiB: 320 MiB" for each size that there is. */
static void add_proof(struct table *t, const struct smaps *m)
{
	char size[UNITS_TEXT_BYTES];
	const struct {
		const char *name;
		uint64_t bytes;
	} rows[] = {
		{ "4 KiB", m->bytes_4k },
		{ "2 MiB", m->bytes_2m },
		{ "1 GiB", m->bytes_1g },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].bytes)
			table_pair(t, "proven by smaps", "%s in pages of %s",
				   units_format_size(size, rows[i].bytes),
				   rows[i].name);
}

static void add_spreads(struct table *t, const struct prealloc_sample *s)
{
	char text[UNITS_TEXT_BYTES];

	table_pair(t, "pages a thread",
		   s->pages_min == s->pages_max ? "%" PRIu64
						: "%" PRIu64 "...%" PRIu64,
		   s->pages_min, s->pages_max);
	if (s->result.nr_threads < 2)
		return;
	table_pair(t, "last created after", "%s",
		   units_format_time(text, (double)s->result.created_ns));
	table_pair(t, "first to last running", "%s",
		   units_format_time(text, s->start_spread_ms * 1e6));
	table_pair(t, "first to last finished", "%s",
		   units_format_time(text, s->finish_spread_ms * 1e6));
}

void prealloc_sample_print(const struct prealloc_sample *s, FILE *f)
{
	const struct prealloc_result *r = &s->result;
	char title[128], a[UNITS_TEXT_BYTES], b[UNITS_TEXT_BYTES];
	struct table *t;

	if (s->unmapped)
		return;
	snprintf(title, sizeof(title), "%s of %s in pages of %s: %s, %u %s",
		 units_format_size(a, s->bytes), backing_names[s->backing],
		 units_format_size(b, s->page_bytes),
		 prealloc_method_names[s->config.method], r->nr_threads,
		 r->nr_threads == 1 ? "thread" : "threads");
	if (table_create_section(title, &t))
		return;
	table_pair(t, "time", "%s",
		   units_format_time(a, (double)r->elapsed_ns));
	if (!isnan(s->rate_bytes_per_s))
		table_pair(t, "rate", "%s",
			   units_format_rate(a, s->rate_bytes_per_s));
	add_spreads(t, s);
	table_pair(t, "faults", "%" PRIu64 ", %" PRIu64 " with I/O",
		   r->minor_faults, r->major_faults);
	add_proof(t, &s->smaps);
	table_print(t, f);
	table_destroy(t);
	print_threads(r, f);
	fflush(f);
}
