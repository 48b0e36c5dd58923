/* SPDX-License-Identifier: MIT */
/*
 * How disturbed a host was while something was measured: by its hypervisor, by
 * other processes, by changing clock rates.
 *
 * A figure that could not be taken is NAN and is not graded.
 *
 * Each figure has a grade, and the worst is the grade of all. Upper bounds:
 *
 *                           A     B     C     D      E    F: above
 *   steal_pct             0.1   0.5     2     5     15
 *   run_queue_pct           5    15    30    50     80
 *   own_wait_pct          0.5     2     5    15     40
 *   max_gap_us             50   200  1000  5000  20000
 *   frequency_span_pct      5    20   all   (idle CPUs slow down: no alarm)
 *
 * With A and B repetitions agree within a few per cent; from D on a single one
 * says nothing about times of some milliseconds.
 */
#ifndef VMFERRY_BASE_NOISE_H
#define VMFERRY_BASE_NOISE_H

#include <stdbool.h>
#include <stdint.h>

/* What the kernel had counted at one moment. */
struct noise_reading {
	uint64_t at_ns;
	bool has_stat, has_pressure, has_wait, has_load, has_khz;
	/* Clock ticks of all CPUs: doing work; wanting to, but stolen. */
	uint64_t busy_ticks, steal_ticks;
	/* Time in which some task waited for a CPU (PSI "some"). */
	uint64_t pressure_us;
	uint64_t wait_ns; /* in which the calling thread waited for one */
	uint64_t runnable; /* tasks, at this moment */
	uint64_t khz_min, khz_max; /* over the CPUs, at this moment */
};

/* A measurement of noise that is under way. */
struct noise {
	struct noise_reading begin;
	unsigned int nr_cpus;
};

struct noise_report {
	double span_s;
	/* Stolen by the hypervisor above, of the time that CPUs had work. */
	double steal_pct;
	/*
	 * Of the span, some task waited for a CPU; vmferry's own count too.
	 * Without PSI: runnable tasks in excess of CPUs, of all runnable ones,
	 * mean of both ends.
	 */
	double run_queue_pct;
	bool run_queue_is_load; /* the latter */
	double own_wait_pct; /* of the span, the calling thread waited */
	double max_gap_us; /* of noise_jitter(); NAN: it did not run */
	/* Slowest against fastest clock of any CPU at both ends. */
	double frequency_span_pct;
	char grade; /* 'A' to 'F'; '?' if nothing is known */
};

/* From here on. Costs four small files of /proc, and cpufreq's. */
void noise_begin(struct noise *n);
/* Until here; the same thread. May be called more than once. */
void noise_end(const struct noise *n, struct noise_report *ret_report);

/**
 * noise_jitter() - spin for @duration_ns; the longest hole in it.
 *
 * A loop that reads the clock sees every interruption of its CPU: interrupts,
 * other tasks, the hypervisor. Return: microseconds.
 */
double noise_jitter(uint64_t duration_ns);

/* The worst of the figures, by the table above. Pure. */
char noise_grade(const struct noise_report *report);

/* Which figure that was, as a person reads it: "steal 3.2 %"; 64 bytes. */
#define NOISE_TEXT_BYTES 64u
const char *noise_reason(const struct noise_report *report, char *text);

/* Pure: what lies between two readings, without its grade. */
void noise_compare(const struct noise_reading *begin,
		   const struct noise_reading *end, unsigned int nr_cpus,
		   struct noise_report *ret_report);

/*
 * Pure: fields of one file's text, untouched and false if it is not like that.
 * Source: proc(5); Documentation/accounting/psi.rst;
 * Documentation/scheduler/sched-stats.rst.
 */
bool noise_parse_stat(const char *text, uint64_t *ret_busy_ticks,
		      uint64_t *ret_steal_ticks);
bool noise_parse_pressure(const char *text, uint64_t *ret_us);
bool noise_parse_schedstat(const char *text, uint64_t *ret_wait_ns);
bool noise_parse_loadavg(const char *text, uint64_t *ret_runnable);

#endif
