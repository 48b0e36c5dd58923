/* SPDX-License-Identifier: MIT */
/* Disturbance of the host over a span: reading and comparing. */
#include "base/noise.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfile.h"

/* Below that many ticks of work a share of them is chance. */
#define MIN_TICKS 10u
#define MAX_CPUFREQ_CPUS 64u

bool noise_parse_stat(const char *text, uint64_t *ret_busy_ticks,
		      uint64_t *ret_steal_ticks)
{
	uint64_t user, nice, sys, idle, iowait, irq, softirq, steal;

	/* All CPUs' line; "cpu0" is one CPU's. */
	if (strncmp(text, "cpu ", 4) != 0 ||
	    sscanf(text,
		   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   &user, &nice, &sys, &idle, &iowait, &irq, &softirq,
		   &steal) != 8)
		return false;
	*ret_busy_ticks = user + nice + sys + irq + softirq;
	*ret_steal_ticks = steal;
	return true;
}

bool noise_parse_pressure(const char *text, uint64_t *ret_us)
{
	char line[128];
	const char *total;

	if (!procfile_field(text, "some", line, sizeof(line)))
		return false;
	total = strstr(line, "total=");
	return total && procfile_u64(total + strlen("total="), ret_us);
}

bool noise_parse_schedstat(const char *text, uint64_t *ret_wait_ns)
{
	uint64_t wait_ns;

	/* Time on a CPU, time waiting for one, number of slices. */
	if (sscanf(text, "%*u %" SCNu64 " %*u", &wait_ns) != 1)
		return false;
	*ret_wait_ns = wait_ns;
	return true;
}

bool noise_parse_loadavg(const char *text, uint64_t *ret_runnable)
{
	uint64_t runnable;
	int end = 0;

	if (sscanf(text, "%*f %*f %*f %" SCNu64 "/%n", &runnable, &end) != 1 ||
	    !end)
		return false;
	*ret_runnable = runnable;
	return true;
}

static void read_khz(struct noise_reading *r)
{
	char path[96];
	uint64_t khz;
	unsigned int i;

	for (i = 0; i < MAX_CPUFREQ_CPUS; i++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%u/cpufreq/"
			 "scaling_cur_freq",
			 i);
		if (procfile_read_u64(path, &khz) || !khz)
			return;
		if (!r->has_khz || khz < r->khz_min)
			r->khz_min = khz;
		if (!r->has_khz || khz > r->khz_max)
			r->khz_max = khz;
		r->has_khz = true;
	}
}

static void read_all(struct noise_reading *r)
{
	char text[512];

	*r = (struct noise_reading){ .at_ns = clock_now_ns() };
	r->has_stat = !procfile_read("/proc/stat", text, sizeof(text)) &&
		      noise_parse_stat(text, &r->busy_ticks, &r->steal_ticks);
	r->has_pressure =
		!procfile_read("/proc/pressure/cpu", text, sizeof(text)) &&
		noise_parse_pressure(text, &r->pressure_us);
	r->has_wait = !procfile_read("/proc/thread-self/schedstat", text,
				     sizeof(text)) &&
		      noise_parse_schedstat(text, &r->wait_ns);
	r->has_load = !procfile_read("/proc/loadavg", text, sizeof(text)) &&
		      noise_parse_loadavg(text, &r->runnable);
	read_khz(r);
}

void noise_begin(struct noise *n)
{
	long nr = sysconf(_SC_NPROCESSORS_ONLN);

	n->nr_cpus = nr > 0 ? (unsigned int)nr : 1;
	read_all(&n->begin);
}

static double steal(const struct noise_reading *a,
		    const struct noise_reading *b)
{
	uint64_t stolen = b->steal_ticks - a->steal_ticks;
	uint64_t wanted = b->busy_ticks - a->busy_ticks + stolen;

	/* Counters of a CPU that went offline can go backwards. */
	if (!a->has_stat || !b->has_stat || b->steal_ticks < a->steal_ticks ||
	    b->busy_ticks < a->busy_ticks || wanted < MIN_TICKS)
		return NAN;
	return 100.0 * (double)stolen / (double)wanted;
}

/* Share of @span_ns; the kernel's own clock may be a little ahead of ours. */
static double share(uint64_t begin_ns, uint64_t end_ns, uint64_t span_ns)
{
	if (end_ns < begin_ns || !span_ns)
		return NAN;
	if (end_ns - begin_ns > span_ns)
		return 100;
	return 100.0 * (double)(end_ns - begin_ns) / (double)span_ns;
}

static double excess(const struct noise_reading *r, unsigned int nr_cpus)
{
	if (r->runnable <= nr_cpus)
		return 0;
	return 100.0 * (double)(r->runnable - nr_cpus) / (double)r->runnable;
}

void noise_compare(const struct noise_reading *a, const struct noise_reading *b,
		   unsigned int nr_cpus, struct noise_report *ret)
{
	uint64_t span_ns = b->at_ns - a->at_ns;
	double low = (double)(a->khz_min < b->khz_min ? a : b)->khz_min;
	double high = (double)(a->khz_max > b->khz_max ? a : b)->khz_max;

	*ret = (struct noise_report){
		.span_s = (double)span_ns / 1e9,
		.steal_pct = steal(a, b),
		.run_queue_pct = NAN,
		.own_wait_pct = NAN,
		.max_gap_us = NAN,
		.frequency_span_pct = NAN,
		.grade = '?',
	};
	if (a->has_pressure && b->has_pressure) {
		ret->run_queue_pct =
			share(a->pressure_us * NSEC_PER_USEC,
			      b->pressure_us * NSEC_PER_USEC, span_ns);
	} else if (a->has_load && b->has_load) {
		ret->run_queue_pct =
			(excess(a, nr_cpus) + excess(b, nr_cpus)) / 2;
		ret->run_queue_is_load = true;
	}
	if (a->has_wait && b->has_wait)
		ret->own_wait_pct = share(a->wait_ns, b->wait_ns, span_ns);
	if (a->has_khz && b->has_khz)
		ret->frequency_span_pct = 100.0 * (high - low) / high;
}

void noise_end(const struct noise *n, struct noise_report *ret_report)
{
	struct noise_reading end;

	read_all(&end);
	noise_compare(&n->begin, &end, n->nr_cpus, ret_report);
	ret_report->grade = noise_grade(ret_report);
}

double noise_jitter(uint64_t duration_ns)
{
	uint64_t now = clock_now_ns(), end = now + duration_ns;
	uint64_t longest = 0, before;

	while (now < end) {
		before = now;
		now = clock_now_ns();
		if (now - before > longest)
			longest = now - before;
	}
	return (double)longest / (double)NSEC_PER_USEC;
}
