/* SPDX-License-Identifier: MIT */
/* Variants side by side: `summary_by_variant` and `difference`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/paired.h"
#include "report/result_priv.h"
#include "report/stats.h"

static json_t *samples_of(json_t *samples, const char *variant)
{
	json_t *list = json_array(), *sample;
	const char *name;
	size_t i;

	json_array_foreach (samples, i, sample) {
		name = json_string_value(json_object_get(sample, "variant"));
		if (name && !strcmp(name, variant))
			json_array_append(list, sample);
	}
	return list;
}

/* Which sample of the other variant this one is to be compared with. */
static void pair_key(const json_t *sample, char *key, size_t room)
{
	snprintf(key, room, "%lld/%lld",
		 (long long)json_integer_value(
			 json_object_get(sample, "repeat")),
		 (long long)json_integer_value(json_object_get(sample, "hop")));
}

static json_t *by_key(json_t *samples)
{
	json_t *map = json_object(), *sample;
	char key[64];
	size_t i;

	json_array_foreach (samples, i, sample) {
		if (json_is_true(json_object_get(sample, "warmup")))
			continue;
		pair_key(sample, key, sizeof(key));
		json_object_set(map, key, sample);
	}
	return map;
}

/* The pairs in which both sides have a number. */
static size_t collect_pairs(json_t *samples_a, json_t *samples_b,
			    const char *figure, double *a, double *b)
{
	const json_t *x, *y;
	const char *key;
	json_t *sample;
	size_t nr = 0;

	json_object_foreach (samples_b, key, sample) {
		x = summary_figure(json_object_get(samples_a, key), figure);
		y = summary_figure(sample, figure);
		if (!json_is_number(x) || !json_is_number(y))
			continue;
		a[nr] = json_number_value(x);
		b[nr++] = json_number_value(y);
	}
	return nr;
}

static double median(double *values, size_t nr)
{
	struct stats stats = { .n = 0 };

	stats_compute(values, nr, &stats);
	return stats.median;
}

/* @a, @b: @nr pairs, at least one; spoilt. */
static json_t *describe(double *a, double *b, double *difference, size_t nr)
{
	struct paired p;
	json_t *o;
	size_t i;

	for (i = 0; i < nr; i++)
		difference[i] = b[i] - a[i];
	if (!nr || paired_compute(difference, nr, &p))
		return json_pack("{s:i, s:n, s:n, s:n, s:n, s:n}", "n", 0,
				 "a_median", "b_median", "median", "ci95_low",
				 "ci95_high");
	o = json_pack("{s:I, s:o, s:o, s:o}", "n", (json_int_t)nr, "a_median",
		      result_number(median(a, nr)), "b_median",
		      result_number(median(b, nr)), "median",
		      result_number(p.median));
	json_object_set_new(o, "ci95_low",
			    p.has_interval ? result_number(p.low)
					   : json_null());
	json_object_set_new(o, "ci95_high",
			    p.has_interval ? result_number(p.high)
					   : json_null());
	return o;
}

static json_t *differences(json_t *samples_a, json_t *samples_b,
			   const char *const *figures, size_t nr_figures)
{
	size_t room = json_array_size(samples_b) + 1, i, nr;
	double *values = calloc(3 * room, sizeof(*values));
	json_t *a = by_key(samples_a), *b = by_key(samples_b);
	json_t *o = json_object();

	for (i = 0; values && i < nr_figures; i++) {
		nr = collect_pairs(a, b, figures[i], values, values + room);
		json_object_set_new(
			o, figures[i],
			describe(values, values + room, values + 2 * room, nr));
	}
	free(values);
	json_decref(a);
	json_decref(b);
	return json_pack("{s:s, s:s, s:o}", "of", "b - a", "method",
			 PAIRED_METHOD, "figures", o);
}

int difference_add(json_t *document, json_t *samples,
		   const char *const *figures, size_t nr_figures)
{
	json_t *a = samples_of(samples, "a"), *b = samples_of(samples, "b");
	json_t *both = json_pack("{s:o, s:o}", "a",
				 summary_create(a, figures, nr_figures), "b",
				 summary_create(b, figures, nr_figures));
	int rc;

	rc = json_object_set_new(document, "summary_by_variant", both);
	if (!rc)
		rc = json_object_set_new(
			document, "difference",
			differences(a, b, figures, nr_figures));
	json_decref(a);
	json_decref(b);
	return rc;
}
