/* SPDX-License-Identifier: MIT */
/* From moments and counters to the figures of a sample. */
#include "drive/run_internal.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

static double ms(uint64_t from_ns, uint64_t to_ns)
{
	return ((double)to_ns - (double)from_ns) / 1e6;
}

/* NAN unless both moments are known. */
static double between(uint64_t from_ns, uint64_t to_ns)
{
	return from_ns && to_ns ? ms(from_ns, to_ns) : NAN;
}

static double rate(const struct run_mark *from, const struct run_mark *to)
{
	if (!from->ns || to->ns <= from->ns || to->steps < from->steps)
		return NAN;
	return (double)(to->steps - from->steps) * ABI_PAGE_BYTES /
	       ((double)(to->ns - from->ns) / 1e9);
}

static uint64_t moment(json_t *stats, const char *key)
{
	json_t *own = json_object_get(stats, "x-vmferry");
	json_t *at = json_object_get(own, "moments");

	return (uint64_t)json_integer_value(json_object_get(at, key));
}

static double own_number(json_t *stats, const char *key)
{
	json_t *own = json_object_get(stats, "x-vmferry");
	json_t *value = json_object_get(own, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static void take_rounds(struct run *r)
{
	static const struct {
		const char *from, *to;
		double divide;
	} keys[] = {
		{ "start-ns", "start_ms", 1e6 },
		{ "duration-ns", "duration_ms", 1e6 },
		{ "pages", "pages", 0 },
		{ "zero-pages", "zero_pages", 0 },
		{ "wire-bytes", "wire_bytes", 0 },
		{ "dirty-pages-after", "dirty_pages_after", 0 },
	};
	json_t *own = json_object_get(r->source_stats, "x-vmferry"), *round;
	size_t i, k;

	json_array_foreach (json_object_get(own, "rounds"), i, round) {
		json_t *out = json_object();

		for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			json_t *v = json_object_get(round, keys[k].from);

			json_object_set_new(
				out, keys[k].to,
				keys[k].divide
					? json_real(json_number_value(v) /
						    keys[k].divide)
					: json_integer(json_integer_value(v)));
		}
		run_compression_round(round, out);
		json_array_append_new(r->out->rounds, out);
	}
}

static json_t *number_or_null(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

static json_t *bytes_or_null(uint64_t from, uint64_t to)
{
	if (to == UINT64_MAX || to < from)
		return json_null();
	return json_integer((json_int_t)(to - from));
}

/* A VMM that lists no rounds of its own: as its events announced them. */
static void take_announced_rounds(struct run *r)
{
	uint64_t wire = isnan(r->out->wire_bytes)
				? UINT64_MAX
				: (uint64_t)r->out->wire_bytes;
	unsigned int i;

	for (i = 0; i < r->nr_rounds; i++) {
		const struct run_round *this = &r->round[i];
		bool last = i + 1 == r->nr_rounds;
		uint64_t end = last ? r->done_ns : this[1].ns;
		uint64_t sent = last ? wire : this[1].wire_bytes;

		json_array_append_new(
			r->out->rounds,
			json_pack("{s:f, s:o, s:o, s:n, s:n, s:n, s:n, s:n, "
				  "s:n}",
				  "start_ms", ms(r->begin.ns, this->ns),
				  "duration_ms",
				  number_or_null(between(this->ns, end)),
				  "wire_bytes",
				  bytes_or_null(this->wire_bytes, sent),
				  "pages", "zero_pages", "dirty_pages_after",
				  "compressed_pages", "busy_pages",
				  "busy_ratio"));
	}
}

static void take_waterfall(struct run *r)
{
	struct run_sample *o = r->out;
	uint64_t paused = moment(r->source_stats, "paused-ns");
	uint64_t ram = moment(r->source_stats, "final-ram-ns");
	uint64_t saved = moment(r->source_stats, "state-saved-ns");
	uint64_t loaded = moment(r->target_stats, "state-loaded-ns");
	uint64_t go = moment(r->target_stats, "go-ns");
	uint64_t resumed = moment(r->target_stats, "resumed-ns");
	uint64_t first = 0;
	unsigned int i;

	o->stop_ms = between(moment(r->source_stats, "pause-begin-ns"), paused);
	o->final_ram_ms = between(paused, ram);
	o->device_save_ms = between(ram, saved);
	o->device_load_ms = between(saved, loaded);
	o->resume_ms = r->hold ? NAN : between(loaded, resumed);
	for (i = 0; r->have_seen && i < r->seen.nr_vcpus; i++)
		if (r->seen.vcpu[i].first_target_ns > first)
			first = r->seen.vcpu[i].first_target_ns;
	if (r->hold)
		return;
	o->first_step_ms = between(resumed ? resumed : go, first);
	/* Made while resume() had not returned yet. */
	if (o->first_step_ms < 0)
		o->first_step_ms = 0;
}

/* Did the guest's TSC count the time of the stop? Compared with our clock over
 * the gap of the vCPU that shows it best: the one with the longest. */
static int tsc_ran(const struct run *r)
{
	uint64_t longest = 0;
	unsigned int i;
	int ran = -1;

	for (i = 0; r->have_seen && i < r->seen.nr_vcpus; i++) {
		const struct sampler_vcpu *v = &r->seen.vcpu[i];
		uint64_t gap;
		double guest_ns;

		if (!v->first_target_ns || !r->tsc_hz)
			continue;
		gap = v->first_target_ns - v->last_source_ns;
		if (gap <= longest)
			continue;
		longest = gap;
		guest_ns = (double)(int64_t)(v->target_tsc - v->source_tsc) *
			   1e9 / (double)r->tsc_hz;
		ran = guest_ns > (double)gap / 2;
	}
	return ran;
}

/* Work lost to slowness while the guest still ran on the source, as time. */
static double brownout(const struct run *r)
{
	double whole = ms(r->begin.ns, r->end.ns);
	double lost = r->out->rate_before > 0
			      ? 1 - r->out->rate_during / r->out->rate_before
			      : NAN;

	return isnan(lost) ? NAN : fmax(0, lost * whole);
}

/* Work of the VMM, not of the guest: all threads but the vCPUs' (mini: vcpuN,
 * QEMU: CPU N/KVM, CPU N/TCG). */
static double cpu_s(const struct threads *t, const uint64_t cpu_ns[2])
{
	uint64_t guest =
		threads_span_ns(t, "vcpu") + threads_span_ns(t, "CPU ");
	uint64_t all = cpu_ns[1] - cpu_ns[0];

	/* By the process's clock: a thread that ended since the last look at
	 * them is in it, which the threads' own times are not. */
	return t->nr ? (double)(all > guest ? all - guest : 0) / 1e9 : NAN;
}

/* The relay's word goes first, then the engine's own channels, then the
 * kernel's. */
static void take_wire(struct run *r)
{
	struct run_sample *o = r->out;
	struct relay_stats stats;

	o->wire_bytes = own_number(r->source_stats, "wire-bytes");
	if (r->have_wire) {
		o->kernel_bytes = (double)r->wire.bytes;
		o->nr_connections = r->wire.nr_connections;
		if (isnan(o->wire_bytes))
			o->wire_bytes = o->kernel_bytes;
	}
	if (!r->relay)
		return;
	relay_stats(r->relay, &stats);
	o->wire_bytes = (double)stats.forward.bytes;
	o->nr_connections = stats.nr_connections;
}

/* By arrival on one host; else by the hosts' own stamps, which are not late by
 * the way to us, and what is known of their clocks. */
static void take_downtime(struct run *r)
{
	struct run_sample *o = r->out;

	/* Two readers: on a busy host the later word may be seen first. */
	o->downtime_ms = r->resume_ns > r->stop_ns
				 ? between(r->stop_ns, r->resume_ns)
				 : NAN;
	if (!r->source.blind && !r->target.blind)
		return;
	if (!clock_offset_between(&r->source_clock, &r->target_clock,
				  &o->clock_offset_us,
				  &o->clock_offset_error_us)) {
		o->clock_offset_us = o->clock_offset_error_us = NAN;
		return;
	}
	if (r->stop_ns && r->resume_ns && r->stop_sent_us >= 0 &&
	    r->resume_sent_us >= 0)
		o->downtime_ms =
			(double)(clock_offset_ours_ns(&r->target_clock,
						      r->resume_sent_us) -
				 clock_offset_ours_ns(&r->source_clock,
						      r->stop_sent_us)) /
			1e6;
}

/* Pieces that begin on one host's clock and end on another's are none. */
static void drop_waterfall(struct run *r)
{
	if (r->source.blind || r->target.blind)
		r->out->device_load_ms = r->out->first_step_ms = NAN;
}

void run_figures(struct run *r)
{
	struct run_sample *o = r->out;
	uint64_t blackout, resolution;

	o->total_ms = between(r->begin.ns, r->done_ns);
	o->setup_ms = between(r->begin.ns, r->active_ns);
	take_wire(r);
	o->state_bytes = own_number(r->source_stats, "state-bytes");
	take_downtime(r);
	o->source_cpu_s = cpu_s(&r->source_threads, r->source_cpu_ns);
	o->target_cpu_s = cpu_s(&r->target_threads, r->target_cpu_ns);
	o->source_threads = r->source_threads;
	o->target_threads = r->target_threads;
	if (r->have_seen) {
		if (sampler_resolution_ns(&r->seen, &resolution))
			o->sampler_resolution_ms = (double)resolution / 1e6;
		/* Held back for a look at its RAM, the target lost time that
		 * no migration costs. */
		if (!r->hold && sampler_blackout_ns(&r->seen, &blackout))
			o->blackout_ms = (double)blackout / 1e6;
	}
	o->rate_target = (double)workload_target_bytes_per_s(&r->set->workload,
							     r->set->nr_vcpus);
	o->rate_before = rate(&r->warm, &r->begin);
	o->rate_during = rate(&r->begin, &r->end);
	o->rate_after = rate(&r->again, &r->after);
	o->brownout_ms = brownout(r);
	o->tsc_ran = tsc_ran(r);
	run_time_figures(r);
	take_rounds(r);
	if (!json_array_size(o->rounds))
		take_announced_rounds(r);
	run_compression_take(r->source_stats, r->target_stats, &o->compression);
	take_waterfall(r);
	drop_waterfall(r);
	run_vfio_figures(r);
	o->vmm_reported = json_incref(r->source_stats);
}
