/* SPDX-License-Identifier: MIT */
/* A run's sample as JSON. docs/results.md explains the keys. */
#include "tools/sample_json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "drive/guest_account.h"
#include "drive/vantage.h"
#include "tools/predict_report.h"
#include "tools/sample_l2.h"
#include "tools/sample_memory.h"
#include "tools/sample_time.h"
#include "tools/sample_vfio.h"
#include "tools/send_options.h"

#define MAX_EXAMPLES 32u

const char *const sample_figures[] = {
	"boot_ready_ms",
	"target_start_ms",
	"total_ms",
	"setup_ms",
	"downtime_ms",
	"blackout_ms",
	"guest_gap_ms",
	"wire_bytes",
	"cpu_s.source",
	"cpu_s.target",
	"busy_ratio",
	"compression.wire_ratio",
	"dirty_rate.before_bytes_per_s",
	"dirty_rate.during_bytes_per_s",
	"dirty_rate.after_bytes_per_s",
	"waterfall.stop_ms",
	"waterfall.final_ram_ms",
	"waterfall.device_save_ms",
	"waterfall.device_load_ms",
	"waterfall.resume_ms",
	"waterfall.first_step_ms",
};
const size_t sample_nr_figures =
	sizeof(sample_figures) / sizeof(sample_figures[0]);

static void set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static void set_integer(json_t *object, const char *key, uint64_t value)
{
	set(object, key, json_integer((json_int_t)value));
}

/* Bytes: whole numbers, but null where there is none. */
static void set_bytes(json_t *object, const char *key, double value)
{
	set(object, key,
	    isnan(value) ? json_null() : json_integer((json_int_t)value));
}

/* An integer too large for a double's 53 bits is none of ours. */
static void set_number(json_t *object, const char *key, double value)
{
	set(object, key, result_number(value));
}

/* By name; threads of the same name together. */
static json_t *threads(const struct threads *t)
{
	json_t *o = json_object(), *name;
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		const struct thread_time *one = &t->thread[i];
		double s = (double)(one->last_ns - one->first_ns) / 1e9;

		name = result_string(one->name);
		s += json_number_value(
			json_object_get(o, json_string_value(name)));
		set_number(o, json_string_value(name), s);
		json_decref(name);
	}
	return o;
}

static json_t *vantage(const struct run_settings *settings,
		       const struct run_sample *s, struct result *result)
{
	struct vantage v[VANTAGE_NR];
	json_t *o = json_object(), *lines = json_array();
	char text[256];
	size_t i;

	vantage_fill(s, v);
	for (i = 0; i < VANTAGE_NR; i++) {
		json_t *one = json_object();

		set_number(one, "wire", v[i].wire);
		set_number(one, "guest", v[i].guest);
		set_number(one, "host", v[i].host);
		set_number(one, "vmm", v[i].vmm);
		set(o, v[i].name, one);
		if (vantage_disagreement(&v[i], settings, text, sizeof(text)))
			json_array_append_new(lines, json_string(text));
	}
	if (vantage_busy(s, text, sizeof(text)))
		json_array_append_new(lines, json_string(text));
	set(o, "disagreements", lines);
	return o;
}

static void set_list(json_t *object, const char *key, json_t *list)
{
	set(object, key, list ? json_incref(list) : json_null());
}

static json_t *cpu(const struct run_sample *s)
{
	json_t *o = json_object();

	set_number(o, "source", s->source_cpu_s);
	set_number(o, "target", s->target_cpu_s);
	set_list(o, "compress", s->compression.compress_cpu_s);
	set_list(o, "decompress", s->compression.decompress_cpu_s);
	set(o, "source_threads", threads(&s->source_threads));
	set(o, "target_threads", threads(&s->target_threads));
	return o;
}

static json_t *dirty_rate(const struct run_sample *s)
{
	json_t *o = json_object();

	set_number(o, "target_bytes_per_s",
		   s->rate_target > 0 ? s->rate_target : NAN);
	set_number(o, "before_bytes_per_s", s->rate_before);
	set_number(o, "during_bytes_per_s", s->rate_during);
	set_number(o, "after_bytes_per_s", s->rate_after);
	return o;
}

static json_t *waterfall(const struct run_sample *s)
{
	json_t *o = json_object();

	set_number(o, "stop_ms", s->stop_ms);
	set_number(o, "final_ram_ms", s->final_ram_ms);
	set_number(o, "device_save_ms", s->device_save_ms);
	set_number(o, "device_load_ms", s->device_load_ms);
	set_number(o, "resume_ms", s->resume_ms);
	set_number(o, "first_step_ms", s->first_step_ms);
	return o;
}

