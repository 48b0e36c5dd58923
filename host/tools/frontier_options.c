/* SPDX-License-Identifier: MIT */
/* The options of `vmferry frontier`, and the cells that they ask for. */
#include "tools/frontier_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "report/result.h"
#include "tools/words.h"

#define AT(field) offsetof(struct frontier_settings, field)
#define OPTIONS_ROOM 40u

const char *const frontier_figures[] = { "downtime", "blackout", NULL };

static const struct option_spec frontier_options[] = {
	{ "variant", OPTION_LIST, AT(variants_text), "'NAME: OPTIONS'",
	  "a row of the table: the options above, and these on top; may be\n"
	  "given again and again",
	  0, 0, NULL },
	{ "downtime-limits", OPTION_STRING, AT(limits_text), "TIME,...",
	  "limits to be met, told to the VMM too (default 50ms,300ms)", 0, 0,
	  NULL },
	{ "bandwidths", OPTION_STRING, AT(bandwidths_text), "RATE,...",
	  "what the relay lets through, bytes/s; none = no limit\n"
	  "(default none)",
	  0, 0, NULL },
	{ "rate-min", OPTION_RATE, AT(rate_min), "RATE",
	  "lowest dirty rate, bytes/s (default 1M)", 4096, 1ull << 40, NULL },
	{ "rate-max", OPTION_RATE, AT(rate_max), "RATE", "highest (default 1G)",
	  4096, 1ull << 40, NULL },
	{ "resolution", OPTION_STRING, AT(resolution_text), "PCT%",
	  "how far apart the highest rate that meets the limit and the\n"
	  "lowest that misses it may stay (default 10%)",
	  0, 0, NULL },
	{ "tries", OPTION_NUMBER, AT(tries), "N",
	  "migrations at a rate, at most (default 3)", 1, 99, NULL },
	{ "need", OPTION_NUMBER, AT(need), "N",
	  "of which so many must meet the limit (default: most of them)", 1, 99,
	  NULL },
	{ "figure", OPTION_CHOICE, AT(figure), "WHICH",
	  "what the limit is held against: downtime (default), blackout", 0, 0,
	  frontier_figures },
	{ "tolerance", OPTION_NUMBER, AT(tolerance_pct), "PCT",
	  "so much longer, in per cent, still meets it (default 0)", 0, 1000,
	  NULL },
	{ "before", OPTION_TIME, AT(base.before_ns), "TIME",
	  "workload before each migration (default 500ms)", 0, 0, NULL },
	{ "after", OPTION_TIME, AT(base.after_ns), "TIME",
	  "workload after it (default 200ms)", 0, 0, NULL },
	{ "timeout", OPTION_TIME, AT(base.timeout_ns), "TIME",
	  "a migration that takes longer misses (default 20s)", NSEC_PER_MSEC,
	  0, NULL },
	{ "verify", OPTION_STRING, AT(base.verify_text), "LIST",
	  "as of migrate (default inline)", 0, 0, NULL },
	{ .name = NULL },
};

/* Of migrate's, those that are ours here, or that make no sense. */
static const char *const left_out[] = {
	"downtime-limit", "before",   "after",	 "timeout",  "verify",
	"idle",		  "snapshot", "fault",	 "seed",     "repeat",
	"hops",		  "for",      "ab",	 "bundle",   "link-rate",
	"link-cut",	  "json",     "dry-run", "progress", "link-stall",
	"link-cut-round",
};

/* The command's own, not a variant's. */
static const char *const whole[] = { "json", "dry-run", "progress" };

static const struct command_help help = {
	.usage = "vmferry frontier [OPTIONS]",
	.text = "The largest dirty rate that still meets a downtime limit, for "
		"each limit, bandwidth\nand variant: by bisection between "
		"--rate-min and --rate-max, each point a few whole\nmigrations "
		"with fresh machines. A migration meets the limit when it "
		"completes within\n--timeout, arrives whole, and its measured "
		"downtime is not longer. Exit code 1 only\nif a migration "
		"went wrong: a lost byte, a lost guest.",
	.examples =
		"  vmferry frontier --ram 256M --downtime-limits 50ms,300ms "
		"--bandwidths 100M,none\n"
		"  vmferry frontier --bandwidths 100M --variant 'mini:' "
		"--variant 'qemu: --vmm qemu' \\\n"
		"	--variant 'xbzrle: --vmm qemu --qemu-capability "
		"xbzrle=on' --json frontier.json\n"
		"  vmferry frontier --workload "
		"pattern=hotcold,wss=128M,content=r:4 --tries 5 --need 5",
};

static bool is_in(const char *const *names, size_t nr, const char *name)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static size_t copy(const struct option_spec *from, struct option_spec *to,
		   size_t nr, bool variant)
{
	bool ours;

	for (; from->name; from++) {
		ours = is_in(whole, sizeof(whole) / sizeof(*whole), from->name);
		if (ours ? variant
			 : is_in(left_out, sizeof(left_out) / sizeof(*left_out),
				 from->name))
			continue;
		if (nr + 1 < OPTIONS_ROOM)
			to[nr++] = *from;
	}
	to[nr] = (struct option_spec){ .name = NULL };
	return nr;
}

static int parse(int argc, char **argv, void *settings, bool variant,
		 struct error *err)
{
	struct option_spec shared[OPTIONS_ROOM];
	const struct option_spec *const tables[] = {
		shared, variant ? NULL : frontier_options, NULL
	};
	size_t nr = copy(machine_options, shared, 0, variant);

	nr = copy(common_options, shared, nr, variant);
	nr = copy(migrate_options, shared, nr, variant);
	copy(link_options, shared, nr, variant);
	return options_parse(argc, argv, &help, tables, settings, err);
}

void frontier_defaults(struct frontier_settings *s)
{
	migrate_defaults(&s->base);
	s->base.before_ns = 500 * NSEC_PER_MSEC;
	s->base.after_ns = 200 * NSEC_PER_MSEC;
	s->base.timeout_ns = 20 * NSEC_PER_SEC;
	s->base.verify_text = "inline";
	s->limits_text = "50ms,300ms";
	s->bandwidths_text = "none";
	s->resolution_text = "10%";
	s->rate_min = 1ull << 20;
	s->rate_max = 1ull << 30;
	s->tries = 3;
}

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
		     int (*read)(const char *word, uint64_t *ret),
		     struct frontier_values *ret, struct error *err)
{
	char word[32];
	uint64_t value;
	size_t bytes;

	ret->nr = 0;
	do {
		bytes = strcspn(text, ",");
		snprintf(word, sizeof(word), "%.*s", (int)bytes, text);
		if (bytes >= sizeof(word) || read(word, &value))
			return error_set(err, -EINVAL,
					 "--%s takes %s, not '%.*s'", option,
					 expected, (int)bytes, text);
		if (ret->nr == FRONTIER_VALUES)
			return error_set(err, -EINVAL,
					 "--%s takes at most %u values", option,
					 FRONTIER_VALUES);
		ret->value[ret->nr++] = value;
		text += bytes;
	} while (*text++);
	return 0;
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
		rc = parse(nr, v->words, &v->s, true, &why);
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
	int rc = parse(argc, argv, s, false, err);

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
