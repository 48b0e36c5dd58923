/* SPDX-License-Identifier: MIT */
/* Why a figure of a sample is null. */
#include <math.h>
#include <string.h>

#include "tools/sample_json.h"
#include "tools/sample_l2.h"

/* The value of a dotted key. */
static json_t *at(json_t *object, const char *key)
{
	const char *dot = strchr(key, '.');

	return dot ? at(json_object_getn(object, key, (size_t)(dot - key)),
			dot + 1)
		   : json_object_get(object, key);
}

enum why_more {
	WHY_HELD = 1, /* or: the target was held back */
	WHY_ALWAYS = 2, /* whether the migration completed or not */
	WHY_STEPS = 4, /* or: an idle guest makes none (--idle) */
	WHY_WIRE = 8, /* or: what the kernel's counts lack */
	WHY_FAR = 16, /* or: memory or threads of one cannot be seen */
	WHY_SOURCE = 32, /* or: those of the source */
	WHY_TARGET = 64, /* or: those of the target */
};

struct why {
	const char *key, *reason;
	unsigned int more;
};

static const struct why reasons[] = {
	{ "total_ms", "the source never said that it had completed", 0 },
	{ "setup_ms", "the source never said that it was active", 0 },
	{ "downtime_ms", "no STOP or no RESUME came, or they came out of order",
	  WHY_HELD },
	{ "blackout_ms", "the workload made no step on both sides",
	  WHY_HELD | WHY_STEPS | WHY_FAR },
	{ "guest_gap_ms",
	  "the guest's log of its longest gaps does not list this one: others "
	  "were longer",
	  WHY_HELD | WHY_STEPS | WHY_FAR },
	{ "brownout_ms", "there was no rate before to compare with",
	  WHY_SOURCE },
	{ "sampler_resolution_ms", "no progress was seen on both sides",
	  WHY_FAR },
	{ "wire_bytes", "no relay, no VMM and no kernel counted them",
	  WHY_ALWAYS | WHY_WIRE },
	{ "kernel_bytes", "the migration did not begin",
	  WHY_ALWAYS | WHY_WIRE },
	{ "state_bytes", "this VMM does not say", WHY_ALWAYS },
	{ "connections", "neither a relay nor the kernel counted them",
	  WHY_ALWAYS },
	{ "waterfall.stop_ms", "this source does not give the moment", 0 },
	{ "waterfall.final_ram_ms", "this source does not give the moment", 0 },
	{ "waterfall.device_save_ms", "this source does not give the moment",
	  0 },
	{ "waterfall.device_load_ms", "this VMM does not give the moment",
	  WHY_FAR },
	{ "waterfall.resume_ms", "this target does not give the moment",
	  WHY_HELD },
	{ "dirty_rate.before_bytes_per_s", "there was no warm-up",
	  WHY_ALWAYS | WHY_SOURCE },
	{ "dirty_rate.during_bytes_per_s", "nothing was measured", WHY_SOURCE },
	{ "dirty_rate.after_bytes_per_s", "nothing was measured", WHY_TARGET },
	{ "cpu_s.source", "its threads could not be seen",
	  WHY_ALWAYS | WHY_SOURCE },
	{ "cpu_s.target", "its threads could not be seen",
	  WHY_ALWAYS | WHY_TARGET },
	{ "send", "no pages left the source, or it does not say how",
	  WHY_ALWAYS },
	{ "send.source_cpu_s_per_gib", "its threads could not be seen",
	  WHY_ALWAYS | WHY_SOURCE },
	{ "tsc_ran_during_stop", "the workload made no step on both sides",
	  WHY_STEPS | WHY_FAR },
	{ "clock_offset_us", "one of the two hosts does not tell its time",
	  WHY_ALWAYS },
	{ "clock_offset_error_us",
	  "one of the two hosts does not tell its time", WHY_ALWAYS },
	{ "vmm_reported", "the source said nothing", WHY_ALWAYS },
};

static const char *reason(const struct why *why, const struct run_sample *s,
			  bool held, bool idle)
{
	if (s->source_blind[0] && why->more & (WHY_FAR | WHY_SOURCE))
		return "the source's memory and threads cannot be seen";
	if (s->target_blind[0] && why->more & (WHY_FAR | WHY_TARGET))
		return "the target's memory and threads cannot be seen";
	if ((why->more & WHY_WIRE) && s->wire_reason[0])
		return s->wire_reason;
	if (why->more & WHY_ALWAYS)
		return why->reason;
	if (!s->completed)
		return "the migration did not complete";
	if (idle && (why->more & WHY_STEPS))
		return "the workload was stopped before the migration";
	if (held && (why->more & WHY_HELD))
		return "the target was held back for a look at its memory";
	return why->reason;
}

