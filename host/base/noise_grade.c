/* SPDX-License-Identifier: MIT */
/* The grade of a disturbance: the table of noise.h. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "base/noise.h"

#define NR_BOUNDS 5u /* A to E; above the last: F */

static const struct {
	const char *name, *unit;
	size_t offset;
	double most[NR_BOUNDS];
} figures[] = {
	{ "steal",
	  "%",
	  offsetof(struct noise_report, steal_pct),
	  { 0.1, 0.5, 2, 5, 15 } },
	{ "run queue",
	  "%",
	  offsetof(struct noise_report, run_queue_pct),
	  { 5, 15, 30, 50, 80 } },
	{ "waiting for a CPU",
	  "%",
	  offsetof(struct noise_report, own_wait_pct),
	  { 0.5, 2, 5, 15, 40 } },
	{ "longest gap",
	  "us",
	  offsetof(struct noise_report, max_gap_us),
	  { 50, 200, 1000, 5000, 20000 } },
	{ "frequency span",
	  "%",
	  offsetof(struct noise_report, frequency_span_pct),
	  { 5, 20, INFINITY, INFINITY, INFINITY } },
};

#define NR_FIGURES (sizeof(figures) / sizeof(figures[0]))

static double value_of(const struct noise_report *report, size_t i)
{
	return *(const double *)((const char *)report + figures[i].offset);
}

/* '?' sorts before 'A': what is not known never is the worst. */
static char grade_of(const struct noise_report *report, size_t i)
{
	double value = value_of(report, i);
	unsigned int k = 0;

	if (isnan(value))
		return '?';
	while (k < NR_BOUNDS && value > figures[i].most[k])
		k++;
	return (char)('A' + k);
}

static size_t worst(const struct noise_report *report)
{
	size_t i, at = 0;

	for (i = 1; i < NR_FIGURES; i++)
		if (grade_of(report, i) > grade_of(report, at))
			at = i;
	return at;
}

char noise_grade(const struct noise_report *report)
{
	return grade_of(report, worst(report));
}

const char *noise_reason(const struct noise_report *report, char *text)
{
	size_t i = worst(report);

	if (grade_of(report, i) == '?')
		snprintf(text, NOISE_TEXT_BYTES, "nothing is known");
	else
		snprintf(text, NOISE_TEXT_BYTES, "%s %.*f %s", figures[i].name,
			 value_of(report, i) < 10 ? 2 : 0, value_of(report, i),
			 figures[i].unit);
	return text;
}
