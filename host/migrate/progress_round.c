/* SPDX-License-Identifier: MIT */
/* Statistics of the rounds. */
#include "migrate/progress.h"

#include "base/clock.h"
#include "migrate/policy.h"
#include "migrate/wire.h"

static uint64_t now(const struct progress *p)
{
	return clock_now_ns() - p->stats.start_ns;
}

unsigned int progress_round_begin(struct progress *p)
{
	struct migrate_stats *s = &p->stats;
	unsigned int round;

	pthread_mutex_lock(&p->lock);
	p->round = s->nr_rounds < MIGRATE_MAX_ROUNDS_KEPT
			   ? &s->rounds[s->nr_rounds]
			   : &p->beyond;
	*p->round = (struct migrate_round){ .start_ns = now(p) };
	p->round_wire_bytes = progress_channel_bytes(p);
	if (!s->nr_rounds)
		s->setup_ns = p->round->start_ns;
	round = ++s->nr_rounds;
	pthread_mutex_unlock(&p->lock);
	if (p->observer.round)
		p->observer.round(p->observer.ctx, round);
	return round;
}

void progress_batch(struct progress *p, uint64_t pages, uint64_t zero_pages)
{
	struct migrate_stats *s = &p->stats;
	uint64_t bytes = pages * WIRE_PAGE_BYTES;

	pthread_mutex_lock(&p->lock);
	s->pages += pages;
	s->zero_pages += zero_pages;
	p->round->pages += pages;
	p->round->zero_pages += zero_pages;
	p->round->wire_bytes = progress_channel_bytes(p) - p->round_wire_bytes;
	s->remaining_bytes -=
		bytes < s->remaining_bytes ? bytes : s->remaining_bytes;
	pthread_mutex_unlock(&p->lock);
}

void progress_times(struct progress *p, const struct migrate_times *times,
		    uint64_t total_ns)
{
	struct migrate_times *sum = &p->stats.times;
	uint64_t known_ns = times->copy_ns + times->wait_ns + times->pace_ns +
			    times->send_ns;

	pthread_mutex_lock(&p->lock);
	sum->scan_ns += total_ns > known_ns ? total_ns - known_ns : 0;
	sum->copy_ns += times->copy_ns;
	sum->wait_ns += times->wait_ns;
	sum->pace_ns += times->pace_ns;
	sum->send_ns += times->send_ns;
	pthread_mutex_unlock(&p->lock);
}

void progress_compressed(struct progress *p, uint64_t submitted_pages,
			 uint64_t busy_pages)
{
	pthread_mutex_lock(&p->lock);
	p->round->submitted_pages = submitted_pages;
	p->round->busy_pages = busy_pages;
	pthread_mutex_unlock(&p->lock);
}

void progress_sent(struct progress *p, const struct migrate_send_stats *before,
		   const struct migrate_send_stats *after)
{
	struct migrate_send_stats *s = &p->stats.send;

	pthread_mutex_lock(&p->lock);
	s->copied_bytes += after->copied_bytes - before->copied_bytes;
	s->writes += after->writes - before->writes;
	s->iovecs += after->iovecs - before->iovecs;
	s->zerocopy_writes += after->zerocopy_writes - before->zerocopy_writes;
	s->zerocopy_copied += after->zerocopy_copied - before->zerocopy_copied;
	pthread_mutex_unlock(&p->lock);
}

struct migrate_round progress_round_end(struct progress *p)
{
	struct migrate_round round;

	pthread_mutex_lock(&p->lock);
	p->round->duration_ns = now(p) - p->round->start_ns;
	p->round->wire_bytes = progress_channel_bytes(p) - p->round_wire_bytes;
	round = *p->round;
	pthread_mutex_unlock(&p->lock);
	return round;
}

void progress_dirty(struct progress *p, uint64_t dirty_pages)
{
	struct migrate_stats *s = &p->stats;

	pthread_mutex_lock(&p->lock);
	p->round->dirty_pages_after = dirty_pages;
	s->dirty_pages_per_s = policy_mul_div(
		dirty_pages, NSEC_PER_SEC,
		p->round->duration_ns ? p->round->duration_ns : 1);
	s->remaining_bytes = dirty_pages * WIRE_PAGE_BYTES;
	pthread_mutex_unlock(&p->lock);
}

void progress_device(struct progress *p, uint64_t bytes)
{
	pthread_mutex_lock(&p->lock);
	p->stats.device_bytes += bytes;
	if (p->stats.phase >= MIGRATE_STOP)
		p->stats.device_final_bytes += bytes;
	pthread_mutex_unlock(&p->lock);
}
