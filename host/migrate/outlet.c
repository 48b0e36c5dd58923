/* SPDX-License-Identifier: MIT */
/* The way of guest pages out of this process. */
#include "migrate/outlet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/copy.h"

/* What QEMU's stream had before it learned of I/O vectors. */
#define BUFFER_BYTES ((size_t)32 * 1024)

int outlet_open(struct outlet *o, struct channel *ch,
		const struct migrate_send *how, struct error *err)
{
	int rc;

	if (o->ch)
		return 0;
	if (how->zerocopy) {
		rc = channel_zerocopy_enable(ch);
		if (rc)
			return error_set(err, rc,
					 "this channel cannot send without a "
					 "copy (zerocopy): %s",
					 strerrordesc_np(-rc));
	}
	o->how = *how;
	if (how->copy || !ch->ops->writev) {
		o->buffer = malloc(BUFFER_BYTES);
		if (!o->buffer)
			return -ENOMEM;
	}
	o->ch = ch;
	return 0;
}

void outlet_close(struct outlet *o)
{
	free(o->buffer);
	memset(o, 0, sizeof(*o));
}

static int write_out(struct outlet *o, struct iovec *iov, int nr_iov,
		     bool zerocopy)
{
	struct channel_writes w = {
		.max_iov = o->how.iovecs,
		.zerocopy = zerocopy,
	};
	int rc = channel_write_counted(o->ch, iov, nr_iov, &w);

	o->stats.writes += w.writes;
	o->stats.iovecs += w.iovecs;
	o->stats.zerocopy_writes += w.zerocopy_writes;
	return rc;
}

static int flush(struct outlet *o)
{
	struct iovec iov = { o->buffer, o->filled };

	o->filled = 0;
	return write_out(o, &iov, 1, false);
}

static int copy(struct outlet *o, const struct iovec *iov)
{
	const uint8_t *from = iov->iov_base;
	size_t left = iov->iov_len;
	int rc = 0;

	while (!rc && left) {
		size_t room = BUFFER_BYTES - o->filled;
		size_t step = left < room ? left : room;

		copy_racy(o->buffer + o->filled, from, step);
		o->filled += step;
		from += step;
		left -= step;
		if (o->filled == BUFFER_BYTES)
			rc = flush(o);
	}
	return rc;
}

static int write_copied(struct outlet *o, const struct iovec *iov, int nr_iov)
{
	int i, rc = 0;

	for (i = 0; !rc && i < nr_iov; i++) {
		rc = copy(o, &iov[i]);
		o->stats.copied_bytes += i ? iov[i].iov_len : 0;
	}
	/* The batch ends: nothing of it waits for the next one. */
	return rc || !o->filled ? rc : flush(o);
}

int outlet_write(struct outlet *o, struct iovec *iov, int nr_iov)
{
	struct channel_writes head = { .max_iov = 1 };
	int rc;

	if (o->buffer)
		return write_copied(o, iov, nr_iov);
	/*
	 * Header and table by a call of their own: behind them in the same
	 * socket buffer the pages would lie askew, and both copies of every
	 * page take a third longer (tests/perf/migrate_loop). They are ours,
	 * and the next batch's soon: never without a copy.
	 */
	rc = channel_write_counted(o->ch, iov, 1, &head);
	if (!rc && nr_iov > 1)
		rc = write_out(o, iov + 1, nr_iov - 1, o->how.zerocopy);
	return rc;
}

int outlet_settle(struct outlet *o)
{
	if (!o->ch || !o->how.zerocopy || o->buffer)
		return 0;
	return channel_zerocopy_settle(o->ch, &o->stats.zerocopy_copied);
}
