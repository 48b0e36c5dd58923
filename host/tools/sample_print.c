/* SPDX-License-Identifier: MIT */
/* A run's sample for a person. */
#include "tools/sample_json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "drive/vantage.h"
#include "report/table.h"
#include "tools/predict_report.h"
#include "tools/sample_l2.h"
#include "tools/sample_time.h"
#include "tools/sample_vfio.h"

static void time_pair(struct table *t, const char *key, double ms,
		      const char *note)
{
	char text[UNITS_TEXT_BYTES];

	if (isnan(ms))
		table_pair(t, key, "-");
	else
		table_pair(t, key, "%-10s %s",
			   units_format_time(text, ms * 1e6), note);
}

static void bytes_pair(struct table *t, const char *key, double bytes,
		       const char *note)
{
	char text[UNITS_TEXT_BYTES];

	if (isnan(bytes))
		table_pair(t, key, "-");
	else
		table_pair(t, key, "%-10s %s",
			   units_format_size(text, (uint64_t)bytes), note);
}

static const char *rate(char *text, double bytes_per_s)
{
	return isnan(bytes_per_s) ? "-" : units_format_rate(text, bytes_per_s);
}

static const char *seconds(char *text, double s)
{
	if (isnan(s))
		return "-";
	snprintf(text, UNITS_TEXT_BYTES, "%.2f s", s);
	return text;
}

static void print_clock(struct table *t, const struct run_sample *s)
{
	if (!s->source_blind[0] && !s->target_blind[0])
		return;
	if (isnan(s->clock_offset_us))
		table_pair(t, "clocks", "not known: downtime by arrival");
	else
		table_pair(t, "clocks",
			   "target %+.0f us to the source, +- %.0f us",
			   s->clock_offset_us, s->clock_offset_error_us);
}

const char *sample_blackout_text(char *text, const struct run_sample *s)
{
	char time[UNITS_TEXT_BYTES];

	if (isnan(s->blackout_ms))
		return "-";
	/* Its own pauses taken off, a paced workload may have lost nothing. */
	if (s->blackout_ms > 0 || !(s->sampler_resolution_ms > 0))
		units_format_time(time, s->blackout_ms * 1e6);
	else
		units_format_time(time, s->sampler_resolution_ms * 1e6);
	snprintf(text, UNITS_TEXT_BYTES + 8, "%s%s",
		 s->blackout_ms > 0 ? "" : "below ", time);
	return text;
}

static void print_times(const struct run_settings *set,
			const struct run_sample *s, FILE *f)
{
	char blackout[UNITS_TEXT_BYTES + 8];
	struct table *t;

	if (table_create_section("Time", &t))
		return;
	time_pair(t, "boot to ready", s->boot_ready_ms, "");
	time_pair(t, "total", s->total_ms,
		  !strcmp(set->transport, "file") ? "migrate -> target loaded"
						  : "migrate -> source done");
	time_pair(t, "downtime", s->downtime_ms,
		  "STOP at the source -> RESUME at the target");
	print_clock(t, s);
	table_pair(t, "blackout", "%-10s %s", sample_blackout_text(blackout, s),
		   isnan(s->blackout_ms)
			   ? ""
			   : "last step at the source -> first at the target");
	time_pair(t, "  resolution", s->sampler_resolution_ms,
		  "no error of the blackout is greater");
	time_pair(t, "guest's gap", s->guest_gap_ms,
		  "the same, by the guest's own clock");
	time_pair(t, "  stop", s->stop_ms, "");
	time_pair(t, "  final RAM", s->final_ram_ms, "");
	time_pair(t, "  save state", s->device_save_ms, "");
	time_pair(t, "  load state", s->device_load_ms, "");
	time_pair(t, "  resume", s->resume_ms, "");
	time_pair(t, "  first step", s->first_step_ms, "");
	table_print(t, f);
	table_destroy(t);
}

