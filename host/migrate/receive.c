/* SPDX-License-Identifier: MIT */
/* What the target takes in: pages into guest memory, state into the machine. */
#include "migrate/target_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "base/bitmap.h"
#include "base/buf.h"
#include "migrate/handover.h"
#include "migrate/prefault.h"

/* A claimed size is believed in steps of this, as the bytes come. */
#define STATE_STEP_BYTES ((size_t)1 << 20)

static uint8_t *run_hva(const struct migrate_target *tgt,
			const struct wire_run *run, uint64_t *ret_first)
{
	const struct migrate_region *r = &tgt->memory.region[run->region];

	*ret_first = run->gfn - r->gpa / WIRE_PAGE_BYTES;
	return r->hva + *ret_first * WIRE_PAGE_BYTES;
}

static uint64_t next_written(struct migrate_target *tgt,
			     const struct wire_run *run, uint64_t end,
			     uint64_t from)
{
	uint64_t page;

	pthread_mutex_lock(&tgt->memory_lock);
	page = bitmap_next(tgt->memory.bitmap[run->region], end, from);
	pthread_mutex_unlock(&tgt->memory_lock);
	return page;
}

/* Return: had none of it been written before? */
static bool mark_written(struct migrate_target *tgt, const struct wire_run *run,
			 uint64_t first)
{
	uint64_t *written = tgt->memory.bitmap[run->region];
	uint64_t end = first + run->count;
	bool fresh;

	pthread_mutex_lock(&tgt->memory_lock);
	fresh = bitmap_next(written, end, first) == end;
	bitmap_set_range(written, first, run->count);
	pthread_mutex_unlock(&tgt->memory_lock);
	return fresh;
}

/*
 * Memory is zero as long as nothing came for it; writing zeros there would
 * only make the kernel allocate it.
 */
static void receive_zeros(struct migrate_target *tgt,
			  const struct wire_run *run)
{
	uint64_t first, page, end;
	uint8_t *hva = run_hva(tgt, run, &first);

	end = first + run->count;
	for (page = next_written(tgt, run, end, first); page < end;
	     page = next_written(tgt, run, end, page + 1))
		memset(hva + (page - first) * WIRE_PAGE_BYTES, 0,
		       WIRE_PAGE_BYTES);
}

static int add_iov(struct iovec *iov, int nr_iov, uint8_t *at, size_t bytes)
{
	struct iovec *last = iov + nr_iov - 1;

	if (nr_iov && (uint8_t *)last->iov_base + last->iov_len == at) {
		last->iov_len += bytes;
		return nr_iov;
	}
	iov[nr_iov] = (struct iovec){ at, bytes };
	return nr_iov + 1;
}

/* Where the payload of a run goes: guest memory, or where it is unpacked. */
static uint8_t *payload_at(struct intake *in, unsigned int i, uint8_t *hva)
{
	if (in->runs[i].kind == WIRE_RAW)
		return hva;
	in->packed[i] = unpack_room(&in->unpack, &in->runs[i]);
	return (uint8_t *)in->packed[i];
}

/* Zeros at once; returns the number of places for the payload. */
static int take_runs(struct intake *in, unsigned int nr_runs)
{
	unsigned int i;
	int nr_iov = 0;

	for (i = 0; i < nr_runs; i++) {
		const struct wire_run *run = &in->runs[i];
		size_t bytes = run->count * (size_t)WIRE_PAGE_BYTES;
		uint64_t first;
		uint8_t *hva = run_hva(in->tgt, run, &first);

		in->round.pages += run->count;
		if (run->kind == WIRE_ZERO) {
			in->round.zero_pages += run->count;
			receive_zeros(in->tgt, run);
			continue;
		}
		if (mark_written(in->tgt, run, first))
			prefault(hva, bytes);
		nr_iov = add_iov(in->iov, nr_iov, payload_at(in, i, hva),
				 run->stored_bytes);
	}
	return nr_iov;
}

/* Runs are in order: the last one of a region has come furthest there. */
static int tell_reached(struct intake *in, unsigned int nr_runs)
{
	const struct migrate_target *tgt = in->tgt;
	const struct wire_run *run = in->runs;
	uint64_t first;
	unsigned int i;
	int rc = 0;

	if (!tgt->ops->reached || in->round.round != 1)
		return 0;
	for (i = 0; !rc && i < nr_runs; i++) {
		if (i + 1 < nr_runs && run[i + 1].region == run[i].region)
			continue;
		run_hva(tgt, &run[i], &first);
		rc = tgt->ops->reached(tgt->vm, run[i].region,
				       first + run[i].count, in->peer.err);
	}
	return rc;
}

/* What recv(2) says where it finds no page to write to. */
static int no_memory(struct intake *in)
{
	return error_set(in->peer.err, -ENOMEM,
			 "the target could not have a page of its memory: "
			 "have huge pages reserved (--reserve on), or more of "
			 "them");
}

