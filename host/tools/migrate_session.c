/* SPDX-License-Identifier: MIT */
/* Repetitions, variants and hops, in turn. */
#include "tools/migrate_session.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "drive/attach.h"
#include "tools/interrupt.h"
#include "tools/migrate_bundle.h"
#include "tools/migrate_judge.h"
#include "tools/predict_report.h"
#include "tools/sample_json.h"
#include "tools/tools.h"
#include "tools/words.h"

static const char *const variant_names[MIGRATE_VARIANTS] = { "a", "b" };

bool migrate_session_is_long(const struct migrate_session *m)
{
	const struct migrate_settings *s = &m->variant[0].s;

	return s->repeat > 1 || s->for_ns || m->nr_variants > 1 || s->hops > 1;
}

int migrate_session_resolve(struct migrate_session *m, struct error *err)
{
	return migrate_bundle_check(m, err);
}

static void on_child(void *ctx, unsigned int slot, pid_t pid)
{
	interrupt_child(slot, pid);
}

/* The stage, behind where the whole command stands. */
static void on_progress(void *ctx, const struct run_progress *progress)
{
	const struct migrate_session *m = ctx;
	const struct migrate_settings *s = &m->variant[m->which].s;
	struct run_progress p = *progress;
	uint64_t now = clock_now_ns();
	char stage[160], left[UNITS_TEXT_BYTES] = "";
	int n = 0;

	if (!migrate_session_is_long(m)) {
		common_show_progress((void *)s, progress);
		return;
	}
	n = snprintf(stage, sizeof(stage), "run %" PRIu64 "%s", m->index + 1,
		     m->nr_variants > 1 ? variant_names[m->which] : "");
	if (s->hops > 1)
		n += snprintf(stage + n, sizeof(stage) - (size_t)n,
			      " hop %u/%" PRIu64, m->hop + 1, s->hops);
	if (m->deadline_ns)
		n += snprintf(
			stage + n, sizeof(stage) - (size_t)n,
			", %s left, %" PRIu64 " done",
			units_format_time(
				left, m->deadline_ns > now
					      ? (double)(m->deadline_ns - now)
					      : 0),
			m->nr_hops);
	snprintf(stage + n, sizeof(stage) - (size_t)n, ": %s", p.stage);
	p.stage = stage;
	common_show_progress((void *)s, &p);
}

/* Before it happens, or it were none. */
static void on_predicted(void *ctx, const struct prediction *p)
{
	const struct migrate_session *m = ctx;
	const struct common_settings *common = &m->variant[m->which].s.common;

	common_clear_progress(common);
	if (migrate_session_is_long(m))
		return;
	predict_print(p, common_out(common));
	fflush(common_out(common));
}

static void explain_hop(const struct run_hop *hop, struct result *result)
{
	if (hop->hop > 1) {
		result_warn_null(result, "boot_ready_ms",
				 "the source of a hop after the first one was "
				 "not booted");
		result_warn_null(result, "fill_ms",
				 "the workload goes on over all hops");
	}
	if (!hop->last && !(hop->sample->integrity.looks & RUN_VERIFY_AFTER) &&
	    !(hop->sample->integrity.looks & RUN_VERIFY_SWITCHOVER))
		result_warn_null(result, "integrity.coverage_pct",
				 "before the last hop the guest is not "
				 "stopped: what it finds inline counts, and "
				 "--verify switchover looks at all of its "
				 "memory at each hop");
}

static json_t *sample_of_hop(const struct migrate_session *m,
			     const struct run_hop *hop)
{
	json_t *o = sample_json(hop->set, hop->sample, m->result);

	json_object_set_new(o, "repeat",
			    json_integer((json_int_t)m->index + 1));
	json_object_set_new(o, "hop", json_integer(hop->hop));
	if (m->nr_variants > 1)
		json_object_set_new(o, "variant",
				    json_string(variant_names[m->which]));
	explain_hop(hop, m->result);
	return o;
}

static void print_hop(const struct migrate_session *m,
		      const struct run_hop *hop, enum result_verdict verdict)
{
	const struct migrate_settings *s = &m->variant[m->which].s;
	FILE *f = common_out(&s->common);
	char name[64];
	int n;

	if (!migrate_session_is_long(m)) {
		sample_print(hop->set, hop->sample, f);
		return;
	}
	n = snprintf(name, sizeof(name), "%4" PRIu64 "%s", m->index + 1,
		     m->nr_variants > 1 ? variant_names[m->which] : "");
	if (s->hops > 1)
		snprintf(name + n, sizeof(name) - (size_t)n, " hop %3u",
			 hop->hop);
	migrate_print_short(name, hop->sample, verdict, f);
	/* A soak is watched. */
	fflush(f);
}

/* A refusal is no failure that anyone would look into. */
static bool broke(int rc)
{
	int code = tools_exit_code(rc);

	return code == EXIT_BROKEN;
}

/* What the machines turned out to be. */
static void note_found(struct migrate_variant *v, const struct run_hop *hop)
{
	v->s.common.machine.unknown = !hop->sample->accel;
	v->s.common.machine.kind = hop->set->kind;
	v->s.common.machine.qemu.accel = hop->sample->accel;
	v->s.common.ram_bytes = hop->set->ram_bytes;
	v->s.common.cpus = hop->sample->nr_vcpus;
	v->run.relay = hop->set->relay;
	v->run.kind = hop->set->kind;
}

