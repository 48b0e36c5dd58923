/* SPDX-License-Identifier: MIT */
/* A thread that watches step counters. */
#include "drive/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct sampler {
	const struct counters *source, *target;
	pthread_t thread;
	atomic_bool stop;
	atomic_bool moved; /* see sampler_all_moved() */
	struct sampler_clock clock;
	struct sampler_result result;
};

static uint64_t tsc_to_ns(const struct sampler_clock *c, uint64_t tsc)
{
	/* Not asked for without a frequency: see have_offset. */
	return c->tsc_hz ? (uint64_t)((unsigned __int128)tsc * NSEC_PER_SEC /
				      c->tsc_hz)
			 : 0;
}

static void see_clock(struct sampler_clock *c, const struct sampler_look *look)
{
	int64_t offset;

	if (!c->tsc_hz)
		return;
	offset = (int64_t)(look->now_ns - tsc_to_ns(c, look->step_tsc));
	if (!c->have_offset || offset < c->offset_ns)
		c->offset_ns = offset;
	c->have_offset = true;
}

/* The end of a pause, from the guest's clock to ours; 0 = it isn't pausing. */
static uint64_t pause_end_ns(const struct sampler_clock *c,
			     const struct sampler_look *look)
{
	if (!look->wait_until_tsc || !c->have_offset ||
	    look->wait_until_tsc < look->step_tsc)
		return 0;
	return tsc_to_ns(c, look->wait_until_tsc) + (uint64_t)c->offset_ns;
}

void sampler_see(struct sampler_clock *clock, struct sampler_vcpu *seen,
		 const struct sampler_look *look, bool first)
{
	if (look->steps != seen->steps) {
		if (!first)
			seen->last_source_ns = look->now_ns;
		seen->steps = look->steps;
		seen->source_tsc = look->step_tsc;
		see_clock(clock, look);
	}
	seen->wait_until_ns = pause_end_ns(clock, look);
	if (seen->first_target_ns || !seen->last_source_ns ||
	    look->target_steps <= look->steps)
		return;
	seen->first_target_ns = look->now_ns;
	seen->target_tsc = look->target_tsc;
}

static bool all_moved(const struct sampler_result *r)
{
	unsigned int i, nr = 0;

	for (i = 0; i < r->nr_vcpus; i++) {
		if (!r->vcpu[i].last_source_ns)
			continue;
		if (!r->vcpu[i].first_target_ns)
			return false;
		nr++;
	}
	return nr > 0;
}

/* The target first: what was copied to it can't be ahead of the source's
 * counter if that is read later. */
static void look_at_all(struct sampler *s, bool first)
{
	struct abi_vcpu target[ABI_MAX_VCPUS], source[ABI_MAX_VCPUS];
	uint64_t now;
	unsigned int i;

	/* A process that is gone makes no progress. */
	if (counters_read(s->target, target))
		memset(target, 0, sizeof(target));
	if (counters_read(s->source, source))
		return;
	now = clock_now_ns();
	for (i = 0; i < s->result.nr_vcpus; i++) {
		const struct sampler_look look = {
			.target_steps = target[i].steps,
			.target_tsc = target[i].step_tsc,
			.steps = source[i].steps,
			.step_tsc = source[i].step_tsc,
			.wait_until_tsc = source[i].wait_until_tsc,
			.now_ns = now,
		};

		sampler_see(&s->clock, &s->result.vcpu[i], &look, first);
	}
}

static void *watch(void *arg)
{
	struct sampler *s = arg;
	struct sampler_result *r = &s->result;
	uint64_t before = 0, now;

	while (!atomic_load(&s->stop)) {
		now = clock_now_ns();
		look_at_all(s, !r->nr_samples);
		atomic_store(&s->moved, all_moved(r));
		if (r->nr_samples++ && now - before > r->longest_period_ns)
			r->longest_period_ns = now - before;
		before = now;
		clock_sleep_until_ns(now + SAMPLER_PERIOD_NS);
	}
	return NULL;
}

int sampler_start(const struct counters *source, const struct counters *target,
		  uint64_t tsc_hz, struct sampler **ret_sampler)
{
	struct sampler *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	s->source = source;
	s->target = target;
	s->clock.tsc_hz = tsc_hz;
	s->result.nr_vcpus = source->nr_vcpus;
	rc = -pthread_create(&s->thread, NULL, watch, s);
	if (rc) {
		free(s);
		return rc;
	}
	pthread_setname_np(s->thread, "sampler");
	*ret_sampler = s;
	return 0;
}

void sampler_stop(struct sampler *s, struct sampler_result *ret_result)
{
	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
	if (ret_result)
		*ret_result = s->result;
	free(s);
}

bool sampler_all_moved(struct sampler *s)
{
	return atomic_load(&s->moved);
}

bool sampler_blackout_ns(const struct sampler_result *r, uint64_t *ret_ns)
{
	uint64_t longest = 0;
	unsigned int i;

	if (!all_moved(r))
		return false;
	for (i = 0; i < r->nr_vcpus; i++) {
		const struct sampler_vcpu *v = &r->vcpu[i];
		uint64_t from = v->last_source_ns;

		if (!from) /* it made no step on the source */
			continue;
		if (v->wait_until_ns > from)
			from = v->wait_until_ns;
		if (v->first_target_ns > from &&
		    v->first_target_ns - from > longest)
			longest = v->first_target_ns - from;
	}
	*ret_ns = longest;
	return true;
}
