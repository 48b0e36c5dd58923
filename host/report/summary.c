/* SPDX-License-Identifier: MIT */
/* `summary`: the statistics of each figure over the samples. */
#include <stdlib.h>
#include <string.h>

#include "report/result_priv.h"
#include "report/stats.h"

/* sample["a"]["b"] for "a.b". */
const json_t *summary_figure(const json_t *sample, const char *dotted)
{
	const char *dot;

	while ((dot = strchr(dotted, '.'))) {
		sample = json_object_getn(sample, dotted,
					  (size_t)(dot - dotted));
		dotted = dot + 1;
	}
	return json_object_get(sample, dotted);
}

static size_t collect(const json_t *samples, const char *figure, double *values)
{
	const json_t *sample, *value;
	size_t i, nr = 0;

	json_array_foreach (samples, i, sample) {
		if (json_is_true(json_object_get(sample, "warmup")))
			continue;
		value = summary_figure(sample, figure);
		if (json_is_number(value))
			values[nr++] = json_number_value(value);
	}
	return nr;
}

static json_t *describe(const struct stats *s)
{
	if (!s->n)
		return json_pack("{s:i, s:n, s:n, s:n, s:n, s:n, s:n}", "n", 0,
				 "min", "median", "mean", "stddev", "p99",
				 "max");
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "n",
			 (json_int_t)s->n, "min", result_number(s->min),
			 "median", result_number(s->median), "mean",
			 result_number(s->mean), "stddev",
			 result_number(s->stddev), "p99", result_number(s->p99),
			 "max", result_number(s->max));
}

json_t *summary_create(json_t *samples, const char *const *figures, size_t nr)
{
	double *values = calloc(json_array_size(samples) + 1, sizeof(*values));
	json_t *summary = json_object();
	struct stats stats;
	bool good = values && summary;
	size_t i, n;

	for (i = 0; good && i < nr; i++) {
		n = collect(samples, figures[i], values);
		/* JSON knows only finite numbers: this cannot fail. */
		stats_compute(values, n, &stats);
		good = !json_object_set_new(summary, figures[i],
					    describe(&stats));
	}
	free(values);
	if (good)
		return summary;
	json_decref(summary);
	return NULL;
}

json_t *result_statistics(json_t *samples, const char *const *names, size_t nr)
{
	return summary_create(samples, names, nr);
}