static void explain_rounds(json_t *rounds, struct result *result)
{
	static const char silent[] =
		"this VMM announces a round and does not say what was in it";
	static const struct why keys[] = {
		{ "rounds.duration_ms",
		  "the migration failed in this round, and none followed", 0 },
		{ "rounds.pages", silent, 0 },
		{ "rounds.zero_pages", silent, 0 },
		{ "rounds.wire_bytes", "see wire_bytes", 0 },
		{ "rounds.dirty_pages_after", silent, 0 },
		{ "rounds.compressed_pages", silent, 0 },
		{ "rounds.busy_pages", silent, 0 },
		{ "rounds.busy_ratio", "no page was to be compressed in it",
		  0 },
	};
	json_t *round;
	size_t i, k;

	json_array_foreach (rounds, i, round)
		for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			if (json_is_null(json_object_get(
				    round, strchr(keys[k].key, '.') + 1)))
				result_warn_null(result, keys[k].key,
						 keys[k].reason);
}

static void explain_compression(json_t *o, bool qemu, struct result *result)
{
	static const struct {
		const char *key, *qemu, *mini;
	} keys[] = {
		{ "busy_ratio", "see vmm_reported.compression",
		  "nothing was compressed" },
		{ "compression", "see vmm_reported.compression",
		  "nothing was compressed" },
		{ "compression.codec_ratio", "",
		  "no page became smaller by it" },
		{ "compression.wire_ratio", "", "no round was sent" },
		{ "compression.decompress", "",
		  "the target was gone before it could be asked" },
		{ "submitter", "this VMM does not say",
		  "the migration did not begin" },
		{ "cpu_s.compress", "see cpu_s.source_threads",
		  "nothing was compressed" },
		{ "cpu_s.decompress", "see cpu_s.target_threads",
		  "nothing was compressed" },
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_is_null(at(o, keys[i].key)))
			result_warn_null(result, keys[i].key,
					 qemu ? keys[i].qemu : keys[i].mini);
}

static void explain_attached(const struct run_settings *set_,
			     struct result *result)
{
	result_warn_null(result, "boot_ready_ms",
			 "the machines were attached to, not booted");
	result_warn_null(result, "target_start_ms",
			 "the machines were attached to, not booted");
	if (set_->attach.keep)
		result_warn_null(result, "fill_ms",
				 "the guest's workload ran already");
}

/* The keys whose reason is more than a row of the table. */
static void explain_special(const struct run_settings *set_,
			    const struct run_sample *s, bool held, json_t *o,
			    struct result *result)
{
	const struct why step = {
		.key = "waterfall.first_step_ms",
		.reason = isnan(s->blackout_ms)
				  ? "the workload made no step on the target"
				  : "this target does not give the moment in "
				    "which it started its vCPUs",
		.more = WHY_HELD | WHY_STEPS | WHY_FAR,
	};
	const struct why coverage = {
		.reason = "the host took no look: see --verify",
		.more = WHY_TARGET,
	};
	bool qemu = set_->kind == DRIVE_QEMU;

	if (json_is_null(at(o, step.key)))
		result_warn_null(result, step.key,
				 reason(&step, s, held, set_->idle));
	if (!workload_target_bytes_per_s(&set_->workload, set_->nr_vcpus))
		result_warn_null(result, "dirty_rate.target_bytes_per_s",
				 "rate=0 is as fast as it goes");
	explain_compression(o, qemu, result);
	if (!s->prediction)
		result_warn_null(result, "prediction",
				 set_->predict.measure
					 ? "it did not come to watch the guest"
					 : "nobody asked: --predict");
	if (set_->attach.source_qmp)
		explain_attached(set_, result);
	else if (isnan(s->target_start_ms))
		result_warn_null(result, "target_start_ms",
				 "the target did not come to wait for the "
				 "source");
	explain_rounds(s->rounds, result);
	sample_l2_explain(set_, s, result);
	if (s->source.checked && isnan(s->source.integrity.coverage_pct))
		result_warn_null(result, "source_after.integrity.coverage_pct",
				 s->source_blind[0]
					 ? "its memory cannot be seen"
					 : "the source had handed over: it "
					   "stands still, and nobody looks at "
					   "its memory");
	if (isnan(s->integrity.coverage_pct))
		result_warn_null(result, "integrity.coverage_pct",
				 reason(&coverage, s, false, false));
}

/* Of several reasons the first that applies. */
void sample_explain_nulls(const struct run_settings *set_,
			  const struct run_sample *s, json_t *o,
			  struct result *result)
{
	/* Damage by the engine itself (skip-dirty) needs no look. */
	bool held = (set_->verify & RUN_VERIFY_SWITCHOVER) ||
		    (set_->sabotage.count &&
		     !sabotage_is_inside(set_->sabotage.kind));
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (json_is_null(at(o, reasons[i].key)))
			result_warn_null(
				result, reasons[i].key,
				reason(&reasons[i], s, held, set_->idle));
	explain_special(set_, s, held, o, result);
}
