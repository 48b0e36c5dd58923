/* SPDX-License-Identifier: MIT */
/* vmferry dirty: what dirty tracking costs, without a migration. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "machine/dirty_cost.h"
#include "tools/common.h"
#include "tools/dirty_report.h"
#include "tools/interrupt.h"
#include "tools/tools.h"
#include "tools/words.h"
#include "vmm/vm.h"

#define MAX_VALUES 8u
#define MAX_CELLS 512u
#define RING_ENTRIES 65536u

struct values {
	uint64_t value[MAX_VALUES];
	unsigned int nr;
};

struct settings {
	struct common_settings common; /* first */
	const char *method_text, *page_text, *cpus_text, *dirty_text;
	uint64_t ring_entries, repeat, warmup;

	struct values methods, pages, cpus, dirty;
	struct dirty_cell cell[MAX_CELLS];
	size_t nr_cells;
};

#define AT(field) offsetof(struct settings, field)

static const char *const progresses[] = { "auto", "always", "never", NULL };

static const struct option_spec options[] = {
	{ "ram", OPTION_SIZE, AT(common.ram_bytes), "SIZE",
	  "guest memory, whole 2 MiB (default 512M)", 16ull << 20, 1ull << 40,
	  NULL },
	{ "cpus", OPTION_STRING, AT(cpus_text), "N,...",
	  "vCPUs, 1 to 16 (default 1)", 0, 0, NULL },
	{ "method", OPTION_STRING, AT(method_text), "LIST",
	  "of bitmap (reading the log protects the pages again), protect\n"
	  "(a clear of its own does), all-set (likewise; all pages begin as\n"
	  "dirty), ring (a ring for each vCPU); or all (default)",
	  0, 0, NULL },
	{ "page-size", OPTION_STRING, AT(page_text), "LIST",
	  "what backs the guest: 4K (default), thp, 2M (reserved huge pages)",
	  0, 0, NULL },
	{ "dirty", OPTION_STRING, AT(dirty_text), "PCT,...",
	  "share of the RAM that the guest dirties (default 1,10,100)", 0, 0,
	  NULL },
	{ "ring-entries", OPTION_NUMBER, AT(ring_entries), "N",
	  "of each vCPU's ring, a power of 2 (default 65536)", 1024,
	  RING_ENTRIES, NULL },
	{ "repeat", OPTION_NUMBER, AT(repeat), "N",
	  "turns of everything, interleaved (default 3)", 1, 1000, NULL },
	{ "warmup", OPTION_NUMBER, AT(warmup), "N",
	  "turns before those, not counted (default 0)", 0, 100, NULL },
	{ "json", OPTION_STRING, AT(common.json), "FILE|-",
	  "write the result there; -: to stdout, tables to stderr", 0, 0,
	  NULL },
	{ "dry-run", OPTION_FLAG, AT(common.dry_run), "",
	  "print the resolved configuration and stop", 0, 0, NULL },
	{ "progress", OPTION_CHOICE, AT(common.progress), "WHEN",
	  "status line on stderr: auto, always, never", 0, 0, progresses },
	{ .name = NULL },
};

static const struct command_help help = {
	.usage = "vmferry dirty [OPTIONS]",
	.text = "The cost sheet of KVM's dirty tracking: a guest writes as "
		"fast as it can while the\nlog is enabled, collected, cleared "
		"and disabled, and each of these is timed, and what\na page's "
		"first write costs the guest. Nothing is migrated. Exit code 1 "
		"if a page that\nwas written is missing in the log.",
	.examples = "  vmferry dirty\n"
		    "  vmferry dirty --method bitmap,ring --dirty 100 --ram 1G "
		    "--repeat 10\n"
		    "  vmferry dirty --cpus 1,2,4 --page-size 4K,thp --json "
		    "dirty.json",
};

static int choice_word(const char *const *names, const char *word,
		       uint64_t *ret)
{
	int index = options_choice(names, word);

	*ret = (uint64_t)index;
	return index < 0;
}

static int method_word(const char *word, uint64_t *ret)
{
	return choice_word(dirty_methods, word, ret);
}

static int page_word(const char *word, uint64_t *ret)
{
	return choice_word(dirty_pages, word, ret);
}

static int cpus_word(const char *word, uint64_t *ret)
{
	return units_parse_u64(word, 1, 16, ret);
}

