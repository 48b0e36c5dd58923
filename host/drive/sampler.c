/* SPDX-License-Identifier: MIT */
/* A thread that watches step counters in shared memory. */
#include "drive/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "control.h"

struct sampler {
	const struct abi_vcpu *source, *target;
	uint64_t tsc_hz;
	pthread_t thread;
	atomic_bool stop;
	atomic_bool moved; /* see sampler_all_moved() */
	/* Smallest (host time - TSC time) seen: the fastest look. */
	int64_t tsc_offset_ns;
	bool have_offset;
	struct sampler_result result;
};

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static uint64_t tsc_to_ns(const struct sampler *s, uint64_t tsc)
{
	/* Not asked for without a frequency: see have_offset. */
	return s->tsc_hz ? (uint64_t)((unsigned __int128)tsc * NSEC_PER_SEC /
				      s->tsc_hz) :
			   0;
}

/* The end of a pause, from the guest's clock to ours. */
static uint64_t pause_end_ns(const struct sampler *s, const struct abi_vcpu *v)
{
	uint64_t until = load(&v->wait_until_tsc);

	if (!until || !s->have_offset || until < load(&v->step_tsc))
		return 0;
	return tsc_to_ns(s, until) + (uint64_t)s->tsc_offset_ns;
}

static void look_at_source(struct sampler *s, unsigned int i, uint64_t now)
{
	const struct abi_vcpu *v = &s->source[i];
	struct sampler_vcpu *seen = &s->result.vcpu[i];
	uint64_t steps = load(&v->steps);
	int64_t offset;

	if (steps != seen->steps) {
		if (seen->steps)
			seen->last_source_ns = now;
		seen->steps = steps;
		seen->source_tsc = load(&v->step_tsc);
		if (s->tsc_hz) {
			offset = (int64_t)(clock_now_ns() -
					   tsc_to_ns(s, seen->source_tsc));
			if (!s->have_offset || offset < s->tsc_offset_ns)
				s->tsc_offset_ns = offset;
			s->have_offset = true;
		}
	}
	seen->wait_until_ns = pause_end_ns(s, v);
}

static void look_at_target(struct sampler *s, unsigned int i, uint64_t now)
{
	const struct abi_vcpu *v = &s->target[i];
	struct sampler_vcpu *seen = &s->result.vcpu[i];

	if (seen->first_target_ns || !seen->last_source_ns ||
	    load(&v->steps) <= seen->steps)
		return;
	seen->first_target_ns = now;
	seen->target_tsc = load(&v->step_tsc);
	seen->target_seen_ns = clock_now_ns();
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

static void *watch(void *arg)
{
	struct sampler *s = arg;
	uint64_t before = clock_now_ns(), now;
	unsigned int i;

	while (!atomic_load(&s->stop)) {
		now = clock_now_ns();
		for (i = 0; i < s->result.nr_vcpus; i++) {
			/* The source first: a target's counter must beat the
			 * source's newest value. */
			look_at_source(s, i, now);
			if (s->target)
				look_at_target(s, i, now);
		}
		atomic_store(&s->moved, all_moved(&s->result));
		if (s->result.nr_samples++ &&
		    now - before > s->result.longest_period_ns)
			s->result.longest_period_ns = now - before;
		before = now;
		clock_sleep_until_ns(now + SAMPLER_PERIOD_NS);
	}
	return NULL;
}

int sampler_start(const struct abi_vcpu *source, const struct abi_vcpu *target,
		  unsigned int nr_vcpus, uint64_t tsc_hz,
		  struct sampler **ret_sampler)
{
	struct sampler *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	if (nr_vcpus > ABI_MAX_VCPUS)
		nr_vcpus = ABI_MAX_VCPUS;
	s->source = source;
	s->target = target;
	s->tsc_hz = tsc_hz;
	s->result.nr_vcpus = nr_vcpus;
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

uint64_t sampler_steps(const struct abi_vcpu *vcpu, unsigned int nr_vcpus)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < nr_vcpus; i++)
		sum += load(&vcpu[i].steps);
	return sum;
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

		if (!from)
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