static bool has_packed(const struct intake *in, unsigned int nr_runs)
{
	unsigned int i;

	for (i = 0; i < nr_runs; i++)
		if (in->runs[i].kind > WIRE_RAW)
			return true;
	return false;
}

/* They have been read. */
static int unpack_runs(struct intake *in, unsigned int nr_runs)
{
	unsigned int i;
	uint64_t first;
	int rc = 0;

	for (i = 0; !rc && i < nr_runs; i++)
		if (in->runs[i].kind > WIRE_RAW)
			rc = unpack_run(&in->unpack, &in->runs[i],
					run_hva(in->tgt, &in->runs[i], &first),
					in->packed[i], in->peer.err);
	return rc;
}

int intake_finish(struct intake *in)
{
	return unpack_finish(&in->unpack, in->peer.err);
}

int intake_batch(struct intake *in, const struct wire_header *h)
{
	const struct memory *memory = &in->tgt->memory;
	struct peer *p = &in->peer;
	uint64_t pages = in->round.pages, zeros = in->round.zero_pages;
	unsigned int nr_runs;
	bool packed;
	int rc, nr_iov;

	rc = wire_parse_runs(p->table, h->table_bytes, h->payload_bytes,
			     memory->region, memory->nr_regions,
			     in->tgt->packed, in->runs, &nr_runs, p->err);
	if (rc)
		return rc;
	rc = target_check_runs(in, nr_runs);
	if (rc)
		return rc;
	rc = tell_reached(in, nr_runs);
	if (rc)
		return rc;
	packed = has_packed(in, nr_runs);
	rc = packed ? unpack_begin(&in->unpack, p->err) : 0;
	if (rc)
		return rc;
	nr_iov = take_runs(in, nr_runs);
	rc = channel_readv_all(p->ch, in->iov, nr_iov);
	if (rc == -EFAULT)
		return no_memory(in);
	if (rc)
		return peer_lost(p, rc);
	rc = packed ? unpack_runs(in, nr_runs) : 0;
	if (rc)
		return rc;
	progress_batch(&in->tgt->progress, in->round.pages - pages,
		       in->round.zero_pages - zeros);
	return 0;
}

static int read_state(struct migrate_target *tgt, uint64_t bytes,
		      struct buf *state)
{
	while (state->bytes < bytes) {
		size_t left = bytes - state->bytes;
		size_t step = left < STATE_STEP_BYTES ? left : STATE_STEP_BYTES;
		void *at = buf_reserve(state, step);
		int rc;

		if (!at)
			return -ENOMEM;
		rc = channel_read_all(tgt->in.peer.ch, at, step);
		if (rc)
			return peer_lost(&tgt->in.peer, rc);
		state->bytes += step;
	}
	return 0;
}

/* @ret_state is the caller's to free, also on failure. */
static int receive_bytes(struct migrate_target *tgt,
			 const struct wire_header *h, struct buf *ret_state)
{
	uint64_t expected;
	int rc = wire_parse_u64(tgt->in.peer.table, h->table_bytes, &expected,
				&tgt->err);

	if (!rc)
		rc = read_state(tgt, h->payload_bytes, ret_state);
	if (!rc && XXH64(ret_state->data, ret_state->bytes, 0) != expected)
		rc = error_set(&tgt->err, -EPROTO,
			       "the checksum of the machine's state is wrong");
	return rc;
}

static int load_state(struct migrate_target *tgt, const struct buf *state)
{
	struct progress *p = &tgt->progress;
	int rc = tgt->ops->load_state(tgt->vm, state->data, state->bytes);

	if (rc)
		return error_set(&tgt->err, rc,
				 "the target's machine failed to load the "
				 "state: %s",
				 strerrordesc_np(-rc));
	progress_set(p, &p->stats.state_bytes, state->bytes);
	progress_stamp(p, &p->stats.state_loaded_ns);
	return 0;
}

int target_receive_state(struct migrate_target *tgt,
			 const struct wire_header *h)
{
	struct buf state = BUF_INIT;
	int rc = receive_bytes(tgt, h, &state);

	if (!rc)
		rc = load_state(tgt, &state);
	buf_exit(&state);
	return rc;
}

int target_receive_announcement(struct migrate_target *tgt,
				const struct wire_header *h)
{
	struct buf state = BUF_INIT;
	int rc;

	if (!tgt->ops->prepare)
		return error_set(&tgt->err, -EPROTO,
				 "the source announces devices, and this "
				 "machine cannot prepare for them");
	rc = receive_bytes(tgt, h, &state);
	if (!rc) {
		rc = tgt->ops->prepare(tgt->vm, state.data, state.bytes);
		if (rc)
			error_set(&tgt->err, rc,
				  "the target's machine failed to prepare for "
				  "the devices: %s",
				  strerrordesc_np(-rc));
	}
	buf_exit(&state);
	return rc;
}