static json_t *finding(const struct finding *f)
{
	json_t *o = json_object();

	set_integer(o, "gfn", f->gfn);
	set(o, "class", json_string(oracle_class_name(f->kind)));
	set(o, "where", json_string(finding_where_name(f->where)));
	set_integer(o, "found", f->found);
	set_integer(o, "behind", f->behind);
	set_integer(o, "first_offset", f->first_offset);
	set_integer(o, "bytes", f->nr_bytes);
	return o;
}

static json_t *looks(unsigned int done)
{
	json_t *list = json_array();

	if (done & RUN_VERIFY_SWITCHOVER)
		json_array_append_new(list, json_string("switchover"));
	if (done & RUN_VERIFY_INLINE)
		json_array_append_new(list, json_string("inline"));
	if (done & RUN_VERIFY_AFTER)
		json_array_append_new(list, json_string("after"));
	return list;
}

static json_t *integrity(const struct run_integrity *in)
{
	uint64_t bad[ORACLE_NR_CLASSES] = { 0 };
	json_t *o = json_object(), *classes = json_object();
	json_t *excluded = json_object(), *examples = json_array();
	uint32_t kind;
	size_t i;

	findings_count(&in->findings, bad);
	for (kind = ORACLE_STALE; kind < ORACLE_NR_CLASSES; kind++)
		set_integer(classes, oracle_class_name(kind), bad[kind]);
	for (kind = ABI_RAM_PRIVATE; kind <= ABI_RAM_FIRMWARE; kind++)
		set_integer(excluded, guest_account_kind_name(kind),
			    in->excluded_bytes[kind]);
	for (i = 0; i < in->findings.nr && i < MAX_EXAMPLES; i++)
		json_array_append_new(examples, finding(&in->findings.item[i]));
	set(o, "verified", looks(in->looks));
	set_integer(o, "pages_checked", in->pages_checked);
	set_integer(o, "bytes_checked", in->bytes_checked);
	set_number(o, "coverage_pct", in->coverage_pct);
	set_integer(o, "rewritten_pages", in->rewritten_pages);
	set_integer(o, "guest_pages", in->guest_pages);
	set_integer(o, "compared_bytes", in->compared_bytes);
	set(o, "contradiction", result_string(in->contradiction));
	set(o, "bad", classes);
	set_integer(o, "unlisted", in->unlisted);
	set_integer(o, "in_flight_pages", in->in_flight_pages);
	set(o, "excluded_bytes", excluded);
	set(o, "examples", examples);
	return o;
}

static json_t *vcpu_state(const struct run_sample *s)
{
	json_t *o = json_object(), *names = json_array();
	char copy[sizeof(s->state_names)], *rest = copy, *name;

	memcpy(copy, s->state_names, sizeof(copy));
	while ((name = strsep(&rest, " ,")))
		if (*name)
			json_array_append_new(names, result_string(name));
	set_integer(o, "compared", s->state_compared);
	set(o, "differing", names);
	return o;
}

/* What the guest found when it kicked each queue. */
static json_t *devices(const struct run_sample *s)
{
	static const char *const when[] = { "before", "after" };
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const struct run_queues *q = &s->queues[i];

		if (!q->queues)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, "
				  "s:f, s:f, s:f}",
				  "when", when[i], "devices",
				  (json_int_t)q->devices, "queues",
				  (json_int_t)q->queues, "kicks",
				  (json_int_t)q->kicks, "lost",
				  (json_int_t)q->lost, "wrong",
				  (json_int_t)q->wrong, "doubled",
				  (json_int_t)q->doubled, "min_us", q->min_us,
				  "p50_us", q->p50_us, "p99_us", q->p99_us,
				  "max_us", q->max_us));
	}
	return list;
}

static json_t *gfns(const struct findings *f)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < f->nr; i++)
		json_array_append_new(list,
				      json_integer((json_int_t)f->item[i].gfn));
	return list;
}

