/* SPDX-License-Identifier: MIT */
/* Ping-pong: each target is the source of the next migration. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "drive/run_internal.h"

/* What is asked of the last hop only is not asked of the others. */
static void settings_of_hop(const struct run_settings *all, const struct run *r,
			    struct run_settings *ret)
{
	*ret = *all;
	/* To and fro, also between two versions of QEMU, or two devices. */
	if (r->hop % 2 == 0) {
		ret->qemu_source = all->qemu_target;
		ret->qemu_target = all->qemu_source;
		ret->vfio[0] = all->vfio[1];
		ret->vfio[1] = all->vfio[0];
	}
	if (r->last)
		return;
	ret->sabotage.count = 0;
	ret->fault = NULL;
}

static bool wants_hold(const struct run_settings *s)
{
	return (s->verify & RUN_VERIFY_SWITCHOVER) ||
	       (s->sabotage.count && !sabotage_is_inside(s->sabotage.kind));
}

static void log_path(const struct run *r, const char *whose, const char *kind,
		     char path[160])
{
	snprintf(path, 160, "%s/%s.%s", r->set->dir, whose, kind);
}

/* Those of machines that are gone are one file. */
static void move_log(const struct run *r, const char *kind)
{
	char source[160], target[160], earlier[160];

	log_path(r, "source", kind, source);
	log_path(r, "target", kind, target);
	log_path(r, "earlier", kind, earlier);
	run_copy_log(source, earlier, "ae");
	rename(target, source);
}

/* A repetition begins with none. */
static void remove_logs(const struct run *r)
{
	static const char *const whose[] = { "source", "target", "earlier" };
	char path[160];
	size_t i;

	for (i = 0; i < sizeof(whose) / sizeof(whose[0]); i++) {
		log_path(r, whose[i], "log", path);
		unlink(path);
		log_path(r, whose[i], "console", path);
		unlink(path);
	}
}

/* @before's target becomes the source of @r. */
static int adopt_source(struct run *before, struct run *r, struct error *err)
{
	run_tell_child(before, 0, 0);
	drive_vm_stop(&before->source);
	r->source = before->target;
	memset(&before->target, 0, sizeof(before->target));
	run_tell_child(r, 0, r->source.pid);
	run_tell_child(r, 1, 0);
	move_log(r, "log");
	move_log(r, "console");
	snprintf(r->source.name, sizeof(r->source.name), "source");
	snprintf(r->source.log_path, sizeof(r->source.log_path),
		 "%s/source.log", r->set->dir);
	return run_not_usage(run_ready_source(r, err));
}

static int refused(struct run *r, struct error *err)
{
	struct error why = *err;

	err->text[0] = '\0';
	return run_without_target(r, why.text, err);
}

static int do_hop(struct run *before, struct run *r, struct error *err)
{
	int rc = before->target.pid ? adopt_source(before, r, err)
				    : run_start_source(r, err);

	if (rc)
		return rc;
	rc = run_link_open(r, err);
	if (!rc)
		rc = run_start_target(r, err);
	if (rc && r->refused)
		return refused(r, err);
	if (!rc)
		rc = run_choose_codec(r, err);
	if (!rc)
		rc = run_set_up(r, err);
	return rc ? rc : run_hop(r, err);
}

static void forget_stats(struct run *r)
{
	compress_qemu_exit(&r->codec);
	json_decref(r->source_stats);
	json_decref(r->target_stats);
	r->source_stats = r->target_stats = NULL;
}

static void clean_up(struct run *r)
{
	run_stage(r, "clean up");
	/* First: a pid that is reaped may be anyone's. */
	run_tell_child(r, 0, 0);
	run_tell_child(r, 1, 0);
	drive_vm_stop(&r->source);
	drive_vm_stop(&r->target);
	forget_stats(r);
}

static bool is_last(const struct run_hops *hops, unsigned int hop)
{
	return hop >= hops->nr ||
	       (hops->deadline_ns && clock_now_ns() >= hops->deadline_ns);
}

/* One hop with its sample. Return: does the next one follow? */
static bool hop_and_tell(struct run *before, struct run *r,
			 const struct run_hops *hops, int *ret_rc,
			 struct error *err)
{
	struct run_sample sample;
	struct run_hop hop = {
		.set = r->set,
		.hop = r->hop,
		.last = r->last,
		.why = err,
		.sample = &sample,
		.run = r,
	};
	bool on;

	run_sample_init(&sample);
	r->out = &sample;
	hop.rc = do_hop(before, r, err);
	if (hop.rc && !sample.failure[0])
		snprintf(sample.failure, sizeof(sample.failure), "%s",
			 err->text);
	on = hops->done(hops->ctx, &hop) && !hop.rc && !r->last &&
	     run_sample_clean(&sample);
	*ret_rc = hop.rc;
	run_sample_exit(&sample);
	r->out = NULL;
	return on;
}

int run_hops(const struct run_settings *settings, const struct run_hops *hops,
	     struct error *err)
{
	struct run_settings set;
	struct run before = { .set = settings }, r;
	unsigned int hop = 0;
	bool on;
	int rc;

	remove_logs(&before);
	do {
		hop++;
		r = (struct run){ .set = &set, .hop = hop };
		r.last = is_last(hops, hop);
		settings_of_hop(settings, &r, &set);
		r.hold = wants_hold(&set);
		on = hop_and_tell(&before, &r, hops, &rc, err);
		forget_stats(&r);
		run_link_close(&r);
		before = r;
	} while (on);
	clean_up(&before);
	return rc;
}
