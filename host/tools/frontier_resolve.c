/* SPDX-License-Identifier: MIT */
/* What the options of `vmferry frontier` ask for: limits, variants, cells. */
#include "tools/frontier_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "tools/words.h"

/* One word of a list. Return: 0, or anything else. */
static int limit_word(const char *word, uint64_t *ret)
{
	return units_parse_time(word, ret) || !*ret || *ret % NSEC_PER_MSEC ||
	       *ret > 2000 * NSEC_PER_SEC;
}

static int bandwidth_word(const char *word, uint64_t *ret)
{
	*ret = 0;
	if (!strcmp(word, "none"))
		return 0;
	return units_parse_rate(word, ret) || !*ret || *ret > 64ull << 30;
}

static int read_list(const char *option, const char *expected, const char *text,
		     words_value read, struct frontier_values *ret,
		     struct error *err)
{
	return words_list(option, expected, text, read, ret->value,
			  FRONTIER_VALUES, &ret->nr, err);
}

static int resolve_bisect(struct frontier_settings *s, struct error *err)
{
	char *end;
	double pct = strtod(s->resolution_text, &end);

	if (end == s->resolution_text || (strcmp(end, "%") && *end) ||
	    !(pct >= 0.1 && pct <= 1000))
		return error_set(err, -EINVAL,
				 "--resolution takes 0.1%% to 1000%%, not '%s'",
				 s->resolution_text);
	if (s->rate_min > s->rate_max)
		return error_set(err, -EINVAL,
				 "--rate-min is above --rate-max");
	if (!s->need)
		s->need = s->tries / 2 + 1;
	if (s->need > s->tries)
		return error_set(err, -EINVAL,
				 "--need is more than --tries: no rate could "
				 "pass");
	s->bisect = (struct bisect_params){
		.min = s->rate_min,
		.max = s->rate_max,
		.resolution = pct / 100,
		.tries = (unsigned int)s->tries,
		.need = (unsigned int)s->need,
	};
	return 0;
}

static int make_variant(struct frontier_settings *s, const char *text,
			struct error *err)
{
	struct frontier_variant *v = &s->variant[s->nr_variants];
	size_t bytes = strcspn(text, ":"), i;
	struct error why = { "" };
	char *line;
	int rc, nr;

	if (!text[bytes] || !bytes || bytes >= sizeof(v->name))
		return error_set(err, -EINVAL,
				 "--variant takes 'NAME: OPTIONS', not '%s'",
				 text);
	snprintf(v->name, sizeof(v->name), "%.*s", (int)bytes, text);
	for (i = 0; i < s->nr_variants; i++)
		if (!strcmp(s->variant[i].name, v->name))
			return error_set(err, -EINVAL,
					 "two variants are called %s", v->name);
	v->s = s->base;
	v->options = text + bytes + 1;
	/* options_parse() takes the command's name for word 0. */
	if (asprintf(&line, "variant %s", v->options) < 0)
		return error_set(err, -ENOMEM, "no memory");
	rc = words_split(line, &v->words, &nr, &why);
	free(line);
	if (!rc) {
		s->nr_variants++;
		for (i = 1; v->words[i]; i++)
			if (!strcmp(v->words[i], "--help") ||
			    !strcmp(v->words[i], "-h"))
				rc = error_set(&why, -EINVAL, "it takes no %s",
					       v->words[i]);
	}
	if (!rc)
		rc = frontier_read_options(nr, v->words, &v->s, true, &why);
	if (rc)
		return error_set(err, rc, "--variant %s: %s", v->name,
				 why.text);
	return 0;
}

static int make_variants(struct frontier_settings *s, struct error *err)
{
	unsigned int i;
	int rc = 0;

	if (s->variants_text.nr > FRONTIER_VARIANTS)
		return error_set(err, -EINVAL,
				 "there can be at most %u variants",
				 FRONTIER_VARIANTS);
	for (i = 0; !rc && i < s->variants_text.nr; i++)
		rc = make_variant(s, s->variants_text.item[i], err);
	if (rc || s->nr_variants)
		return rc;
	s->variant[0].s = s->base;
	s->variant[0].options = "";
	snprintf(s->variant[0].name, sizeof(s->variant[0].name), "vmm");
	s->nr_variants = 1;
	return 0;
}

int frontier_resolve(const struct frontier_variant *v, uint64_t bandwidth,
		     uint64_t limit_ns, struct migrate_settings *ret_s,
		     struct run_settings *run, struct error *err)
{
	const struct workload_phase *p = &run->workload.base;
	int rc;

	*ret_s = v->s;
	*run = (struct run_settings){ .dir = NULL };
	ret_s->common.link.rate_bytes_per_s = bandwidth;
	ret_s->downtime_ns = limit_ns;
	rc = migrate_resolve(ret_s, run, err);
	if (rc)
		return rc;
	if (run->workload.nr_phases || p->nr_rates > 1 ||
	    p->rate_bytes_per_s[0])
		return error_set(err, -EINVAL,
				 "the rate is what is searched for: leave "
				 "rate= and phases= out of --workload");
	if (!strcmp(run->transport, "memfd") || !strcmp(run->transport, "file"))
		return error_set(err, -EINVAL,
				 "--transport %s has no rounds: no dirty rate "
				 "is too high for it",
				 run->transport);
	return 0;
}

void frontier_release(struct migrate_settings *s, struct run_settings *run)
{
	json_decref(run->capabilities);
	json_decref(run->parameters);
	common_exit(&s->common);
}

/* Any contradiction shows now. */
static int try_all(struct frontier_settings *s, struct error *err)
{
	struct migrate_settings resolved;
	struct error why = { "" };
	struct run_settings run;
	unsigned int i, k;
	int rc = 0;

	for (i = 0; !rc && i < s->nr_variants; i++)
		for (k = 0; !rc && k < s->bandwidths.nr; k++) {
			rc = frontier_resolve(
				&s->variant[i], s->bandwidths.value[k],
				s->limits_ns.value[0], &resolved, &run, &why);
			if (!rc && !s->variants_text.nr)
				snprintf(s->variant[i].name,
					 sizeof(s->variant[i].name), "%s",
					 machine_vmm_name(
						 &resolved.common.machine));
			frontier_release(&resolved, &run);
		}
	if (rc)
		error_set(err, rc,
			  s->variants_text.nr ? "--variant %s: %s" : "%.0s%s",
			  s->variant[i - 1].name, why.text);
	return rc;
}

int frontier_parse(int argc, char **argv, struct frontier_settings *s,
		   struct error *err)
{
	int rc = frontier_read_options(argc, argv, s, false, err);

	if (rc)
		return rc;
	rc = read_list("downtime-limits", "whole milliseconds such as 50ms",
		       s->limits_text, limit_word, &s->limits_ns, err);
	if (!rc)
		rc = read_list("bandwidths", "rates such as 100M, or none",
			       s->bandwidths_text, bandwidth_word,
			       &s->bandwidths, err);
	if (!rc)
		rc = resolve_bisect(s, err);
	if (!rc)
		rc = make_variants(s, err);
	return rc ? rc : try_all(s, err);
}

void frontier_exit(struct frontier_settings *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_variants; i++)
		words_free(s->variant[i].words);
}
