/* SPDX-License-Identifier: MIT */
/* The tries of a frontier: which rate next, and what came of it. */
#include "tools/frontier_run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"
#include "tools/frontier_report.h"
#include "tools/interrupt.h"
#include "tools/tools.h"

const char *const frontier_outcomes[] = {
	[FRONTIER_MET] = "met",		[FRONTIER_LATE] = "late",
	[FRONTIER_TIMEOUT] = "timeout", [FRONTIER_FAILED] = "failed",
	[FRONTIER_WRONG] = "wrong",
};

int frontier_run_init(struct frontier *f, struct error *err)
{
	const struct frontier_settings *s = f->set;
	unsigned int v, b, l;
	struct frontier_cell *c;

	f->nr_cells = s->nr_variants * s->bandwidths.nr * s->limits_ns.nr;
	f->cell = c = calloc(f->nr_cells, sizeof(*f->cell));
	if (!f->cell) {
		f->nr_cells = 0;
		return error_set(err, -ENOMEM, "no memory");
	}
	for (b = 0; b < s->bandwidths.nr; b++)
		for (l = 0; l < s->limits_ns.nr; l++)
			for (v = 0; v < s->nr_variants; v++, c++) {
				c->variant = &s->variant[v];
				c->bandwidth = s->bandwidths.value[b];
				c->limit_ns = s->limits_ns.value[l];
				c->samples = json_array();
				bisect_init(&c->bisect, &s->bisect);
			}
	return rundir_create(f->dir, err);
}

void frontier_run_exit(struct frontier *f)
{
	unsigned int i;

	for (i = 0; i < f->nr_cells; i++)
		json_decref(f->cell[i].samples);
	free(f->cell);
	rundir_remove(f->dir);
}

unsigned int frontier_max_tries(const struct frontier *f)
{
	return f->nr_cells * bisect_max_values(&f->set->bisect) *
	       f->set->bisect.tries;
}

static void on_child(void *ctx, unsigned int slot, pid_t pid)
{
	interrupt_child(slot, pid);
}

/* By the values tried so far, as if each cell to come took the most. */
static const char *time_left(const struct frontier *f, char *text)
{
	unsigned int most = bisect_max_values(&f->set->bisect);
	unsigned int left = (f->nr_cells - f->which) * most - f->point + 1;
	double spent = (double)(clock_now_ns() - f->begun_ns);

	if (!f->nr_values)
		return "?";
	return units_format_time(text, spent / f->nr_values * left);
}

static void on_progress(void *ctx, const struct run_progress *progress)
{
	const struct frontier *f = ctx;
	const struct frontier_cell *c = &f->cell[f->which];
	char rate[UNITS_TEXT_BYTES], left[UNITS_TEXT_BYTES];
	struct run_progress p = *progress;
	char stage[200];

	snprintf(stage, sizeof(stage),
		 "cell %u of %u, %s at %s, try %u, at most %s left: %s",
		 f->which + 1, f->nr_cells, c->variant->name,
		 units_format_rate(rate, (double)c->bisect.value), f->try,
		 time_left(f, left), p.stage);
	p.stage = stage;
	common_show_progress(&f->set->base, &p);
}

/* Nothing is lost where the source goes on as it was. */
static enum frontier_outcome not_completed(const struct run_sample *s)
{
	const struct run_integrity *in = &s->source.integrity;

	if (!s->source.checked || !s->source.running || s->two_runners ||
	    in->findings.nr || in->unlisted || in->contradiction[0])
		return FRONTIER_WRONG;
	return s->cancelled ? FRONTIER_TIMEOUT : FRONTIER_FAILED;
}

/* What cannot be measured is not short enough. */
static enum frontier_outcome judge(const struct frontier *f,
				   const struct run_sample *s)
{
	double ms = f->set->figure == FRONTIER_BLACKOUT ? s->blackout_ms
							: s->downtime_ms;
	double most = (double)f->cell[f->which].limit_ns / 1e6 *
		      (1 + (double)f->set->tolerance_pct / 100);

	if (!s->completed)
		return not_completed(s);
	if (!run_sample_clean(s))
		return FRONTIER_WRONG;
	return !isnan(ms) && ms <= most ? FRONTIER_MET : FRONTIER_LATE;
}