static bool on_hop(void *ctx, const struct run_hop *hop)
{
	struct migrate_session *m = ctx;
	enum result_verdict verdict = RESULT_ERROR;
	json_t *sample = NULL;

	if (interrupt_pending() || (hop->rc && !broke(hop->rc)))
		return false;
	common_clear_progress(&m->variant[0].s.common);
	if (!hop->rc)
		verdict = migrate_judge(hop->set, hop->sample, m->result);
	common_note_version(&m->variant[0].s.common, hop->sample->vmm_version);
	if (hop->set->attach.source_qmp)
		note_found(&m->variant[0], hop);
	m->hop = hop->hop;
	m->nr_hops++;
	m->nr_failed += verdict != RESULT_PASS;
	sample = sample_of_hop(m, hop);
	if (verdict != RESULT_PASS)
		migrate_bundle(m, hop, sample);
	if (hop->rc) {
		json_decref(sample);
		return false;
	}
	result_add_verdict(m->result, verdict);
	result_add_sample(m->result, sample, false);
	print_hop(m, hop, verdict);
	return verdict == RESULT_PASS;
}

static int one(struct migrate_session *m, struct error *err)
{
	struct migrate_variant *v = &m->variant[m->which];
	const struct run_hops hops = {
		.nr = (unsigned int)v->s.hops,
		.deadline_ns = m->deadline_ns,
		.done = on_hop,
		.ctx = m,
	};

	m->hop = 0;
	v->run.sabotage.seed = v->s.seed + m->index;
	/* A soak shall not do the same again and again. */
	if (m->deadline_ns)
		v->run.workload.seed = v->s.common.workload.seed + m->index;
	return v->run.attach.source_qmp ? run_attached(&v->run, &hops, err)
					: run_hops(&v->run, &hops, err);
}

static bool wants_more(const struct migrate_session *m)
{
	const struct migrate_settings *s = &m->variant[0].s;

	if (interrupt_pending())
		return false;
	if (m->deadline_ns &&
	    (m->nr_failed || clock_now_ns() >= m->deadline_ns))
		return false;
	if (m->deadline_ns && !s->repeat)
		return true;
	return m->index < (s->repeat ? s->repeat : 1);
}

static int prepare(struct migrate_session *m, unsigned int which,
		   struct error *err)
{
	struct migrate_variant *v = &m->variant[which];
	int rc = rundir_create(v->dir, err);

	if (rc)
		return rc;
	v->run.dir = v->dir;
	v->run.child = on_child;
	v->run.attach.pending =
		v->run.attach.source_qmp ? interrupt_pending : NULL;
	v->run.progress = on_progress;
	v->run.progress_ctx = m;
	v->run.predicted = on_predicted;
	return common_kernel(&v->s.common, v->dir, v->kernel, &v->run.kernel,
			     err);
}

int migrate_session_run(struct migrate_session *m, struct error *err)
{
	uint64_t soak_ns = m->variant[0].s.for_ns;
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < m->nr_variants; i++)
		rc = prepare(m, i, err);
	m->deadline_ns = soak_ns ? clock_now_ns() + soak_ns : 0;
	for (; !rc && wants_more(m); m->index++)
		for (i = 0; !rc && i < m->nr_variants && !interrupt_pending();
		     i++) {
			m->which = i;
			rc = one(m, err);
		}
	for (i = 0; i < m->nr_variants; i++)
		rundir_remove(m->variant[i].dir);
	return rc;
}

void migrate_session_print(struct migrate_session *m)
{
	const struct common_settings *common = &m->variant[0].s.common;
	FILE *f = common_out(common);

	common_clear_progress(common);
	if (migrate_session_is_long(m))
		fprintf(f,
			"%" PRIu64 " migration%s in %" PRIu64 " run%s, %" PRIu64
			" not right\n",
			m->nr_hops, m->nr_hops == 1 ? "" : "s",
			m->index * m->nr_variants,
			m->index * m->nr_variants == 1 ? "" : "s",
			m->nr_failed);
	if (m->nr_variants > 1)
		migrate_print_difference(m->result, f);
}

void migrate_session_interrupted(struct migrate_session *m)
{
	const struct migrate_settings *s = &m->variant[0].s;
	size_t nr = result_nr_samples(m->result);

	if (s->for_ns && !s->repeat)
		result_warn(m->result,
			    "interrupted after %zu, before the time "
			    "of --for was over",
			    nr);
	else
		result_warn(m->result, "interrupted after %zu of %" PRIu64, nr,
			    (s->repeat ? s->repeat : 1) * s->hops *
				    m->nr_variants);
}

void migrate_session_exit(struct migrate_session *m)
{
	unsigned int i;

	for (i = 0; i < MIGRATE_VARIANTS; i++) {
		json_decref(m->variant[i].run.capabilities);
		json_decref(m->variant[i].run.parameters);
		if (i < m->nr_variants || !i)
			common_exit(&m->variant[i].s.common);
	}
	words_free(m->ab_words);
}
