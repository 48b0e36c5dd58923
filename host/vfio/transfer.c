/* SPDX-License-Identifier: MIT */
#include "vfio/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "vfio/state_file.h"

/* In PRE_COPY, of a device that does not tell how much there is. */
#define PRECOPY_MOST (1ull << 30)

struct run {
	const struct transfer *t;
	struct transfer_stats *s;
	struct error *err;
	unsigned int asked, given; /* pieces that stand open */
	bool touched; /* the target has left RUNNING */
};

/* A device's sentence becomes the transfer's. */
static int why(struct run *r, const struct vfio_client *c, int rc)
{
	return rc ? error_set(r->err, rc, "%s", vfio_client_why(c)) : 0;
}

static bool gives_up(const struct run *r)
{
	return r->t->pending && r->t->pending();
}

/* ---- pieces -------------------------------------------------------------- */

/* Closes gives until @most stand open. */
static int settle(struct run *r, unsigned int most)
{
	int rc = 0;

	for (; !rc && r->given > most; r->given--)
		rc = why(r, r->t->to, vfio_client_data_settle(r->t->to));
	return rc;
}

static int hand_over(struct run *r, const void *data, size_t bytes)
{
	int rc;

	if (r->t->save) {
		rc = state_file_write(r->t->save, data, bytes);
		return rc ? error_set(r->err, rc, "cannot write the file: %s",
				      strerror(-rc))
			  : 0;
	}
	rc = settle(r, r->t->depth - 1);
	if (rc)
		return rc;
	rc = vfio_client_data_give(r->t->to, data, bytes);
	r->given += !rc;
	return why(r, r->t->to, rc);
}

/* To a device that takes less at once than there is. */
static int give(struct run *r, const uint8_t *data, size_t bytes)
{
	size_t room = r->t->to ? vfio_client_data_room(r->t->to)
			       : STATE_FILE_MAX_PIECE;
	int rc = gives_up(r) ? error_set(r->err, -ECANCELED, "given up") : 0;

	while (!rc && bytes) {
		size_t piece = bytes < room ? bytes : room;

		rc = hand_over(r, data, piece);
		data += piece;
		bytes -= piece;
	}
	return rc;
}

static int ask(struct run *r)
{
	struct vfio_client *from = r->t->from;
	int rc = vfio_client_data_ask(from, vfio_client_data_room(from));

	r->asked += !rc;
	return why(r, from, rc);
}

static int take(struct run *r, uint64_t *bytes, bool *end)
{
	const void *data;
	size_t n;
	bool last;
	int rc = vfio_client_data_take(r->t->from, &data, &n, &last);

	r->asked--;
	if (rc)
		return why(r, r->t->from, rc);
	*end = *end || last;
	*bytes += n;
	/* The next one is made while this one is taken. */
	if (!*end)
		rc = ask(r);
	return rc ? rc : give(r, data, n);
}

/* What the source has, until it says that there is no more (for now), or @most
 * have come. */
static int stream(struct run *r, uint64_t *bytes, uint64_t most)
{
	bool end = false;
	int rc = 0;

	while (!rc && r->asked < r->t->depth)
		rc = ask(r);
	while (!rc && r->asked) {
		end = end || *bytes >= most;
		rc = take(r, bytes, &end);
		if (r->t->progress)
			r->t->progress(r->t->progress_ctx,
				       r->s->precopy_bytes + r->s->stop_bytes);
	}
	return rc ? rc : settle(r, 0);
}

static int stream_file(struct run *r)
{
	const void *data;
	size_t bytes = 0;
	int rc = state_file_rewind(r->t->load);

	while (!rc) {
		rc = state_file_read(r->t->load, &data, &bytes);
		if (rc || !bytes)
			break;
		rc = give(r, data, bytes);
		r->s->stop_bytes += bytes;
		if (r->t->progress)
			r->t->progress(r->t->progress_ctx, r->s->stop_bytes);
	}
	if (rc)
		return error_set(r->err, rc, "cannot read the file: %s",
				 strerror(-rc));
	return settle(r, 0);
}

/* ---- phases -------------------------------------------------------------- */

/* Both are asked first: a state outlives the connection that set it. */
static int check(struct run *r)
{
	struct vfio_client *c = r->t->from ? r->t->from : r->t->to;
	uint32_t state = MIG_STATE_ERROR;
	int rc;

	if (!vfio_client_flags(c) || (r->t->to && !vfio_client_flags(r->t->to)))
		return error_set(r->err, -EOPNOTSUPP,
				 "the %s's state does not move: it has neither "
				 "migration v2 nor v1",
				 vfio_client_flags(c) || c == r->t->to
					 ? "target"
					 : "source");
	if (!r->t->from)
		return 0;
	rc = why(r, c, vfio_client_get_state(c, &state));
	if (!rc && state != MIG_STATE_RUNNING)
		rc = error_set(r->err, -EBUSY,
			       "the source is in state %u and not in RUNNING "
			       "(2): somebody left it so; --reset brings it "
			       "back",
			       state);
	return rc;
}

static int prepare(struct run *r)
{
	uint64_t begin = clock_now_ns();
	int rc = 0;

	if (r->t->to) {
		r->touched = true;
		rc = why(r, r->t->to,
			 vfio_client_set_state(r->t->to, MIG_STATE_RESUMING));
	}
	r->s->prepare_ns = clock_now_ns() - begin;
	return rc;
}

