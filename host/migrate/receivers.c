/* SPDX-License-Identifier: MIT */
/* The target's connections beyond the first. */
#include "migrate/receivers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "migrate/target_priv.h"

/* A connection says who it is at once, or it is a stranger. */
#define NAME_NS NSEC_PER_SEC
/* Who waits for the others looks so often whether the first is still there. */
#define LOOK_NS (50 * NSEC_PER_MSEC)

void receivers_init(struct receivers *rs, struct migrate_target *tgt)
{
	pthread_condattr_t attr;

	memset(rs, 0, sizeof(*rs));
	rs->tgt = tgt;
	pthread_mutex_init(&rs->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&rs->changed, &attr);
	pthread_condattr_destroy(&attr);
}

/* Is it the one that may begin? Then waits for it on the first channel: what
 * comes is counted there. */
static int await_round(struct receiver *r, const struct wire_round *round)
{
	struct receivers *rs = r->all;
	uint32_t due;
	int rc = 0;

	pthread_mutex_lock(&rs->lock);
	due = rs->closed + 1;
	while (round->round == due && rs->open < due && !rs->quit)
		pthread_cond_wait(&rs->changed, &rs->lock);
	if (rs->quit)
		rc = -ECANCELED;
	pthread_mutex_unlock(&rs->lock);
	if (rc)
		return rc;
	if (round->round != due || round->pages || round->zero_pages)
		return error_set(&r->err, -EPROTO,
				 "round %" PRIu32 " begins on channel %u where "
				 "round %" PRIu32 " was due",
				 round->round, r->index, due);
	r->in.round = *round;
	return 0;
}

static int begin_round(struct receiver *r)
{
	struct peer *p = &r->in.peer;
	struct wire_round round;
	int rc = peer_expect(p, WIRE_ROUND_BEGIN);

	if (!rc)
		rc = wire_parse_round(p->table, sizeof(struct wire_round_le),
				      &round, p->err);
	return rc ? rc : await_round(r, &round);
}

static int end_round(struct receiver *r, const struct wire_header *h)
{
	struct receivers *rs = r->all;
	struct peer *p = &r->in.peer;
	struct wire_round round;
	int rc = wire_parse_round(p->table, h->table_bytes, &round, p->err);

	if (rc)
		return rc;
	rc = intake_finish(&r->in);
	if (rc)
		return rc;
	if (memcmp(&round, &r->in.round, sizeof(round)))
		return error_set(p->err, -EPROTO,
				 "the end of round %" PRIu32
				 " on channel %u does not add up with what "
				 "came in it",
				 r->in.round.round, r->index);
	pthread_mutex_lock(&rs->lock);
	r->ended = round.round;
	pthread_cond_broadcast(&rs->changed);
	pthread_mutex_unlock(&rs->lock);
	return 0;
}

static int receive_round(struct receiver *r)
{
	struct peer *p = &r->in.peer;
	struct wire_header h;
	int rc = begin_round(r);

	while (!rc) {
		rc = peer_receive(p, &h);
		if (rc)
			break;
		if (h.type == WIRE_ROUND_END)
			return end_round(r, &h);
		if (h.type == WIRE_RAM_BATCH)
			rc = intake_batch(&r->in, &h);
		else
			rc = error_set(p->err, -EPROTO,
				       "a %s record came on channel %u within "
				       "a round",
				       wire_type_name(h.type), r->index);
	}
	return rc;
}

/* The first channel's thread may be waiting for its peer: it shall look here.
 * It can still say why. */
static void fail(struct receiver *r, int rc)
{
	struct receivers *rs = r->all;

	pthread_mutex_lock(&rs->lock);
	r->rc = rc;
	if (!rs->failed)
		rs->failed = r;
	pthread_cond_broadcast(&rs->changed);
	pthread_mutex_unlock(&rs->lock);
	channel_stop_reading(rs->tgt->in.peer.ch);
}

