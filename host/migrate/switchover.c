/* SPDX-License-Identifier: MIT */
/*
 * The source's last steps: pause, last pages, state, and the one commit point.
 *
 * Nothing before source_commit() keeps the machine from running again here;
 * nothing after it makes it run again here.
 */
#include "migrate/source_priv.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "base/bitmap.h"
#include "base/buf.h"
#include "base/clock.h"
#include "migrate/handover.h"

/* The target has heard `go`: it says so quickly, or we go on without. */
#define RUNNING_NS NSEC_PER_SEC

static int pause_vm(struct migrate_source *src)
{
	struct progress *p = &src->progress;
	int rc = source_phase(src, MIGRATE_STOP);

	if (rc)
		return rc;
	progress_stamp(p, &p->stats.pause_begin_ns);
	/* Also if it fails: part of it may have stopped. */
	src->paused = true;
	src->feed.stopped = true;
	rc = src->ops->pause(src->vm);
	if (rc)
		return source_blame_vm(src, rc, "pause");
	progress_stamp(p, &p->stats.paused_ns);
	return 0;
}

/* What is dirty since the last round began, or was not sent in it. */
static int collect_last(struct migrate_source *src)
{
	struct memory *m = &src->memory;
	const struct migrate_observer *o = &src->progress.observer;
	unsigned int i;
	int rc = 0;

	if (src->handed)
		source_collect_unhanded(src);
	else
		rc = source_fetch_dirty(src);
	if (rc)
		return rc;
	for (i = 0; o->final_dirty && i < m->nr_regions; i++)
		o->final_dirty(o->ctx, i, m->bitmap[i]);
	progress_set(&src->progress, &src->progress.stats.remaining_bytes,
		     memory_count(m) * WIRE_PAGE_BYTES);
	return 0;
}

static int send_last_pages(struct migrate_source *src)
{
	struct progress *p = &src->progress;
	int rc = source_phase(src, MIGRATE_FINAL_RAM);

	if (!rc)
		rc = collect_last(src);
	if (!rc)
		rc = source_send_round(src, true);
	if (!rc)
		progress_stamp(p, &p->stats.final_ram_ns);
	return rc;
}

static int send_state_bytes(struct migrate_source *src, enum wire_type type,
			    struct buf *state)
{
	struct {
		struct wire_header_le header;
		uint8_t table[sizeof(struct wire_state_le)];
	} head;
	struct wire_header h = {
		.type = type,
		.table_bytes = sizeof(head.table),
		.payload_bytes = state->bytes,
	};
	struct iovec iov[2] = {
		{ &head, sizeof(head) },
		{ state->data, state->bytes },
	};

	if (state->bytes > WIRE_MAX_STATE_BYTES)
		return error_set(&src->err, -EFBIG,
				 "the machine's state has %zu bytes, more than "
				 "a stream carries",
				 state->bytes);
	wire_put_u64(head.table, XXH64(state->data, state->bytes, 0));
	return peer_send_iov(&src->peer, &head.header, &h, iov, 2);
}

static int send_state(struct migrate_source *src)
{
	struct progress *p = &src->progress;
	struct buf state = BUF_INIT;
	int rc = source_phase(src, MIGRATE_STATE);

	if (rc)
		return rc;
	rc = source_devices_final(src);
	if (rc)
		return rc;
	progress_stamp(p, &p->stats.devices_ns);
	rc = src->ops->save_state(src->vm, &state);
	if (rc) {
		source_blame_vm(src, rc, "save its state");
		goto out_exit;
	}
	progress_stamp(p, &p->stats.state_saved_ns);
	progress_set(p, &p->stats.state_bytes, state.bytes);
	rc = send_state_bytes(src, WIRE_STATE, &state);

out_exit:
	buf_exit(&state);
	return rc;
}