static void print_bytes(const struct run_settings *set,
			const struct run_sample *s, FILE *f)
{
	char a[UNITS_TEXT_BYTES], b[UNITS_TEXT_BYTES], c[UNITS_TEXT_BYTES];
	struct table *t;

	if (table_create_section("Bytes", &t))
		return;
	bytes_pair(t, "guest RAM", (double)set->ram_bytes, "");
	bytes_pair(t, "on the wire", s->wire_bytes, "");
	bytes_pair(t, "state", s->state_bytes, "");
	table_pair(t, "dirty rate", "%s before, %s during, %s after",
		   rate(a, s->rate_before), rate(b, s->rate_during),
		   rate(c, s->rate_after));
	table_pair(t, "CPU", "%s source, %s target",
		   seconds(a, s->source_cpu_s), seconds(b, s->target_cpu_s));
	table_print(t, f);
	table_destroy(t);
}

static void round_time(struct table *t, json_t *ms)
{
	char text[UNITS_TEXT_BYTES];

	if (json_is_number(ms))
		table_cell(
			t, "%s",
			units_format_time(text, json_number_value(ms) * 1e6));
	else
		table_cell(t, "-");
}

static void round_count(struct table *t, json_t *count, bool is_size)
{
	json_int_t value = json_integer_value(count);
	char text[UNITS_TEXT_BYTES];

	if (!json_is_integer(count))
		table_cell(t, "-");
	else if (is_size)
		table_cell(t, "%s", units_format_size(text, (uint64_t)value));
	else
		table_cell(t, "%" JSON_INTEGER_FORMAT, value);
}

static void print_rounds(const struct run_sample *s, FILE *f)
{
	static const struct table_column columns[] = {
		{ "round", TABLE_RIGHT },	{ "start", TABLE_RIGHT },
		{ "time", TABLE_RIGHT },	{ "pages", TABLE_RIGHT },
		{ "zero", TABLE_RIGHT },	{ "wire", TABLE_RIGHT },
		{ "dirty after", TABLE_RIGHT },
	};
	struct table *t;
	json_t *round;
	size_t i;

	if (table_create("Rounds", columns, 7, &t))
		return;
	json_array_foreach (s->rounds, i, round) {
		table_cell(t, "%zu", i + 1);
		round_time(t, json_object_get(round, "start_ms"));
		round_time(t, json_object_get(round, "duration_ms"));
		round_count(t, json_object_get(round, "pages"), false);
		round_count(t, json_object_get(round, "zero_pages"), false);
		round_count(t, json_object_get(round, "wire_bytes"), true);
		round_count(t, json_object_get(round, "dirty_pages_after"),
			    false);
	}
	table_print(t, f);
	table_destroy(t);
}

static void print_findings(const struct findings *list, FILE *f)
{
	size_t i;

	for (i = 0; i < list->nr && i < 8; i++) {
		const struct finding *bad = &list->item[i];

		fprintf(f, "  gfn 0x%" PRIx64 " %s", bad->gfn,
			oracle_class_name(bad->kind));
		if (bad->kind == ORACLE_STALE && bad->behind)
			fprintf(f, " by %" PRIu64 " visits", bad->behind);
		if (bad->kind == ORACLE_MISPLACED)
			fprintf(f, ", holds gfn 0x%" PRIx64, bad->found);
		fprintf(f, " (%s, %u bytes from offset %u)\n",
			finding_where_name(bad->where), bad->nr_bytes,
			bad->first_offset);
	}
	if (list->nr > i)
		fprintf(f, "  ... and %zu more\n", list->nr - i);
}