static int pct_word(const char *word, uint64_t *ret)
{
	return units_parse_u64(word, 1, 100, ret);
}

static int read_list(const char *option, const char *expected, const char *text,
		     words_value read, struct values *ret, struct error *err)
{
	return words_list(option, expected, text, read, ret->value, MAX_VALUES,
			  &ret->nr, err);
}

static int check(const struct settings *s, struct error *err)
{
	if (s->common.ram_bytes % VM_RAM_ALIGN_BYTES)
		return error_set(err, -EINVAL,
				 "--ram must be a multiple of 2 MiB");
	if (s->ring_entries & (s->ring_entries - 1))
		return error_set(err, -EINVAL,
				 "--ring-entries must be a power of 2");
	return common_check_json(s->common.json, err);
}

static int resolve(struct settings *s, struct error *err)
{
	const char *methods = strcmp(s->method_text, "all")
				      ? s->method_text
				      : "bitmap,protect,all-set,ring";
	int rc = read_list("method", "bitmap, protect, all-set, ring or all",
			   methods, method_word, &s->methods, err);

	if (!rc)
		rc = read_list("page-size", "4K, thp or 2M", s->page_text,
			       page_word, &s->pages, err);
	if (!rc)
		rc = read_list("cpus", "1 to 16", s->cpus_text, cpus_word,
			       &s->cpus, err);
	if (!rc)
		rc = read_list("dirty", "1 to 100", s->dirty_text, pct_word,
			       &s->dirty, err);
	return rc ? rc : check(s, err);
}

/* Cells of one machine lie side by side: it is booted once for them. */
static int make_cells(struct settings *s, struct error *err)
{
	unsigned int m, p, c, d;

	for (p = 0; p < s->pages.nr; p++)
		for (c = 0; c < s->cpus.nr; c++)
			for (m = 0; m < s->methods.nr; m++)
				for (d = 0; d < s->dirty.nr; d++) {
					if (s->nr_cells == MAX_CELLS)
						return error_set(
							err, -EINVAL,
							"too many "
							"combinations");
					s->cell[s->nr_cells++] = (struct dirty_cell){
						.params = {
							.method = s->methods.value[m],
							.page = s->pages.value[p],
							.ram_bytes = s->common.ram_bytes,
							.nr_vcpus = s->cpus.value[c],
							.ring_entries = (unsigned int)s->ring_entries,
						},
						.dirty_pct = s->dirty.value[d],
						.samples = json_array(),
					};
				}
	return 0;
}

static json_t *names(const struct values *v, const char *const *name)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < v->nr; i++)
		json_array_append_new(
			list, name ? json_string(name[v->value[i]])
				   : json_integer((json_int_t)v->value[i]));
	return list;
}

static json_t *params(const struct settings *s)
{
	return json_pack(
		"{s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "ram_bytes",
		(json_int_t)s->common.ram_bytes, "cpus", names(&s->cpus, NULL),
		"method", names(&s->methods, dirty_methods), "page_size",
		names(&s->pages, dirty_pages), "dirty_pct",
		names(&s->dirty, NULL), "ring_entries",
		(json_int_t)s->ring_entries, "repeat", (json_int_t)s->repeat,
		"warmup", (json_int_t)s->warmup);
}

static void show(const struct settings *s, uint64_t turn,
		 const struct dirty_cell *c)
{
	if (common_shows_progress(&s->common))
		fprintf(stderr,
			"\r\033[Kturn %" PRIu64 " of %" PRIu64
			": %s, %s pages, %u vCPUs, %u %%",
			turn + 1, s->warmup + s->repeat,
			dirty_methods[c->params.method],
			dirty_pages[c->params.page], c->params.nr_vcpus,
			c->dirty_pct);
}

static void add(struct settings *s, struct result *result, uint64_t turn,
		struct dirty_cell *c, const struct dirty_cost_sample *sample)
{
	bool warmup = turn < s->warmup;
	json_t *o = dirty_sample(
		c, (unsigned int)(warmup ? turn : turn - s->warmup) + 1,
		sample);

	if (!warmup)
		json_array_append(c->samples, o);
	result_add_sample(result, o, warmup);
	result_add_verdict(result,
			   sample->lost_pages ? RESULT_FAIL : RESULT_PASS);
	if (sample->lost_pages)
		result_warn(result,
			    "%s, %s pages, %u vCPUs: %" PRIu64
			    " pages were written and are not in the log",
			    dirty_methods[c->params.method],
			    dirty_pages[c->params.page], c->params.nr_vcpus,
			    sample->lost_pages);
}