/* The guest still runs: what is done with it costs no downtime. */
static int announce(struct migrate_source *src)
{
	struct buf state = BUF_INIT;
	int rc = 0;

	/* Nobody to prepare anything. */
	if (!src->ops->announce || src->peer.ch->one_way)
		return 0;
	rc = src->ops->announce(src->vm, &state);
	if (rc) {
		source_blame_vm(src, rc, "announce its devices");
	} else if (state.bytes) {
		rc = send_state_bytes(src, WIRE_ANNOUNCE, &state);
		if (!rc)
			rc = peer_expect_flags(&src->peer, WIRE_PREPARED, 0);
	}
	buf_exit(&state);
	return rc;
}

int source_switchover(struct migrate_source *src)
{
	int rc = announce(src);

	if (!rc)
		rc = pause_vm(src);

	if (!rc)
		rc = send_last_pages(src);
	if (!rc)
		rc = send_state(src);
	if (!rc && !src->peer.ch->one_way)
		rc = peer_expect_flags(&src->peer, WIRE_READY, 0);
	return rc ? rc : source_phase(src, MIGRATE_READY);
}

static int say_go(struct migrate_source *src)
{
	struct progress *p = &src->progress;
	int rc = peer_send_u64(&src->peer, WIRE_GO, 0);

	progress_stamp(p, &p->stats.go_ns);
	progress_set(p, &p->stats.downtime_ns,
		     p->stats.go_ns - p->stats.pause_begin_ns);
	if (rc || !channel_wait(src->peer.ch, RUNNING_NS))
		return rc;
	rc = peer_expect_flags(&src->peer, WIRE_RUNNING, WIRE_RUNNING_YES);
	if (!rc)
		progress_confirm(p);
	return rc;
}

/*
 * Into a file: nobody runs by it before somebody loads it, and a whole one is
 * all that is promised. So `go` is written with the rest, and the commit is the
 * moment in which the file gets its name; if it doesn't, there was none.
 */
static int commit_file(struct migrate_source *src)
{
	struct progress *p = &src->progress;
	struct channel *ch = src->peer.ch;
	int rc = peer_send_u64(&src->peer, WIRE_GO, 0);

	if (rc)
		return rc;
	rc = ch->ops->finish(ch);
	if (rc)
		return peer_lost(&src->peer, rc);
	rc = progress_commit(p);
	if (rc)
		return rc;
	progress_stamp(p, &p->stats.go_ns);
	progress_set(p, &p->stats.downtime_ns,
		     p->stats.go_ns - p->stats.pause_begin_ns);
	rc = ch->ops->publish(ch);
	if (!rc)
		return 0;
	/* It has no name, so nobody will ever load it. */
	progress_uncommit(p);
	return peer_lost(&src->peer, rc);
}

int source_commit(struct migrate_source *src)
{
	struct error why;
	int rc;

	if (src->peer.ch->one_way)
		return commit_file(src);
	/* The last look at the target: has it gone, or given up? */
	if (channel_wait(src->peer.ch, 0))
		return peer_interrupted(&src->peer);
	rc = progress_commit(&src->progress);
	if (rc)
		return rc;
	src->peer.during = migrate_phase_name(MIGRATE_COMMITTED);
	rc = say_go(src);
	if (!rc)
		return 0;
	why = src->err;
	src->err = (struct error){ "" };
	return error_set(&src->err, -EREMOTEIO,
			 "%.400s; go had been said, so the source's machine "
			 "stays paused",
			 why.text);
}

int source_undo(struct migrate_source *src, int rc)
{
	struct error why = src->err;
	int resume_rc;

	/* The target sees the end of the stream without go: it gives up. */
	channel_shutdown(src->peer.ch);
	lanes_abort(&src->lanes);
	if (src->logging)
		src->ops->log_stop(src->vm);
	if (!src->paused)
		return rc;
	resume_rc = src->ops->resume(src->vm);
	if (!resume_rc)
		return rc;
	src->err = (struct error){ "" };
	error_set(&src->err, rc,
		  "%.150s; and the source's machine failed to "
		  "run again, it stays paused: %s",
		  why.text, strerrordesc_np(-resume_rc));
	/* A cancellation leaves the machine as it was: this is none. */
	return rc == -ECANCELED ? resume_rc : rc;
}