static void *receiver_main(void *arg)
{
	struct receiver *r = arg;
	int rc;

	do {
		rc = receive_round(r);
	} while (!rc && !(r->in.round.flags & WIRE_ROUND_FINAL));
	if (rc)
		fail(r, rc);
	return NULL;
}

/* Who is it? -ENOKEY: nobody whom we know. */
static int identify(struct receiver *r, unsigned int nr_channels,
		    uint64_t session)
{
	struct peer *p = &r->in.peer;
	struct wire_header h;
	int rc;

	p->deadline_ns = clock_now_ns() + NAME_NS;
	rc = peer_receive(p, &h);
	p->deadline_ns = 0;
	if (rc || h.type != WIRE_CHANNEL)
		return -ENOKEY;
	return wire_parse_channel(p->table, h.table_bytes, session, nr_channels,
				  &r->index, p->err);
}

static int start(struct receiver *r)
{
	struct receivers *rs = r->all;
	char name[16];
	unsigned int i;
	int rc;

	for (i = 0; i < rs->nr; i++)
		if (rs->receiver[i]->index == r->index)
			return error_set(&r->err, -EPROTO,
					 "channel %u came twice", r->index);
	r->in.unpack.pool = pools_get(&rs->tgt->pools, r->index);
	rc = -pthread_create(&r->thread, NULL, receiver_main, r);
	if (rc)
		return rc;
	snprintf(name, sizeof(name), "channel-%u", r->index);
	pthread_setname_np(r->thread, name);
	rs->receiver[rs->nr++] = r;
	return 0;
}

static int take_one(struct receivers *rs, struct channel *ch,
		    unsigned int nr_channels, uint64_t session,
		    struct error *err)
{
	struct receiver *r = calloc(1, sizeof(*r));
	int rc;

	if (!r) {
		channel_close(ch);
		return -ENOMEM;
	}
	r->all = rs;
	r->ch = ch;
	r->in.tgt = rs->tgt;
	r->in.peer.ch = ch;
	r->in.peer.name = "source";
	r->in.peer.during = migrate_phase_name(MIGRATE_PRECOPY);
	r->in.peer.err = &r->err;
	progress_add_channel(&rs->tgt->progress, ch);
	rc = identify(r, nr_channels, session);
	if (!rc)
		rc = start(r);
	if (!rc)
		return 0;
	error_set(err, rc, "%s", r->err.text);
	progress_remove_channel(&rs->tgt->progress, ch);
	channel_close(ch);
	free(r);
	return rc;
}

static bool first_has_gone(const struct receivers *rs)
{
	return channel_gone(rs->tgt->in.peer.ch);
}

/* The next one, as long as the first is there. */
static int await_another(struct receivers *rs,
			 const struct migrate_channels *channels,
			 uint64_t end_ns, struct channel **ret_channel,
			 struct error *err)
{
	uint64_t now_ns = clock_now_ns(), slice_ns;
	int rc = -ETIMEDOUT;

	while (rc == -ETIMEDOUT && now_ns < end_ns) {
		if (first_has_gone(rs))
			return -ENODATA;
		slice_ns =
			end_ns - now_ns < LOOK_NS ? end_ns - now_ns : LOOK_NS;
		rc = channels->open(channels->ctx, slice_ns, ret_channel, err);
		now_ns = clock_now_ns();
	}
	return rc;
}

int receivers_collect(struct receivers *rs,
		      const struct migrate_channels *channels,
		      unsigned int nr_channels, uint64_t session,
		      struct error *err)
{
	uint64_t end_ns = clock_now_ns() + channels->timeout_ns;
	struct error stranger = { "" };
	struct channel *ch;
	int rc = 0;