static void print_integrity(const struct run_sample *s, FILE *f)
{
	const struct run_integrity *in =
		s->source.checked ? &s->source.integrity : &s->integrity;
	const char *whose = !s->source.checked ? ""
			    : s->source.running
				    ? " of the source, which goes on"
				    : " of the source, which stands";
	char text[UNITS_TEXT_BYTES];

	fprintf(f, "Integrity%s\n  %" PRIu64 " pages (%s) checked, coverage ",
		whose, in->pages_checked,
		units_format_size(text, in->bytes_checked));
	if (isnan(in->coverage_pct))
		fputs("-", f);
	else
		fprintf(f, "%.4g %%", in->coverage_pct);
	fprintf(f, ", %zu bad\n", in->findings.nr);
	print_findings(&in->findings, f);
	if (in->guest_pages && !in->pages_checked)
		fprintf(f,
			"  %" PRIu64 " pages checked by the guest itself, "
			"%" PRIu64 " bad\n",
			in->guest_pages, in->unlisted);
	if (in->contradiction[0])
		fprintf(f, "  %s\n", in->contradiction);
	if (in->rewritten_pages)
		fprintf(f,
			"  %" PRIu64 " pages were rewritten before anybody "
			"looked: verify inline or switchover too\n",
			in->rewritten_pages);
	if (s->state_compared)
		fprintf(f,
			"  vCPU state: %" PRIu64 " values compared, %" PRIu64
			" differ%s%s\n",
			s->state_compared, s->state_differing,
			s->state_differing ? ": " : "", s->state_names);
	if (s->queues[1].queues)
		fprintf(f,
			"  %" PRIu64 " queues of %" PRIu64 " devices kicked: "
			"%" PRIu64 " lost, %" PRIu64 " wrong, %" PRIu64
			" doubled; %.0f us each (p50)\n",
			s->queues[1].queues, s->queues[1].devices,
			s->queues[1].lost, s->queues[1].wrong,
			s->queues[1].doubled, s->queues[1].p50_us);
}

static void print_sabotage(const struct run_settings *set,
			   const struct run_sample *s, FILE *f)
{
	if (!set->sabotage.count || set->sabotage.kind == SABOTAGE_DROP_NESTED)
		return;
	fprintf(f,
		"Sabotage\n  %s: %zu of %" PRIu64 " pages damaged, %" PRIu64
		" found as %s, %zu under another name, %zu missed, %zu "
		"invented\n",
		sabotage_kind_name(set->sabotage.kind), s->damage.pages.nr,
		set->sabotage.count, s->score.found,
		oracle_class_name(sabotage_class(set->sabotage.kind)),
		s->score.wrong_class.nr, s->score.missed.nr,
		s->score.invented.nr);
}

static void vantage_cell(struct table *t, double value)
{
	if (isnan(value))
		table_cell(t, "-");
	else
		table_cell(t, value >= 1000 ? "%.0f" : "%.1f", value);
}

static void print_vantage(const struct run_settings *set,
			  const struct run_sample *s, FILE *f)
{
	static const struct table_column columns[] = {
		{ "", TABLE_LEFT },	     { "wire", TABLE_RIGHT },
		{ "guest", TABLE_RIGHT },    { "host", TABLE_RIGHT },
		{ "vmm says", TABLE_RIGHT },
	};
	struct vantage v[VANTAGE_NR];
	char text[256];
	struct table *t;
	size_t i;

	vantage_fill(s, v);
	if (table_create("Vantage points", columns, 5, &t))
		return;
	for (i = 0; i < VANTAGE_NR; i++) {
		table_cell(t, "%s", v[i].name);
		vantage_cell(t, v[i].wire);
		vantage_cell(t, v[i].guest);
		vantage_cell(t, v[i].host);
		vantage_cell(t, v[i].vmm);
	}
	table_print(t, f);
	table_destroy(t);
	for (i = 0; i < VANTAGE_NR; i++)
		if (vantage_disagreement(&v[i], set, text, sizeof(text)))
			fprintf(f, "  %s\n", text);
	if (vantage_busy(s, text, sizeof(text)))
		fprintf(f, "  %s\n", text);
}

void sample_print(const struct run_settings *settings,
		  const struct run_sample *s, FILE *f)
{
	json_t *note;
	size_t i;

	if (!s->completed || s->guest_lost)
		fprintf(f, "The migration failed: %s\n",
			s->failure[0] ? s->failure : "no reason given");
	json_array_foreach (s->notes, i, note)
		fprintf(f, "Note: %s\n", json_string_value(note));
	print_rounds(s, f);
	if (s->completed)
		print_times(settings, s, f);
	print_bytes(settings, s, f);
	if (s->completed)
		print_vantage(settings, s, f);
	predict_print_score(s, f);
	print_integrity(s, f);
	sample_time_print(settings, s, f);
	sample_vfio_print(s, f);
	sample_l2_print(settings, s, f);
	print_sabotage(settings, s, f);
}
