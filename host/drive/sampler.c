/* SPDX-License-Identifier: MIT */
/* A thread that watches step counters. */
#include "drive/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"

struct sampler {
	const struct counters *_Atomic source;
	const struct counters *target;
	pthread_t thread;
	sem_t wake; /* for stop and hurry */
	atomic_bool stop;
	atomic_bool hurry;
	atomic_bool moved; /* see sampler_all_moved() */
	atomic_bool settled; /* see sampler_settled() */
	uint64_t start_ns;
	struct guest_clock clock;
	struct sampler_result result;
	uint64_t began_ns; /* the last look; 0 = none */
	uint64_t woke_steps[ABI_MAX_VCPUS]; /* when the thread woke last */
};

/* The end of a pause, from the guest's clock to ours; 0 = it isn't pausing. */
static uint64_t pause_end_ns(const struct guest_clock *c,
			     const struct sampler_look *look)
{
	uint64_t earliest, latest;

	if (!look->wait_until_tsc || look->wait_until_tsc < look->step_tsc ||
	    !guest_clock_bounds(c, look->wait_until_tsc, &earliest, &latest))
		return 0;
	return latest;
}

/*
 * When was the last step made? After the look before it, and by now; its stamp
 * says it better, if that is a new one: the counter is stored before it.
 */
static void date_step(struct guest_clock *c, struct sampler_vcpu *seen,
		      const struct sampler_look *look)
{
	uint64_t from = look->after_ns, to = look->now_ns, earliest, latest;

	if (look->step_tsc != seen->source_tsc) {
		guest_clock_see(c, look->step_tsc, from, to);
		if (guest_clock_bounds(c, look->step_tsc, &earliest, &latest) &&
		    earliest <= to && latest >= from) {
			from = earliest > from ? earliest : from;
			to = latest < to ? latest : to;
		}
	}
	seen->last_source_ns = to;
	seen->source_error_ns = to - from;
}

void sampler_see(struct guest_clock *clock, struct sampler_vcpu *seen,
		 const struct sampler_look *look, bool first)
{
	if (look->steps != seen->steps || look->step_tsc != seen->source_tsc) {
		if (!first)
			date_step(clock, seen, look);
		seen->steps = look->steps;
		seen->source_tsc = look->step_tsc;
	}
	seen->wait_until_ns = pause_end_ns(clock, look);
	if (seen->first_target_ns || !seen->last_source_ns ||
	    look->target_steps <= look->steps)
		return;
	seen->first_target_ns = look->now_ns;
	seen->target_error_ns = look->now_ns - look->after_ns;
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
static void look_at_all(struct sampler *s)
{
	struct abi_vcpu target[ABI_MAX_VCPUS], source[ABI_MAX_VCPUS];
	uint64_t began = clock_now_ns(), now;
	bool first = !s->began_ns;
	unsigned int i;

	/* A process that is gone makes no progress. */
	if (counters_read(s->target, target))
		memset(target, 0, sizeof(target));
	if (counters_read(atomic_load(&s->source), source))
		return;
	now = clock_now_ns();
	for (i = 0; i < s->result.nr_vcpus; i++) {
		const struct sampler_look look = {
			.target_steps = target[i].steps,
			.target_tsc = target[i].step_tsc,
			.steps = source[i].steps,
			.step_tsc = source[i].step_tsc,
			.wait_until_tsc = source[i].wait_until_tsc,
			.after_ns = s->began_ns,
			.now_ns = now,
		};

		sampler_see(&s->clock, &s->result.vcpu[i], &look, first);
	}
	if (!first && began - s->began_ns > s->result.longest_period_ns)
		s->result.longest_period_ns = began - s->began_ns;
	s->result.nr_samples++;
	s->began_ns = began;
}

static bool is_settled(const struct sampler *s)
{
	return !s->clock.tsc_hz ||
	       guest_clock_width_ns(&s->clock) <= SAMPLER_LEARNED_NS ||
	       clock_now_ns() - s->start_ns > SAMPLER_LEARN_MAX_NS;
}

/* How long may the thread sleep? A vCPU that stands still, but for a pause of
 * its own, may be about to go on. */
static uint64_t next_look_ns(struct sampler *s)
{
	bool hurry = (atomic_load(&s->hurry) && !atomic_load(&s->moved)) ||
		     !atomic_load(&s->settled);
	uint64_t now = clock_now_ns();
	uint64_t next = now + (hurry ? SAMPLER_PERIOD_NS : SAMPLER_CALM_NS);
	unsigned int i;

	for (i = 0; i < s->result.nr_vcpus; i++) {
		const struct sampler_vcpu *v = &s->result.vcpu[i];
		bool stands = v->steps == s->woke_steps[i];

		s->woke_steps[i] = v->steps;
		if (!stands || !v->last_source_ns || v->first_target_ns)
			continue;
		if (v->wait_until_ns <= now)
			next = now + SAMPLER_PERIOD_NS;
		else if (v->wait_until_ns < next)
			next = v->wait_until_ns;
	}
	return next;
}

/* Until @deadline_ns, or until it is woken. */
static void doze(struct sampler *s, uint64_t deadline_ns)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(deadline_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(deadline_ns % NSEC_PER_SEC),
	};

	while (sem_clockwait(&s->wake, CLOCK_MONOTONIC, &ts) && errno == EINTR)
		;
}

static void *watch(void *arg)
{
	struct sampler *s = arg;
	const struct sched_param first = { .sched_priority = 1 };

	/* Its sleep is short: 50 us more is much. And where every CPU has a
	 * vCPU, it would wait for one; with less rights it does. */
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
	while (!atomic_load(&s->stop)) {
		/* The second one sees steps that are microseconds old. */
		look_at_all(s);
		look_at_all(s);
		atomic_store(&s->moved, all_moved(&s->result));
		if (!atomic_load(&s->settled))
			atomic_store(&s->settled, is_settled(s));
		doze(s, next_look_ns(s));
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
	atomic_init(&s->source, source);
	s->target = target;
	s->clock.tsc_hz = tsc_hz;
	s->start_ns = clock_now_ns();
	s->result.nr_vcpus = source->nr_vcpus;
	sem_init(&s->wake, 0, 0);
	rc = -pthread_create(&s->thread, NULL, watch, s);
	if (rc) {
		sem_destroy(&s->wake);
		free(s);
		return rc;
	}
	pthread_setname_np(s->thread, "sampler");
	*ret_sampler = s;
	return 0;
}

void sampler_replace_source(struct sampler *s, const struct counters *source)
{
	atomic_store(&s->source, source);
}

void sampler_stop(struct sampler *s, struct sampler_result *ret_result)
{
	atomic_store(&s->stop, true);
	sem_post(&s->wake);
	pthread_join(s->thread, NULL);
	sem_destroy(&s->wake);
	if (ret_result)
		*ret_result = s->result;
	free(s);
}

void sampler_hurry(struct sampler *s)
{
	atomic_store(&s->hurry, true);
	sem_post(&s->wake);
}

bool sampler_settled(struct sampler *s)
{
	return atomic_load(&s->settled);
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

bool sampler_resolution_ns(const struct sampler_result *r, uint64_t *ret_ns)
{
	uint64_t worst = 0;
	unsigned int i;

	if (!all_moved(r))
		return false;
	for (i = 0; i < r->nr_vcpus; i++) {
		const struct sampler_vcpu *v = &r->vcpu[i];
		uint64_t error = v->source_error_ns + v->target_error_ns;

		if (v->last_source_ns && error > worst)
			worst = error;
	}
	*ret_ns = worst;
	return true;
}