/*
 * A state that changes faster than it is read has no end in PRE_COPY: once as
 * much has come as there is of it, the rest is better had in STOP_COPY.
 */
static uint64_t precopy_most(struct vfio_client *from)
{
	uint64_t bytes;

	return vfio_client_data_size(from, &bytes) ? PRECOPY_MOST : bytes;
}

static int precopy(struct run *r)
{
	struct vfio_client *from = r->t->from;
	uint64_t begin = clock_now_ns();
	int rc;

	if (!r->t->precopy || !(vfio_client_flags(from) & MIG_FLAG_PRE_COPY))
		return 0;
	rc = why(r, from, vfio_client_set_state(from, MIG_STATE_PRE_COPY));
	if (!rc)
		rc = stream(r, &r->s->precopy_bytes, precopy_most(from));
	r->s->precopy_ns = clock_now_ns() - begin;
	return rc;
}

static int stop_and_copy(struct run *r)
{
	struct vfio_client *from = r->t->from;
	uint64_t begin = clock_now_ns();
	int rc;

	rc = why(r, from, vfio_client_set_state(from, MIG_STATE_STOP_COPY));
	r->s->stop_ns = clock_now_ns() - begin;
	begin = clock_now_ns();
	if (!rc)
		rc = stream(r, &r->s->stop_bytes, UINT64_MAX);
	if (!rc)
		rc = why(r, from, vfio_client_set_state(from, MIG_STATE_STOP));
	r->s->copy_ns = clock_now_ns() - begin;
	return rc;
}

static int copy_file(struct run *r)
{
	uint64_t begin = clock_now_ns();
	int rc = stream_file(r);

	r->s->copy_ns = clock_now_ns() - begin;
	return rc;
}

/* The device looks at what it was given when it leaves RESUMING. */
static int finish_target(struct run *r)
{
	uint64_t begin = clock_now_ns();
	int rc = 0;

	if (r->t->to)
		rc = why(r, r->t->to,
			 vfio_client_set_state(r->t->to, MIG_STATE_RUNNING));
	else
		rc = state_file_publish(r->t->save, r->err);
	r->s->finish_ns = clock_now_ns() - begin;
	return rc;
}

/* ---- failure ------------------------------------------------------------- */

static void also(struct run *r, const char *who, const char *what)
{
	size_t used = strlen(r->err->text);

	if (used + 3 < sizeof(r->err->text))
		snprintf(r->err->text + used, sizeof(r->err->text) - used,
			 "; and the %s %s", who, what);
}

int transfer_reset(struct vfio_client *c)
{
	int rc = vfio_client_reset(c);

	if (!rc || rc == -ENOTCONN ||
	    vfio_client_set_state(c, MIG_STATE_RUNNING))
		return rc;
	return vfio_client_reset(c);
}

/* Both are to be of use afterwards. */
static void undo(struct run *r)
{
	struct vfio_client *to = r->t->to, *from = r->t->from;
	const void *data;
	uint32_t state;
	size_t bytes;
	bool end;

	for (; r->given; r->given--)
		vfio_client_data_settle(to);
	for (; r->asked; r->asked--)
		vfio_client_data_take(from, &data, &bytes, &end);
	if (to && r->touched && transfer_reset(to))
		also(r, "target", "could not be reset");
	if (!from || vfio_client_get_state(from, &state))
		return;
	if (state != MIG_STATE_RUNNING &&
	    vfio_client_set_state(from, MIG_STATE_RUNNING))
		also(r, "source", "does not go back to RUNNING");
}

static void traffic(struct vfio_client *c, struct vfio_traffic *t)
{
	struct vfio_traffic now;

	if (!c)
		return;
	vfio_client_traffic(c, &now);
	t->messages = now.messages - t->messages;
	t->bytes_in = now.bytes_in - t->bytes_in;
	t->bytes_out = now.bytes_out - t->bytes_out;
}

static int run(struct run *r)
{
	uint64_t stopped;
	int rc = prepare(r);

	if (!rc && r->t->from)
		rc = precopy(r);
	stopped = clock_now_ns();
	if (!rc)
		rc = r->t->from ? stop_and_copy(r) : copy_file(r);
	if (!rc)
		rc = finish_target(r);
	r->s->stopped_ns = clock_now_ns() - stopped;
	if (!rc && r->t->from && r->t->source_runs)
		rc = why(r, r->t->from,
			 vfio_client_set_state(r->t->from, MIG_STATE_RUNNING));
	return rc;
}

int transfer_run(const struct transfer *t, struct transfer_stats *ret,
		 struct error *err)
{
	struct run r = { .t = t, .s = ret, .err = err };
	uint64_t begin = clock_now_ns();
	int rc;

	memset(ret, 0, sizeof(*ret));
	traffic(t->from, &ret->from);
	traffic(t->to, &ret->to);
	rc = check(&r);
	if (!rc) {
		rc = run(&r);
		if (rc)
			undo(&r);
	}
	ret->total_ns = clock_now_ns() - begin;
	traffic(t->from, &ret->from);
	traffic(t->to, &ret->to);
	return rc;
}