	while (!rc && rs->nr + 1 < nr_channels) {
		rc = await_another(rs, channels, end_ns, &ch, &stranger);
		if (rc)
			break;
		/* Of this one alone. */
		stranger.text[0] = '\0';
		rc = take_one(rs, ch, nr_channels, session, &stranger);
		if (rc == -ENOKEY) {
			rc = 0;
			stranger.text[0] = '\0';
		}
	}
	if (rc == -ENODATA && !stranger.text[0])
		return peer_lost(&rs->tgt->in.peer, rc);
	if (rc && rc != -ETIMEDOUT && stranger.text[0])
		error_set(err, rc, "%s", stranger.text);
	if (rc == -ETIMEDOUT)
		error_set(err, rc, "%u of %u channels came within %llu ms",
			  rs->nr + 1, nr_channels,
			  (unsigned long long)(channels->timeout_ns /
					       NSEC_PER_MSEC));
	return rc;
}

void receivers_open_round(struct receivers *rs, uint32_t round)
{
	pthread_mutex_lock(&rs->lock);
	rs->open = round;
	pthread_cond_broadcast(&rs->changed);
	pthread_mutex_unlock(&rs->lock);
}

/* Lock held. */
static bool all_ended(const struct receivers *rs, uint32_t round)
{
	unsigned int i;

	for (i = 0; i < rs->nr; i++)
		if (rs->receiver[i]->ended != round)
			return false;
	return true;
}

/* Lock held. */
static int add_up(struct receivers *rs, struct wire_round *round,
		  struct error *err)
{
	unsigned int i;

	for (i = 0; i < rs->nr; i++) {
		const struct receiver *r = rs->receiver[i];

		if (r->in.round.flags != round->flags)
			return error_set(err, -EPROTO,
					 "channel %u has another kind of round "
					 "%" PRIu32,
					 r->index, round->round);
		round->pages += r->in.round.pages;
		round->zero_pages += r->in.round.zero_pages;
	}
	rs->closed = round->round;
	return 0;
}

/* Lock held. */
static void wait_a_while(struct receivers *rs)
{
	uint64_t end_ns = clock_now_ns() + LOOK_NS;
	struct timespec end = {
		.tv_sec = (time_t)(end_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(end_ns % NSEC_PER_SEC),
	};

	pthread_cond_timedwait(&rs->changed, &rs->lock, &end);
}

int receivers_close_round(struct receivers *rs, struct wire_round *round,
			  struct error *err)
{
	bool gone = false;
	int rc;

	pthread_mutex_lock(&rs->lock);
	while (!rs->failed && !all_ended(rs, round->round) && !gone) {
		gone = first_has_gone(rs);
		if (!gone)
			wait_a_while(rs);
	}
	if (rs->failed)
		rc = error_set(err, rs->failed->rc, "%s", rs->failed->err.text);
	else if (!all_ended(rs, round->round))
		rc = peer_lost(&rs->tgt->in.peer, -ENODATA);
	else
		rc = add_up(rs, round, err);
	pthread_mutex_unlock(&rs->lock);
	return rc;
}

int receivers_failure(struct receivers *rs, struct error *err)
{
	int rc = 0;

	pthread_mutex_lock(&rs->lock);
	if (rs->failed) {
		rc = rs->failed->rc;
		*err = rs->failed->err;
	}
	pthread_mutex_unlock(&rs->lock);
	return rc;
}

void receivers_close(struct receivers *rs)
{
	unsigned int i;

	pthread_mutex_lock(&rs->lock);
	rs->quit = true;
	pthread_cond_broadcast(&rs->changed);
	pthread_mutex_unlock(&rs->lock);
	for (i = 0; i < rs->nr; i++)
		channel_shutdown(rs->receiver[i]->ch);
	/* Each counts the bytes of all: none is closed while one still runs. */
	for (i = 0; i < rs->nr; i++)
		pthread_join(rs->receiver[i]->thread, NULL);
	while (rs->nr) {
		struct receiver *r = rs->receiver[--rs->nr];

		unpack_exit(&r->in.unpack);
		channel_close(r->ch);
		free(r);
	}
	pthread_cond_destroy(&rs->changed);
	pthread_mutex_destroy(&rs->lock);
}