static bool on_hop(void *ctx, const struct run_hop *hop)
{
	struct frontier *f = ctx;
	struct frontier_cell *c = &f->cell[f->which];
	json_t *sample;

	if (hop->rc || interrupt_pending())
		return false;
	common_clear_progress(&f->set->base.common);
	/* The context's VMM is the first variant's. */
	if (c->variant == f->set->variant)
		common_note_version(&f->set->variant[0].s.common,
				    hop->sample->vmm_version);
	f->outcome = judge(f, hop->sample);
	result_add_verdict(f->result, f->outcome == FRONTIER_WRONG
					      ? RESULT_FAIL
					      : RESULT_PASS);
	sample = frontier_sample(f, hop->sample);
	json_array_append(c->samples, sample);
	frontier_print_try(f, sample, common_out(&f->set->base.common));
	result_add_sample(f->result, sample, false);
	return false;
}

static int try_once(struct frontier *f, struct run_settings *run,
		    struct error *err)
{
	struct frontier_cell *c = &f->cell[f->which];
	const struct run_hops hops = { .nr = 1, .done = on_hop, .ctx = f };
	struct error why = { "" };
	int rc;

	run->workload.base.rate_bytes_per_s[0] = c->bisect.value;
	rc = run_hops(run, &hops, &why);
	if (!rc && !interrupt_pending())
		return 0;
	if (rc == -EOPNOTSUPP || rc == -ENODEV || rc == -EACCES)
		snprintf(c->skipped, sizeof(c->skipped), "%.159s", why.text);
	return rc ? error_set(err, rc, "%s: %s", c->variant->name, why.text)
		  : 0;
}

static int bisect_cell(struct frontier *f, struct run_settings *run,
		       struct error *err)
{
	struct frontier_cell *c = &f->cell[f->which];
	int rc;

	f->point = f->try = 1;
	while (c->bisect.value) {
		rc = try_once(f, run, err);
		if (rc || interrupt_pending())
			return rc;
		f->try++;
		if (bisect_tell(&c->bisect, f->outcome == FRONTIER_MET)) {
			f->nr_values++;
			f->point++;
			f->try = 1;
		}
	}
	c->done = true;
	return 0;
}

static int run_cell(struct frontier *f, struct error *err)
{
	struct frontier_cell *c = &f->cell[f->which];
	struct migrate_settings s;
	struct run_settings run;
	int rc = frontier_resolve(c->variant, c->bandwidth, c->limit_ns, &s,
				  &run, err);

	if (!rc) {
		run.dir = f->dir;
		run.child = on_child;
		run.progress = on_progress;
		run.progress_ctx = f;
		rc = common_kernel(&s.common, f->dir, f->kernel, &run.kernel,
				   err);
	}
	if (!rc)
		rc = bisect_cell(f, &run, err);
	/* Each cell writes its own. */
	if (run.kernel == f->kernel)
		unlink(f->kernel);
	frontier_release(&s, &run);
	return rc;
}

/* What one cell of a variant cannot, its others cannot either. */
static bool skipped_before(struct frontier *f)
{
	struct frontier_cell *c = &f->cell[f->which];
	unsigned int i;

	for (i = 0; i < f->which; i++)
		if (f->cell[i].variant == c->variant && f->cell[i].skipped[0])
			memcpy(c->skipped, f->cell[i].skipped,
			       sizeof(c->skipped));
	return c->skipped[0];
}

int frontier_run(struct frontier *f, struct error *err)
{
	unsigned int nr_skipped = 0;
	int rc = 0;

	f->begun_ns = clock_now_ns();
	for (f->which = 0; f->which < f->nr_cells; f->which++) {
		if (!skipped_before(f))
			rc = run_cell(f, err);
		if (interrupt_pending())
			return rc;
		if (f->cell[f->which].skipped[0]) {
			nr_skipped++;
			result_warn(f->result, "variant %s was skipped: %s",
				    f->cell[f->which].variant->name,
				    f->cell[f->which].skipped);
		} else if (rc) {
			return rc;
		}
		rc = 0;
	}
	if (nr_skipped < f->nr_cells)
		return 0;
	return error_set(err, -EOPNOTSUPP, "no variant can run here: %s",
			 f->cell[0].skipped);
}
