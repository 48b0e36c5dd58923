/* SPDX-License-Identifier: MIT */
/* What a run of an engine says, for the result. */
#include <math.h>

#include "tools/compress_memory.h"
#include "tools/compress_sample.h"

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* Handed to workers and not sent as they are for want of room. */
static double worked_pages(const struct compress_sample *s)
{
	return (double)(s->pages - s->stats.busy_pages);
}

double compress_pages_per_s(const struct compress_sample *s)
{
	return worked_pages(s) / seconds(s->elapsed_ns);
}

double compress_limit_pages_per_s(const struct compress_sample *s)
{
	return (double)s->pages / seconds(s->bare.elapsed_ns);
}

double compress_to_limit(const struct compress_sample *s)
{
	return compress_pages_per_s(s) / compress_limit_pages_per_s(s);
}

double compress_busy_ratio(const struct compress_sample *s)
{
	return (double)s->stats.busy_pages / (double)s->pages;
}

struct sums {
	uint64_t cpu_ns, idle_ns, blocked_ns, raw_pages, probed_pages;
	uint64_t voluntary, involuntary, futex;
};

static struct sums sum_workers(const struct compress_sample *s)
{
	struct sums sum = { 0 };
	unsigned int i;

	for (i = 0; i < s->stats.nr_workers; i++) {
		const struct compress_worker_stats *w = &s->stats.worker[i];

		sum.cpu_ns += w->cpu_ns;
		sum.idle_ns += w->idle_ns;
		sum.blocked_ns += w->blocked_ns;
		sum.raw_pages += w->raw_pages;
		sum.probed_pages += w->probed_pages;
		sum.voluntary += w->voluntary_switches;
		sum.involuntary += w->involuntary_switches;
		sum.futex += w->futex_calls;
	}
	return sum;
}

static double per_1000(const struct compress_sample *s, uint64_t n)
{
	return (double)n * 1000 / (double)s->pages;
}

double compress_switches(const struct compress_sample *s)
{
	return per_1000(s, sum_workers(s).voluntary + s->voluntary_switches);
}

double compress_futex_calls(const struct compress_sample *s)
{
	return per_1000(s,
			sum_workers(s).futex + s->stats.submitter_futex_calls);
}

static double per_gib(const struct compress_sample *s, uint64_t cpu_ns)
{
	return seconds(cpu_ns) * (double)(1ull << 30) /
	       ((double)s->pages * COMPRESS_MEMORY_PAGE);
}

static json_t *worker_list(const struct compress_sample *s)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < s->stats.nr_workers; i++) {
		const struct compress_worker_stats *w = &s->stats.worker[i];

		json_array_append_new(
			list, json_pack("{s:I, s:f, s:f, s:f}", "pages",
					(json_int_t)w->pages, "cpu_s",
					seconds(w->cpu_ns), "idle_s",
					seconds(w->idle_ns), "blocked_s",
					seconds(w->blocked_ns)));
	}
	return list;
}

static json_t *workers_json(const struct compress_sample *s)
{
	struct sums sum = sum_workers(s);

	return json_pack("{s:f, s:f, s:f, s:I, s:I, s:o}", "cpu_s",
			 seconds(sum.cpu_ns), "idle_s", seconds(sum.idle_ns),
			 "blocked_s", seconds(sum.blocked_ns), "raw_pages",
			 (json_int_t)sum.raw_pages, "probed_pages",
			 (json_int_t)sum.probed_pages, "each", worker_list(s));
}

static json_t *submitter_json(const struct compress_sample *s)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "cpu_s",
			 seconds(s->cpu_ns), "scan_s",
			 seconds(s->stats.scan_ns), "wait_s",
			 seconds(s->stats.wait_ns), "collect_s",
			 seconds(s->stats.collect_ns), "copy_s",
			 seconds(s->copy_ns), "send_s", seconds(s->send_ns));
}

static json_t *per_1000_json(const struct compress_sample *s)
{
	return json_pack("{s:f, s:f, s:f}", "voluntary_switches",
			 compress_switches(s), "involuntary_switches",
			 per_1000(s, sum_workers(s).involuntary +
					     s->involuntary_switches),
			 "futex_calls", compress_futex_calls(s));
}

json_t *compress_sample_json(const struct compress_sample *s)
{
	double bytes = (double)s->pages * COMPRESS_MEMORY_PAGE;
	uint64_t cpu_ns = s->cpu_ns + sum_workers(s).cpu_ns;

	return json_pack(
		"{s:s, s:i, s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, "
		"s:f, s:o, s:o, s:o}",
		"engine", compress_engine_names[s->engine], "threads",
		(int)s->threads, "bare_loops", (int)s->nr_loops, "pages",
		(json_int_t)s->pages, "elapsed_ms",
		seconds(s->elapsed_ns) * 1e3, "pages_per_s",
		compress_pages_per_s(s), "limit_pages_per_s",
		compress_limit_pages_per_s(s), "to_limit_ratio",
		compress_to_limit(s), "rate_bytes_per_s",
		compress_pages_per_s(s) * COMPRESS_MEMORY_PAGE,
		"compression_ratio", bytes / (double)s->packed_bytes,
		"busy_ratio", compress_busy_ratio(s), "cpu_s_per_gib",
		per_gib(s, cpu_ns), "bare_cpu_s_per_gib",
		per_gib(s, s->bare.cpu_ns), "workers", workers_json(s),
		"submitter", submitter_json(s), "per_1000_pages",
		per_1000_json(s));
}
