/* SPDX-License-Identifier: MIT */
/* Samples and table of `vmferry vfio transfer`. */
#include "tools/vfio_transfer_report.h"

#include <string.h>

#include "base/units.h"
#include "report/table.h"

static const char *const figures[] = {
	"bytes",       "precopy_bytes", "stop_bytes",	    "total_ms",
	"stopped_ms",  "prepare_ms",	"precopy_ms",	    "stop_ms",
	"copy_ms",     "finish_ms",	"rate_bytes_per_s", "messages_from",
	"messages_to",
};
#define NR_FIGURES (sizeof(figures) / sizeof(figures[0]))

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static const char *protocol(const struct vfio_client *c)
{
	if (!c)
		return "file";
	return vfio_client_is_v1(c) ? "v1" : "v2";
}

json_t *vfio_transfer_sample(const struct transfer_stats *s,
			     const struct vfio_client *from,
			     const struct vfio_client *to, unsigned int repeat,
			     const char *failure)
{
	uint64_t bytes = s->precopy_bytes + s->stop_bytes;
	uint64_t ns = s->precopy_ns + s->copy_ns;

	return json_pack(
		"{s:I, s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, "
		"s:f, s:o, s:I, s:I, s:o}",
		"repeat", (json_int_t)repeat, "from", protocol(from), "to",
		protocol(to), "bytes", (json_int_t)bytes, "precopy_bytes",
		(json_int_t)s->precopy_bytes, "stop_bytes",
		(json_int_t)s->stop_bytes, "total_ms", ms(s->total_ns),
		"stopped_ms", ms(s->stopped_ns), "prepare_ms",
		ms(s->prepare_ns), "precopy_ms", ms(s->precopy_ns), "stop_ms",
		ms(s->stop_ns), "copy_ms", ms(s->copy_ns), "finish_ms",
		ms(s->finish_ns), "rate_bytes_per_s",
		result_number(ns ? (double)bytes * 1e9 / (double)ns : 0),
		"messages_from", (json_int_t)s->from.messages, "messages_to",
		(json_int_t)s->to.messages, "failure", result_string(failure));
}

static double median(const json_t *summary, const char *name)
{
	return json_number_value(
		json_object_get(json_object_get(summary, name), "median"));
}

static void pair_ms(struct table *t, const json_t *summary, const char *key,
		    const char *name)
{
	char text[UNITS_TEXT_BYTES];

	table_pair(t, key, "%s",
		   units_format_time(text, median(summary, name) * 1e6));
}

static void pair_bytes(struct table *t, const json_t *summary, const char *key,
		       const char *name)
{
	char text[UNITS_TEXT_BYTES];

	table_pair(t, key, "%s",
		   units_format_size(text, (uint64_t)median(summary, name)));
}

static void print(const json_t *summary, size_t nr, FILE *f)
{
	char text[UNITS_TEXT_BYTES], title[64];
	struct table *t;

	snprintf(title, sizeof(title), "Device state, %s",
		 nr > 1 ? "medians" : "one transfer");
	if (table_create_section(title, &t))
		return;
	pair_bytes(t, summary, "state", "bytes");
	pair_bytes(t, summary, "  while the source ran", "precopy_bytes");
	pair_bytes(t, summary, "  after it had stopped", "stop_bytes");
	pair_ms(t, summary, "total", "total_ms");
	pair_ms(t, summary, "  target prepares", "prepare_ms");
	pair_ms(t, summary, "  pre-copy", "precopy_ms");
	pair_ms(t, summary, "  source stops", "stop_ms");
	pair_ms(t, summary, "  the rest is copied", "copy_ms");
	pair_ms(t, summary, "  target takes it, and runs", "finish_ms");
	pair_ms(t, summary, "neither ran", "stopped_ms");
	table_pair(
		t, "rate", "%s",
		units_format_rate(text, median(summary, "rate_bytes_per_s")));
	table_pair(t, "messages, source and target", "%.0f + %.0f",
		   median(summary, "messages_from"),
		   median(summary, "messages_to"));
	table_print(t, f);
	table_destroy(t);
}

void vfio_transfer_finish(struct result *result, FILE *f)
{
	json_t *document;

	result_summarize(result, figures, NR_FIGURES);
	result_warn_null(result, "failure", "there was none");
	result_warn_null(result, "from, to, load, save",
			 "a source is a device or a file, a target too");
	if (!result_nr_samples(result) ||
	    result_verdict(result) != RESULT_PASS ||
	    result_document(result, &document))
		return;
	print(json_object_get(document, "summary"), result_nr_samples(result),
	      f);
	json_decref(document);
}