/* All shares that one machine is measured with. */
static int measure_machine(struct settings *s, struct result *result,
			   uint64_t turn, struct dirty_cell *first,
			   struct error *err)
{
	struct dirty_cost_sample sample;
	struct error why = { "" };
	struct dirty_cost *cost;
	unsigned int i;
	int rc = dirty_cost_create(&first->params, &cost, &why);

	for (i = 0; rc == -EOPNOTSUPP && i < s->dirty.nr; i++)
		snprintf(first[i].skipped, sizeof(first[i].skipped), "%.159s",
			 why.text);
	if (rc == -EOPNOTSUPP) {
		result_warn(result, "%s, %s pages: skipped: %s",
			    dirty_methods[first->params.method],
			    dirty_pages[first->params.page], why.text);
		return 0;
	}
	if (rc)
		return error_set(err, rc, "%s", why.text);
	for (i = 0; !rc && i < s->dirty.nr && !interrupt_pending(); i++) {
		show(s, turn, &first[i]);
		rc = dirty_cost_measure(cost, first[i].dirty_pct, &sample, err);
		if (!rc)
			add(s, result, turn, &first[i], &sample);
	}
	dirty_cost_destroy(cost);
	return rc;
}

static int measure(struct settings *s, struct result *result, struct error *err)
{
	uint64_t turn;
	size_t i;
	int rc = 0;

	for (turn = 0; turn < s->warmup + s->repeat; turn++)
		for (i = 0; !rc && i < s->nr_cells; i += s->dirty.nr)
			if (!s->cell[i].skipped[0] && !interrupt_pending())
				rc = measure_machine(s, result, turn,
						     &s->cell[i], err);
	return rc;
}

static int finish(struct settings *s, struct result *result, int rc,
		  struct error *err)
{
	json_t *cells = dirty_cells(s->cell, s->nr_cells);

	common_clear_progress(&s->common);
	if (!rc && !result_nr_samples(result) && !interrupt_pending())
		rc = error_set(err, -EOPNOTSUPP,
			       "nothing of that can be measured here: %s",
			       s->cell[0].skipped);
	if (!rc && !interrupt_pending())
		dirty_print(cells, common_out(&s->common));
	result_set_extra(result, "cells", cells);
	result_warn_null(result, "ring_full_exits",
			 "only the ring's vCPUs wait for room");
	return common_finish("dirty", &s->common, result, rc, err);
}

static int run(struct settings *s, int argc, char **argv)
{
	const struct result_params rp = { "dirty", VMFERRY_VERSION, argc,
					  argv };
	struct error err = { "" };
	struct result *result;
	int rc = result_create(&rp, &result), code;

	if (rc)
		return EXIT_BROKEN;
	result_set_params(result, params(s));
	common_note_version(&s->common, VMFERRY_VERSION);
	rc = interrupt_catch();
	if (!rc)
		rc = measure(s, result, &err);
	code = finish(s, result, rc, &err);
	result_destroy(result);
	return code;
}

int cmd_dirty(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { options, NULL };
	struct settings *s = calloc(1, sizeof(*s));
	struct error err = { "" };
	json_t *shown;
	size_t i;
	int rc, code;

	if (!s)
		return EXIT_BROKEN;
	common_init(&s->common);
	s->method_text = "all";
	s->page_text = "4K";
	s->cpus_text = "1";
	s->dirty_text = "1,10,100";
	s->ring_entries = RING_ENTRIES;
	s->repeat = 3;
	rc = options_parse(argc, argv, &help, tables, s, &err);
	if (rc > 0) {
		free(s);
		return EXIT_DONE;
	}
	if (!rc)
		rc = resolve(s, &err);
	if (!rc)
		rc = make_cells(s, &err);
	if (rc) {
		code = tools_fail("dirty", EXIT_USAGE, &err);
	} else if (s->common.dry_run) {
		shown = params(s);
		json_dumpf(shown, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(shown);
		code = EXIT_DONE;
	} else {
		code = run(s, argc, argv);
	}
	for (i = 0; i < s->nr_cells; i++)
		json_decref(s->cell[i].samples);
	common_exit(&s->common);
	free(s);
	return code;
}
