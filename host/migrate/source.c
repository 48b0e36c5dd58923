/* SPDX-License-Identifier: MIT */
/* The sending side: its life from hello to the decision to switch over. */
#include "migrate/source_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "migrate/handover.h"
#include "migrate/policy.h"

/* A channel has failed: the target knows it by then, or never will. */
#define LAST_WORDS_NS (100 * NSEC_PER_MSEC)

int migrate_source_create(const struct migrate_vm_ops *ops, void *vm,
			  struct channel *ch,
			  const struct migrate_params *params,
			  const struct migrate_observer *observer,
			  struct migrate_source **ret_source)
{
	struct migrate_source *src = calloc(1, sizeof(*src));
	int rc;

	if (!src)
		return -ENOMEM;
	src->ops = ops;
	src->vm = vm;
	src->peer.ch = ch;
	src->peer.name = "target";
	src->peer.err = &src->err;
	progress_init(&src->progress, ch, true, observer);
	progress_set_params(&src->progress, params);
	rc = memory_init(&src->memory, ops, vm);
	if (rc)
		goto err_free;
	feed_init(&src->feed, ops, vm, &src->memory);
	lanes_init(&src->lanes, &src->feed, &src->progress);
	pools_init(&src->pools);
	src->channels.nr = 1;
	rc = sender_init(&src->sender, &src->feed, &src->peer, &src->progress);
	if (rc)
		goto err_memory;
	rc = source_devices_init(src);
	if (rc)
		goto err_sender;
	*ret_source = src;
	return 0;

err_sender:
	sender_exit(&src->sender);
err_memory:
	pools_exit(&src->pools);
	lanes_close(&src->lanes);
	feed_exit(&src->feed);
	memory_exit(&src->memory);
err_free:
	progress_exit(&src->progress);
	free(src);
	return rc;
}

void migrate_source_destroy(struct migrate_source *src)
{
	if (!src)
		return;
	lanes_close(&src->lanes);
	source_devices_exit(src);
	sender_exit(&src->sender);
	pools_exit(&src->pools);
	feed_exit(&src->feed);
	memory_exit(&src->memory);
	progress_exit(&src->progress);
	free(src);
}

void migrate_source_set_channels(struct migrate_source *src,
				 const struct migrate_channels *channels)
{
	src->channels = *channels;
}

int source_phase(struct migrate_source *src, enum migrate_phase phase)
{
	src->peer.during = migrate_phase_name(phase);
	return progress_phase(&src->progress, phase);
}

int source_blame_vm(struct migrate_source *src, int rc, const char *what)
{
	return error_set(&src->err, rc, "the source's machine failed to %s: %s",
			 what, strerrordesc_np(-rc));
}

/* The target answers at once: the time it takes is the round trip. */
static int say_hello(struct migrate_source *src, uint64_t session)
{
	uint8_t table[sizeof(struct wire_hello_le) +
		      MIGRATE_MAX_REGIONS * sizeof(struct wire_region_le)];
	struct wire_hello hello;
	uint64_t begin_ns = clock_now_ns();
	int rc;

	memory_describe(&src->memory, &hello);
	hello.nr_channels = src->channels.nr;
	hello.session = session;
	hello.packed = pools_kind(src->compress.codec);
	rc = peer_send(&src->peer, WIRE_HELLO, table,
		       wire_put_hello(table, &hello));
	if (!rc && !src->peer.ch->one_way)
		rc = peer_expect_flags(&src->peer, WIRE_ACCEPT, 0);
	src->fixed_ns = policy_fixed_ns(clock_now_ns() - begin_ns);
	return rc;
}

/* Nobody else can show it: a number that was never used before. */
static int new_session(uint64_t *ret_session)
{
	uint64_t session = 0;

	while (!session)
		if (getrandom(&session, sizeof(session), 0) != sizeof(session))
			return -EIO;
	*ret_session = session;
	return 0;
}

static int set_up(struct migrate_source *src)
{
	bool several = src->channels.nr > 1;
	uint64_t session = 0;
	int rc = several ? new_session(&session) : 0;

	if (!rc)
		rc = source_set_up_compression(src);
	if (!rc)
		rc = say_hello(src, session);
	if (!rc && several)
		rc = lanes_open(&src->lanes, &src->channels, session,
				&src->err);
	src->sender.share = src->lanes.nr + 1;
	return rc;
}

int source_fetch_dirty(struct migrate_source *src)
{
	struct memory *m = &src->memory;
	unsigned int i;
	int rc;

	for (i = 0; i < m->nr_regions; i++) {
		rc = src->ops->fetch_dirty(src->vm, i, m->bitmap[i],
					   BITMAP_BYTES(memory_pages(m, i)));
		if (rc)
			return source_blame_vm(src, rc, "give its dirty pages");
	}
	return 0;
}

static int expect_ack(struct migrate_source *src, const struct wire_round *sent)
{
	struct peer *p = &src->peer;
	struct wire_round ack;
	int rc = peer_expect(p, WIRE_ROUND_ACK);

	if (rc)
		return rc;
	rc = wire_parse_round(p->table, sizeof(struct wire_round_le), &ack,
			      p->err);
	if (rc)
		return rc;
	if (!memcmp(&ack, sent, sizeof(ack)))
		return 0;
	return error_set(p->err, -EPROTO,
			 "the target acknowledged another round than was sent");
}

/* Of a channel that failed: the target may have said why, on the first. */
static int lane_failed(struct migrate_source *src, int rc,
		       const struct error *why)
{
	if (channel_wait(src->peer.ch, LAST_WORDS_NS))
		return peer_interrupted(&src->peer);
	return error_set(&src->err, rc, "%s", why->text);
}

