/* SPDX-License-Identifier: MIT */
/* Machines with and without preallocation: started, and migrated into. */
#include "tools/prealloc_vmm.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "drive/rundir.h"
#include "tools/interrupt.h"
#include "tools/migrate_judge.h"
#include "tools/migrate_options.h"
#include "tools/words.h"

#define LINE_BYTES 4400

static void add(struct prealloc_machines *c, const char *vmm, const char *way,
		unsigned int nr_threads)
{
	if (c->nr < PREALLOC_MACHINES)
		c->machine[c->nr++] = (struct prealloc_machine){
			.vmm = vmm,
			.way = way,
			.nr_threads = nr_threads,
		};
}

/* One thread and as many as are best here, or those that were named. */
static void add_vmm(struct prealloc_machines *c, const char *vmm)
{
	unsigned int nr = c->set->threads;

	add(c, vmm, "off", 0);
	if (nr > 1 && !strcmp(c->set->threads_text, "auto"))
		add(c, vmm, "on", 1);
	add(c, vmm, "on", nr);
	if (!strcmp(vmm, "mini"))
		add(c, vmm, "async", nr);
}

/* An idle guest, as those who proposed threads had it: a quarter of its memory
 * was filled. QEMU has no RAM of 4K pages: thp for both. */
static void write_line(const struct prealloc_settings *s,
		       const struct prealloc_machine *m, char *line)
{
	char threads[48] = "";

	if (m->nr_threads)
		snprintf(threads, sizeof(threads), "--prealloc-threads %u",
			 m->nr_threads);
	snprintf(line, LINE_BYTES,
		 "migrate --vmm %s --ram %llu --backing '%s%s%s' --page-size "
		 "%llu --prealloc %s %s --workload wss=%llu --idle --before 0 "
		 "--after 500ms --verify after --progress never",
		 m->vmm, (unsigned long long)s->ram_bytes,
		 backing_names[s->backing], s->path ? ":" : "",
		 s->path ? s->path : "", (unsigned long long)s->page_bytes,
		 m->way, threads,
		 (unsigned long long)(s->ram_bytes / 4 & ~(uint64_t)4095));
}

static bool on_hop(void *ctx, const struct run_hop *hop)
{
	struct prealloc_machines *c = ctx;
	struct prealloc_machine *m = &c->machine[c->which];
	const struct run_sample *s = hop->sample;

	if (hop->rc || interrupt_pending())
		return false;
	result_add_verdict(c->result, migrate_judge(hop->set, s, c->result));
	snprintf(m->version, sizeof(m->version), "%s", s->vmm_version);
	m->run[m->nr++] = (struct prealloc_machine_run){
		.start_ms = s->boot_ready_ms,
		.target_start_ms = s->target_start_ms,
		.total_ms = s->completed ? s->total_ms : NAN,
		.background_ms = !strcmp(m->way, "async") && s->prealloc.done
					 ? s->prealloc.ms
					 : NAN,
		.warmup = c->warmup,
	};
	return false;
}

static void on_child(void *ctx, unsigned int slot, pid_t pid)
{
	interrupt_child(slot, pid);
}

static int migrate(struct prealloc_machines *c, struct migrate_settings *s,
		   struct error *err)
{
	const struct run_hops hops = { .nr = 1, .done = on_hop, .ctx = c };
	struct run_settings run = { .dir = NULL };
	char dir[RUNDIR_BYTES] = "", kernel[PATH_MAX];
	int rc = migrate_resolve(s, &run, err);

	if (!rc)
		rc = rundir_create(dir, err);
	if (!rc)
		rc = common_kernel(&s->common, dir, kernel, &run.kernel, err);
	run.dir = dir;
	run.child = on_child;
	if (!rc)
		rc = run_hops(&run, &hops, err);
	rundir_remove(dir);
	json_decref(run.capabilities);
	json_decref(run.parameters);
	common_exit(&s->common);
	return rc;
}

static int run_one(struct prealloc_machines *c, struct error *err)
{
	static const struct option_spec *const tables[] = {
		machine_options, common_options, migrate_options, NULL
	};
	static const struct command_help none = { .usage = "" };
	struct prealloc_machine *m = &c->machine[c->which];
	struct migrate_settings s;
	struct error why = { "" };
	char line[LINE_BYTES], **words;
	int rc, nr;

	write_line(c->set, m, line);
	rc = words_split(line, &words, &nr, err);
	if (rc)
		return rc;
	migrate_defaults(&s);
	s.argc = nr;
	s.argv = words;
	rc = options_parse(nr, words, &none, tables, &s, &why);
	if (!rc)
		rc = migrate(c, &s, &why);
	words_free(words);
	if (rc == -ENODEV || rc == -EOPNOTSUPP || rc == -EACCES) {
		snprintf(m->skipped, sizeof(m->skipped), "%.199s", why.text);
		return 0;
	}
	return rc ? error_set(err, rc, "%s, prealloc %s: %s", m->vmm, m->way,
			      why.text)
		  : 0;
}

static void show_progress(const struct prealloc_machines *c, uint64_t done)
{
	const struct prealloc_machine *m = &c->machine[c->which];
	uint64_t rounds = c->set->warmup + c->set->repeat;

	if (prealloc_shows_progress(c->set))
		fprintf(stderr,
			"\r\033[K%" PRIu64 " of %" PRIu64 ": %s, prealloc %s",
			done, rounds * c->nr, m->vmm, m->way);
}

/* To and fro, so that whatever drifts meanwhile is nobody's own. */
static int run_all(struct prealloc_machines *c, struct error *err)
{
	uint64_t rounds = c->set->warmup + c->set->repeat, round;
	unsigned int i;
	int rc = 0;

	for (round = 0; round < rounds; round++)
		for (i = 0; !rc && i < c->nr && !interrupt_pending(); i++) {
			c->which = round % 2 ? c->nr - 1 - i : i;
			c->warmup = round < c->set->warmup;
			show_progress(c, round * c->nr + i);
			if (!c->machine[c->which].skipped[0])
				rc = run_one(c, err);
		}
	if (prealloc_shows_progress(c->set))
		fputs("\r\033[K", stderr);
	return rc;
}

static bool none_ran(const struct prealloc_machines *c)
{
	unsigned int i;

	for (i = 0; i < c->nr; i++)
		if (!c->machine[i].skipped[0])
			return false;
	return true;
}

int prealloc_vmm_compare(const struct prealloc_settings *s,
			 struct result *result, struct error *err)
{
	struct prealloc_machines c = { .set = s, .result = result };
	size_t room = s->warmup + s->repeat;
	unsigned int i;
	int rc = 0;

	if (strcmp(s->vmm, "qemu"))
		add_vmm(&c, "mini");
	if (strcmp(s->vmm, "mini"))
		add_vmm(&c, "qemu");
	for (i = 0; i < c.nr; i++) {
		c.machine[i].run = calloc(room, sizeof(*c.machine[i].run));
		if (!c.machine[i].run)
			rc = -ENOMEM;
	}
	if (!rc)
		rc = run_all(&c, err);
	if (!rc && none_ran(&c))
		rc = error_set(err, -EOPNOTSUPP, "%s", c.machine[0].skipped);
	else if (!rc && !interrupt_pending())
		prealloc_vmm_report(&c);
	if (!rc && result_verdict(result) == RESULT_FAIL)
		error_set(err, 0, "a migration was not right: see warnings");
	for (i = 0; i < c.nr; i++)
		free(c.machine[i].run);
	return rc;
}
