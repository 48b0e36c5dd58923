/* SPDX-License-Identifier: MIT */
/* The options of `vmferry frontier`: ours, and those of migrate that fit. */
#include "tools/frontier_options.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"

#define AT(field) offsetof(struct frontier_settings, field)
#define OPTIONS_ROOM 128u

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
		assert(nr + 1 < OPTIONS_ROOM);
		to[nr++] = *from;
	}
	to[nr] = (struct option_spec){ .name = NULL };
	return nr;
}

int frontier_read_options(int argc, char **argv, void *settings, bool variant,
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