static json_t *sabotage(const struct run_settings *set_,
			const struct run_sample *s)
{
	json_t *o;

	if (!set_->sabotage.count)
		return json_null();
	o = json_object();
	set(o, "kind", json_string(sabotage_kind_name(set_->sabotage.kind)));
	set(o, "class",
	    set_->sabotage.kind == SABOTAGE_DROP_NESTED
		    ? json_string("l2")
		    : json_string(oracle_class_name(
			      sabotage_class(set_->sabotage.kind))));
	set_integer(o, "count", set_->sabotage.count);
	set_integer(o, "seed", set_->sabotage.seed);
	set(o, "gfns", gfns(&s->damage.pages));
	set_integer(o, "found", s->score.found);
	set(o, "wrong_class", gfns(&s->score.wrong_class));
	set(o, "missed", gfns(&s->score.missed));
	set(o, "invented", gfns(&s->score.invented));
	return o;
}

static json_t *source_after(const struct run_survivor *v)
{
	json_t *o;

	if (!v->checked)
		return json_null();
	o = json_object();
	set(o, "running", json_boolean(v->running));
	set(o, "integrity", integrity(&v->integrity));
	return o;
}

static void warn_notes(const struct run_sample *s, struct result *result)
{
	json_t *note;
	size_t i;

	json_array_foreach (s->notes, i, note)
		result_warn(result, "%s", json_string_value(note));
}

json_t *sample_json(const struct run_settings *settings,
		    const struct run_sample *s, struct result *result)
{
	json_t *o = json_object();

	set(o, "completed", json_boolean(s->completed));
	set(o, "failure",
	    s->failure[0] ? result_string(s->failure) : json_null());
	set_number(o, "boot_ready_ms", s->boot_ready_ms);
	set_number(o, "fill_ms", s->fill_ms);
	set_number(o, "target_start_ms", s->target_start_ms);
	set_number(o, "total_ms", s->total_ms);
	set_number(o, "setup_ms", s->setup_ms);
	set_number(o, "downtime_ms", s->downtime_ms);
	set_number(o, "blackout_ms", s->blackout_ms);
	set_number(o, "guest_gap_ms", s->guest_gap_ms);
	set_number(o, "brownout_ms", s->brownout_ms);
	set_number(o, "sampler_resolution_ms", s->sampler_resolution_ms);
	set_number(o, "clock_offset_us", s->clock_offset_us);
	set_number(o, "clock_offset_error_us", s->clock_offset_error_us);
	set_bytes(o, "wire_bytes", s->wire_bytes);
	set_bytes(o, "kernel_bytes", s->kernel_bytes);
	set_bytes(o, "state_bytes", s->state_bytes);
	set(o, "connections",
	    s->nr_connections ? json_integer(s->nr_connections) : json_null());
	set_integer(o, "ram_bytes", settings->ram_bytes);
	set(o, "memory", sample_memory(settings, s, result));
	set(o, "prealloc", sample_prealloc(settings, s, result));
	set(o, "rounds", json_incref(s->rounds));
	set(o, "cpu_s", cpu(s));
	set(o, "send", send_sample(s));
	set_number(o, "busy_ratio", s->compression.busy_ratio);
	set_list(o, "compression", s->compression.report);
	set_list(o, "submitter", s->compression.submitter);
	set(o, "dirty_rate", dirty_rate(s));
	set(o, "waterfall", waterfall(s));
	set(o, "tsc_ran_during_stop",
	    s->tsc_ran < 0 ? json_null() : json_boolean(s->tsc_ran));
	set(o, "timekeeping", sample_time(settings, s, result));
	set(o, "guest_lost", json_boolean(s->guest_lost));
	set(o, "two_runners", json_boolean(s->two_runners));
	set(o, "integrity", integrity(&s->integrity));
	set(o, "vcpu_state", vcpu_state(s));
	set(o, "l2", sample_l2(settings, s));
	set(o, "devices", devices(s));
	set(o, "vfio", sample_vfio(s, result));
	set(o, "vantage", vantage(settings, s, result));
	set(o, "vmm_reported",
	    s->vmm_reported ? json_incref(s->vmm_reported) : json_null());
	set(o, "prediction", predict_json(s, result));
	set(o, "sabotage", sabotage(settings, s));
	set(o, "source_after", source_after(&s->source));
	if (s->avx_left_out)
		result_warn(result, "vcpu_state leaves AVX out: the VMM's CPU "
				    "model has none (--cpu chooses another)");
	if (s->integrity.rewritten_pages)
		result_warn(result,
			    "%" PRIu64 " pages were rewritten after the "
			    "switchover before anybody looked at them: verify "
			    "inline or switchover too",
			    s->integrity.rewritten_pages);
	warn_notes(s, result);
	sample_explain_nulls(settings, s, o, result);
	return o;
}