/* All channels together; returns when all have said that it has ended. */
static int send_pages(struct migrate_source *src,
		      const struct wire_round *round)
{
	struct error why = { "" };
	int rc, lane_rc;

	feed_rewind(&src->feed);
	lanes_begin(&src->lanes, round->round, round->flags, src->peer.during);
	rc = sender_round(&src->sender);
	if (rc)
		lanes_abort(&src->lanes);
	lane_rc = lanes_wait(&src->lanes, &why);
	if (lane_rc && (!rc || rc == -ECONNABORTED))
		return lane_failed(src, lane_rc, &why);
	return rc;
}

int source_send_round(struct migrate_source *src, bool final)
{
	struct migrate_round done;
	struct wire_round round = {
		.round = progress_round_begin(&src->progress),
		.flags = final ? WIRE_ROUND_FINAL : 0,
	};
	int rc;

	source_compression_begin(src);
	rc = peer_send_round(&src->peer, WIRE_ROUND_BEGIN, &round);
	if (!rc)
		rc = send_pages(src, &round);
	source_compression_end(src);
	if (rc)
		return rc;
	done = progress_round_end(&src->progress);
	round.pages = done.pages;
	round.zero_pages = done.zero_pages;
	rc = peer_send_round(&src->peer, WIRE_ROUND_END, &round);
	if (!rc && !final && !src->peer.ch->one_way)
		rc = expect_ack(src, &round);
	progress_round_end(&src->progress);
	return rc;
}

/* What the round has shown, and whether to stop the machine now. */
static bool judge(struct migrate_source *src,
		  const struct migrate_device_left *left)
{
	struct migrate_stats *stats = &src->progress.stats;
	struct migrate_round round = progress_round_end(&src->progress);
	uint64_t idle_ns = (src->sender.idle_ns + lanes_idle_ns(&src->lanes)) /
			   (src->lanes.nr + 1);
	uint64_t dirty = memory_count(&src->memory);
	struct policy_input in = {
		.remaining_bytes = dirty * source_page_bytes(src, &round) *
					   source_sparser(src) +
				   left->now_bytes + left->stopped_bytes,
		.fixed_ns = src->fixed_ns,
		.limit_ns = progress_params(&src->progress).downtime_limit_ns,
	};

	/* Only this thread writes them. */
	in.bandwidth_bytes_per_s = policy_bandwidth(
		stats->bandwidth_bytes_per_s, round.wire_bytes,
		round.duration_ns > idle_ns ? round.duration_ns - idle_ns : 1);
	progress_dirty(&src->progress, dirty);
	progress_set(&src->progress, &stats->bandwidth_bytes_per_s,
		     in.bandwidth_bytes_per_s);
	progress_set(&src->progress, &stats->expected_downtime_ns,
		     policy_expected_downtime_ns(&in));
	return policy_should_stop(&in) && !left->must_bytes;
}

/* Rounds until the rest fits into the downtime, or for ever. */
static int precopy(struct migrate_source *src)
{
	struct migrate_device_left left;
	int rc = src->ops->log_start(src->vm);

	if (rc)
		return source_blame_vm(src, rc, "log its writes");
	src->logging = true;
	rc = source_phase(src, MIGRATE_PRECOPY);
	if (rc)
		return rc;
	memory_set_all(&src->memory);
	do {
		rc = source_fetch_dirty(src);
		src->sent_pages = memory_count(&src->memory);
		src->sent_runs = memory_runs(&src->memory);
		if (!rc)
			rc = source_send_round(src, false);
		if (!rc)
			rc = source_devices_precopy(src);
		if (rc)
			return rc;
		memory_clear_all(&src->memory);
		rc = source_fetch_dirty(src);
		if (!rc)
			rc = source_devices_left(src, &left);
		if (rc)
			return rc;
		if (progress_cancelled(&src->progress))
			return -ECANCELED;
	} while (!judge(src, &left));
	return 0;
}

static int attempt(struct migrate_source *src)
{
	int rc = source_phase(src, MIGRATE_SETUP);

	if (!rc)
		rc = set_up(src);
	if (!rc)
		rc = progress_params(&src->progress).hand_over
			     ? source_hand_over(src)
			     : precopy(src);
	if (!rc)
		rc = source_switchover(src);
	return rc ? rc : source_commit(src);
}

/* The sentence for @rc, where the failure brought none of its own. */
static void explain(struct migrate_source *src, int rc)
{
	if (rc == -ECANCELED)
		src->err = (struct error){ "the migration was cancelled" };
	error_set(&src->err, rc, "the migration failed: %s",
		  strerrordesc_np(-rc));
}

int migrate_source_run(struct migrate_source *src)
{
	int rc;

	progress_begin(&src->progress, src->memory.bytes);
	rc = attempt(src);
	if (src->progress.committed) {
		explain(src, rc);
	} else {
		if (progress_cancelled(&src->progress))
			rc = -ECANCELED;
		explain(src, rc);
		rc = source_undo(src, rc);
	}
	progress_end(&src->progress, rc, src->err.text);
	/* Milliseconds that nobody waits for: the machine is the target's. */
	if (src->progress.committed && src->logging)
		src->ops->log_stop(src->vm);
	lanes_close(&src->lanes);
	lanes_init(&src->lanes, &src->feed, &src->progress);
	pools_close(&src->pools);
	return rc;
}

int migrate_source_cancel(struct migrate_source *src)
{
	return progress_cancel(&src->progress);
}

void migrate_source_set_params(struct migrate_source *src,
			       const struct migrate_params *params)
{
	progress_set_params(&src->progress, params);
}

void migrate_source_stats(struct migrate_source *src,
			  struct migrate_stats *ret_stats)
{
	progress_stats(&src->progress, ret_stats);
}
